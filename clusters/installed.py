"""The catalogue that this installation was set up with; clusters/ does not know who made it."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from clusters.catalogue import Catalogue


@cache
def catalogue() -> Catalogue:
    """The catalogue that the setting GATEFOLD_CATALOGUE names."""
    found: Catalogue = import_string(settings.GATEFOLD_CATALOGUE)
    return found
