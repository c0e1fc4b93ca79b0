"""How django-allauth behaves here: nobody signs up alone, and who has a second factor is asked for it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.login import policy

_MISMATCH = _("This user name and passphrase do not belong together. Mind capital letters.")


class Account(DefaultAccountAdapter):
    """Logins and passphrases."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _MISMATCH,
        "incorrect_password": _("This is not your passphrase. Mind capital letters."),
        "enter_current_password": _("This is not your present passphrase. Mind capital letters."),
        "too_many_login_attempts": _("Too many attempts. Wait five minutes, then try again."),
        "rate_limited": _("Too many attempts. Wait a minute, then try again."),
        "incorrect_code": _("This code is not right, or it was used before. Wait for the next one."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts come by invitation."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address of the browser; the same for all where a proxy on a Unix socket tells none."""
        found = request.META.get("REMOTE_ADDR") or settings.ALLAUTH_TRUSTED_PROXY_COUNT
        return super().get_client_ip(request) if found else "0.0.0.0"

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """The second factor where there is one, else the passphrase."""
        found = super().get_reauthentication_methods(user)
        return [each for each in found if each["id"] != "reauthenticate"] or found

    def post_login(self, request: HttpRequest, user: Any, **more: Any) -> Any:
        """A login is as fresh as a confirmation."""
        for record in request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, []):
            record["reauthenticated"] = True
        request.session.modified = True
        return super().post_login(request, user, **more)


class SecondFactor(DefaultMFAAdapter):
    """Codes and passkeys."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": Account.error_messages["incorrect_code"],
        "cannot_delete_authenticator": _("Your organisation asks for a second factor: set up another first."),
    }

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Not the last one of a person who must have one."""
        others = policy.second_factors(authenticator.user_id).exclude(pk=authenticator.pk)
        return others.exists() or not policy.is_required(authenticator.user)


class Provider(DefaultSocialAccountAdapter):
    """Logins by a provider of the environment; whoever comes new has no tenant until invited."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True


def _box() -> MultiFernet:
    """The keys of what is kept encrypted in the database; they stand outside it."""
    keys: list[Any] = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(f"second factor:{key}".encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(each)) for each in digests])
