"""What both roles share: the portal and the program on each machine are one project."""

import os
from pathlib import Path

from portal.settings.environment import DEFAULT_VAR, number

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR = Path(os.environ.get("GATEFOLD_VAR", DEFAULT_VAR))

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "clusters",
    "appliances",
]
DATABASE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語")]
LOCALE_PATHS = [BASE_DIR / "locale"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]

GATEFOLD_KEEP_DAYS = number("GATEFOLD_KEEP_DAYS", os.environ.get("GATEFOLD_KEEP_DAYS", "400"))
GATEFOLD_KEEP_COMMITS = number("GATEFOLD_KEEP_COMMITS", os.environ.get("GATEFOLD_KEEP_COMMITS", "5000"), 9)
GATEFOLD_CATALOGUE = "appliances.features.registry.CATALOGUE"
