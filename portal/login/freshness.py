"""Is it still the person who logged in? What cannot be undone asks again after a quarter of an hour."""

from __future__ import annotations

import time
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.login.policy import second_factors


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person showed the second factor, or a passphrase where there is none, lately enough."""
    found = get_authentication_records(request, request.user)
    late = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    recent = {str(record.get("method")) for record in found if record.get("at", 0) > late}
    return "mfa" in recent or (bool(recent) and not second_factors(request.user.pk).exists())


def ask_again(request: HttpRequest) -> HttpResponse:
    """To the page that asks, and from there back. What was sent is not kept: it may hold a passphrase."""
    if request.method == "POST":
        messages.info(request, _("Confirm that it is you, then press the button again. Nothing was changed."))
    methods = get_adapter().get_reauthentication_methods(request.user)
    if not methods:
        messages.warning(request, _("Set up a second factor first, or log in anew."))
        return _go(request, reverse("mfa_index"))
    return _go(request, f"{methods[0]['url']}?{urlencode({'next': _back(request)})}")


def _back(request: HttpRequest) -> str:
    """The page on which the button is."""
    if request.method == "GET":
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    return f"{came_from.path}?{came_from.query}".rstrip("?") if came_from.path else request.path


def _go(request: HttpRequest, address: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)
