"""Settings of the portal: many clusters, Celery workers, Channels.

Environment variables, or lines of the file that GATEFOLD_ENVIRONMENT names (default VAR/portal/environment):

    GATEFOLD_VAR            directory of all state (default var/)
    GATEFOLD_DATABASE_URL   postgres://... (default SQLite in VAR/portal)
    GATEFOLD_REDIS_URL      redis://... or unix:///path (default the embedded Redis' socket in VAR/portal)
    GATEFOLD_HOSTS          names under which browsers reach the portal, comma separated
    GATEFOLD_ORIGINS        the same as origins (https://portal.example.com), when behind a proxy
    GATEFOLD_HTTPS          on: cookies travel over HTTPS only
    GATEFOLD_STATIC         folder that collectstatic fills and the portal serves (default VAR/static)
    GATEFOLD_RELEASES       folder of releases for the machines (default VAR/releases), see docs/upgrades.md
    GATEFOLD_GUIDED_CLUSTERCONFIG  off: no guided administration of clusters (default on)
    GATEFOLD_PORTAL_NAME    the name that stands in commits made here
    GATEFOLD_PROXIES        how many proxies of yours stand before the portal (default 0)
    GATEFOLD_OIDC           short names of providers people may log in with, see docs/people.md
    GATEFOLD_AUDIT_HEAD     file that keeps the end of the audit log (default VAR/portal/audit.head)
    GATEFOLD_URL            address of the portal, for links in notices (https://portal.example.com)
    GATEFOLD_EMAIL_URL      smtp://user:passphrase@host:25, smtps:// or smtp+tls://; without, no mail is sent
    GATEFOLD_EMAIL_FROM     sender of notices and invitations (default gatefold@ this host)
    GATEFOLD_SEALING_KEYS   file of the keys of sealed secrets (default VAR/portal/sealing_keys)
    GATEFOLD_WEBHOOK_ALLOW  networks inside that webhooks may reach, comma separated (10.1.2.0/24)
"""

import os
import socket
import sys
from pathlib import Path

import dj_database_url
from django.utils.translation import gettext_lazy as _

from portal.settings.base import *  # noqa: F403 - the base is meant to be taken whole
from portal.settings.base import BASE_DIR, DATABASE_OPTIONS, INSTALLED_APPS, VAR
from portal.settings.environment import (
    database_url,
    email_of,
    flag,
    home_made,
    listed,
    read_environment_file,
    redis_url,
    signing_secret,
)

HOME = home_made(VAR / "portal")
read_environment_file(Path(os.environ.get("GATEFOLD_ENVIRONMENT", HOME / "environment")))

from portal.settings.login import *  # noqa: E402, F403 - the part about people, which reads that environment

SECRET_KEY = os.environ.get("GATEFOLD_SECRET_KEY") or signing_secret(HOME)
DEBUG = flag("GATEFOLD_DEBUG")
ALLOWED_HOSTS = listed("GATEFOLD_HOSTS", f"localhost,127.0.0.1,[::1],{socket.gethostname()}")
CSRF_TRUSTED_ORIGINS = listed("GATEFOLD_ORIGINS")
GATEFOLD_PORTAL_HOME = HOME
GATEFOLD_SEALING_KEYS = os.environ.get("GATEFOLD_SEALING_KEYS", str(HOME / "sealing_keys"))
GATEFOLD_RELEASES = os.environ.get("GATEFOLD_RELEASES", str(VAR / "releases"))
GATEFOLD_GUIDED_CLUSTERCONFIG = flag("GATEFOLD_GUIDED_CLUSTERCONFIG", True)
GATEFOLD_PORTAL_NAME = os.environ.get("GATEFOLD_PORTAL_NAME", "portal")
GATEFOLD_AUDIT_HEAD = os.environ.get("GATEFOLD_AUDIT_HEAD", str(HOME / "audit.head"))
GATEFOLD_URL = os.environ.get("GATEFOLD_URL", "")
GATEFOLD_WEBHOOK_ALLOW = listed("GATEFOLD_WEBHOOK_ALLOW")
(EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_SSL, EMAIL_USE_TLS) = email_of(
    os.environ.get("GATEFOLD_EMAIL_URL", "")
)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("GATEFOLD_EMAIL_FROM", f"gatefold@{socket.gethostname()}")

INSTALLED_APPS = [
    "portal.admin_site.site.GatefoldAdminConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    *INSTALLED_APPS,
    "portal",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.security.content_security_policy",
    "portal.security.unreadable_requests",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.login.display.as_the_person_likes",
    "portal.login.activity.note_activity",
    "portal.login.policy.second_factor_first",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": [
                "portal.templatetags.gatefold",
                "portal.templatetags.alerts",
                "portal.templatetags.seeing",
            ],
        },
    }
]

DATABASE_URL = database_url(os.environ.get("GATEFOLD_DATABASE_URL", ""))
if DATABASE_URL and not DATABASE_URL.startswith("sqlite"):
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATABASE_URL.removeprefix("sqlite:///") or str(HOME / "portal.sqlite3"),
            "OPTIONS": DATABASE_OPTIONS,
        }
    }

REDIS_URL = redis_url(os.environ.get("GATEFOLD_REDIS_URL", f"unix://{HOME / 'redis.sock'}"))
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # Receiving waits longer than the client library's own patience with a socket.
            "hosts": [{"address": REDIS_URL, "socket_timeout": None}],
            "prefix": "gatefold",
            "capacity": 500,
            "expiry": 30,
        },
    }
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL},
    # Parts of pages, for a moment: each web process has its own, and nothing of a cluster goes to Redis.
    "parts": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "parts"},
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)

STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("GATEFOLD_STATIC", VAR / "static"))
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 60
COLLECTED_STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"
# Before the first collectstatic there is no list of names, and the commands that come before need none. The
# commands that collect make it; the demo goes without, because it takes seconds at each start.
_COLLECTED = (STATIC_ROOT / "staticfiles.json").exists() or {"collectstatic", "setup"} & {*sys.argv[1:3]}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": COLLECTED_STORAGE
        if _COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = flag("GATEFOLD_HTTPS")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.security.SilentReports"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Of a long table a form carries what was changed; many new rows come as one text (docs/limits.md).
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.BearerToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "portal.api.authentication.MayWrite",
    ],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsing.CarefulJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.errors.answer",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Gatefold",
    "DESCRIPTION": "Clusters of email gateways: settings per mode, pending changes, commits, live states.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["portal.api.description.with_common_answers"],
}

# The names are translated when they are shown, which the type of the setting does not know.
LANGUAGES = [("en", _("English")), ("ja", _("Japanese"))]  # type: ignore[list-item]  # lazy texts
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "clusters.visible.ShownLines",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"asyncssh": {"level": "WARNING"}},
}
