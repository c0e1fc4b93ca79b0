"""Who must have a second factor, and what a login without it may do: set one up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from portal.tenants import Member, Role, Tenant

MISSING = "second_factor_missing"
OPEN = ("/account/2fa/", "/account/reauthenticate/", "/logout/", "/i18n/", "/static/", "/healthz")

Respond = Callable[[HttpRequest], HttpResponse]


def second_factors(user_id: int | OuterRef | None) -> QuerySet[Authenticator]:
    """Apps and keys of the person; recovery codes alone are none."""
    return Authenticator.objects.filter(user=user_id).exclude(type=Authenticator.Type.RECOVERY_CODES)


def is_required(user: Any) -> bool:
    """Whether a tenant of the person asks for a second factor."""
    administers = Q(role=Role.ADMINISTRATOR) | Q(clusters__role=Role.ADMINISTRATOR)
    asked = Q(tenant__second_factor=Tenant.SecondFactor.EVERYBODY) | (
        Q(tenant__second_factor=Tenant.SecondFactor.ADMINISTRATORS) & administers
    )
    return Member.objects.filter(asked, user=user.pk).exists()


def check(request: HttpRequest, user: Any) -> None:
    """Note in the session whether the person has to set up a second factor first."""
    if is_required(user) and not second_factors(user.pk).exists():
        request.session[MISSING] = True
    else:
        request.session.pop(MISSING, None)


def second_factor_first(respond: Respond) -> Respond:
    """Middleware: whoever must set up a second factor comes to no other page before."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.session.get(MISSING) and not request.path.startswith(OPEN):
            check(request, request.user)
            if request.session.get(MISSING):
                return _to_set_up(request)
        return respond(request)

    return answer


def _to_set_up(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        text = _("Your organisation asks for a second factor. Log in to the portal and set one up.")
        return JsonResponse({"detail": text}, status=403)
    return redirect("mfa_index")
