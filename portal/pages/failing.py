"""What a request gets that leads nowhere, cannot be read, or breaks the server."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found

logger = logging.getLogger(__name__)


def missing(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """The answer 404."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("There is nothing at this address.")}, status=404)
    return page_not_found(request, exception)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer 400: too large, or not what a browser sends."""
    text = _("It is larger than this portal takes, or broken. Nothing of it was done or kept.")
    return _answer(request, 400, _("This request cannot be read"), text)


def broken(request: HttpRequest) -> HttpResponse:
    """The answer 500. It needs no database, and says nothing of what the request held."""
    text = _("The portal has failed, and its log says why. What you saved before is kept; try again.")
    return _answer(request, 500, _("This did not work"), text)


def _answer(request: HttpRequest, code: int, title: str, text: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": f"{title}. {text}"}, status=code)
    # A page of its own: what failed may be what all other pages begin with.
    try:
        return render(None, "parts/alone.html", {"title": title, "text": text}, status=code)
    except Exception:
        # Files of another release, or none: the sentence must reach the person even then.
        logger.exception("the page of an error failed too; were the static files collected (collectstatic)?")
        return HttpResponse(f"{title}. {text}", content_type="text/plain; charset=utf-8", status=code)
