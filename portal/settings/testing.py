"""Settings of the tests: the portal's, with channel layer and broker in memory and no files of its own.

Tests that are about the broker start a real one and point at it.
"""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("GATEFOLD_SECRET_KEY", "only tests sign with this key, and nothing lasts beyond a test")
if "GATEFOLD_VAR" not in os.environ:
    os.environ["GATEFOLD_VAR"] = tempfile.mkdtemp(prefix="gf-var-", dir="/tmp")
    atexit.register(shutil.rmtree, os.environ["GATEFOLD_VAR"], ignore_errors=True)
# Whatever was collected in the source tree, tests collect what is in it now.
os.environ["GATEFOLD_STATIC"] = os.path.join(os.environ["GATEFOLD_VAR"], "static")

from portal.settings.portal import *  # noqa: F403 - after the environment it reads
from portal.settings.portal import COLLECTED_STORAGE, DATABASE_OPTIONS, STATIC_ROOT, STORAGES

STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# As in production, where a name that was not collected is an error; tests/conftest.py collects.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": COLLECTED_STORAGE}}
# Each client of a test has a server of its own, which would read the whole folder.
WHITENOISE_AUTOREFRESH = True

CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CELERY_BROKER_URL = "memory://"
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Tests change rows without the hint that follows; the test of this cache has one.
    "parts": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}
if not os.environ.get("GATEFOLD_DATABASE_URL"):
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": DATABASE_OPTIONS,
        }
    }
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
