"""Settings about people: login, second factor, passkeys, providers, sessions, limits against guessing."""

import os
from urllib.parse import urlsplit

from portal.settings.environment import BadEnvironment, flag, listed, number

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "fleet"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "portal.login.adapters.Account"
ACCOUNT_FORMS = {"login": "portal.login.forms.LoginForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_RATE_LIMITS = {
    "login": "120/m/ip",
    # Per address, and per name whoever asks: five wrong passphrases in five minutes, known name or not.
    "login_failed": "20/m/ip,5/5m/key",
}
ALLAUTH_TRUSTED_PROXY_COUNT = number("GATEFOLD_PROXIES", os.environ.get("GATEFOLD_PROXIES", "0"))

MFA_ADAPTER = "portal.login.adapters.SecondFactor"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Gatefold"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Browsers give passkeys to localhost without HTTPS; to any other name only with it.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not flag("GATEFOLD_HTTPS")

USERSESSIONS_TRACK_ACTIVITY = True

SOCIALACCOUNT_ADAPTER = "portal.login.adapters.Provider"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"


def _provider(name: str) -> dict[str, object]:
    """A provider of the environment; raises BadEnvironment for one that is not told whole."""
    prefix = f"GATEFOLD_OIDC_{name.upper()}_"
    told = {part: os.environ.get(prefix + part, "") for part in ("URL", "CLIENT", "SECRET")}
    if missing := [part for part, value in told.items() if not value]:
        raise BadEnvironment(
            f"GATEFOLD_OIDC names {name}: set {', '.join(prefix + part for part in missing)}"
        )
    if not told["URL"].startswith(("https://", "http://localhost", "http://127.")):
        raise BadEnvironment(f"{prefix}URL is {told['URL']!r}; write https://...")
    return {
        "provider_id": name,
        "name": os.environ.get(f"{prefix}NAME", name.capitalize()),
        "client_id": told["CLIENT"],
        "secret": told["SECRET"],
        "settings": {"server_url": told["URL"], "oauth_pkce_enabled": True},
    }


def _pages(name: str) -> str:
    """The origin of a provider's login page."""
    prefix = f"GATEFOLD_OIDC_{name.upper()}_"
    url = urlsplit(os.environ[f"{prefix}URL"])
    return os.environ.get(f"{prefix}ORIGIN", f"{url.scheme}://{url.netloc}")


GATEFOLD_OIDC = [_provider(name) for name in listed("GATEFOLD_OIDC")]
# The form of the login leads on to the providers, whose pages may stand on another host than their URL.
GATEFOLD_FORM_TARGETS = [_pages(name) for name in listed("GATEFOLD_OIDC")]
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": GATEFOLD_OIDC}}
