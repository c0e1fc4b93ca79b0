"""Who calls the API: a browser's session, or `Authorization: Bearer gatefold_...`."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.settings import api_settings

from portal.login.freshness import is_fresh
from portal.people.tokens import ApiToken, holder


class BearerToken(BaseAuthentication):
    """The person whose token is in the header; nobody where there is none."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        word, _space, text = request.headers.get("Authorization", "").partition(" ")
        if word.casefold() != "bearer":
            return None
        token = holder(text.strip())
        if token is None:
            raise AuthenticationFailed(_("This token is not known, has expired, or was revoked."))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MayWrite(BasePermission):
    """A read-only token only looks."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        if request.method in SAFE_METHODS or not isinstance(token, ApiToken) or not token.read_only:
            return True
        self.message = _("This token is read-only.")
        return False


class FreshToWrite(BasePermission):
    """What pages do only after a fresh second factor: a session that has one lately, and no token."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        if request.auth is not None:
            self.message = _("A token cannot do this: it has no second factor. Use the portal.")
            return False
        self.message = _("Confirm in the portal that it is you, or log in anew; then try again.")
        return is_fresh(request)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it has no types
    """How the description of the API names it."""

    target_class = BearerToken
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API token of a person."}


FRESH_TO_WRITE: list[Any] = [*api_settings.DEFAULT_PERMISSION_CLASSES, FreshToWrite]
"""The permissions of views whose writes want a fresh second factor."""
