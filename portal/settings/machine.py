"""Settings of the program on a machine: SQLite in its home, one cluster, no broker."""

import sys
from pathlib import Path

from portal.settings.base import *  # noqa: F403 - the base is meant to be taken whole
from portal.settings.base import DATABASE_OPTIONS, VAR


def _home() -> Path:
    """`--home` of the command line, which must be known before the first query; else GATEFOLD_VAR."""
    for word, following in zip(sys.argv, [*sys.argv[1:], ""], strict=True):
        if word == "--home" and following:
            return Path(following).absolute()
        if word.startswith("--home="):
            return Path(word.partition("=")[2]).absolute()
    return VAR


HOME = _home()
# Its people are in userconfig: accounts of Django would only make the first start slow.
INSTALLED_APPS = ["clusters", "appliances"]
SECRET_KEY = "a machine signs nothing with this key"
GATEFOLD_SEALING_KEYS = HOME / "sealing_keys"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HOME / "state.sqlite3",
        "OPTIONS": DATABASE_OPTIONS,
    }
}
