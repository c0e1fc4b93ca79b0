"""A machine's settings with the fake catalogue, for tests that start processes."""

from portal.settings.machine import *  # noqa: F403 - the machine's settings are meant to be taken whole

INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "clusters"]
GATEFOLD_CATALOGUE = "tests.clusters.catalogues.CATALOGUE"
