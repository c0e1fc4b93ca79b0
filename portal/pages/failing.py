"""What a request gets that leads nowhere, cannot be read, or breaks the server."""

from __future__ import annotations

import logging
import sys

from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.defaults import page_not_found
from redis.exceptions import RedisError

from appliances.links.identity import KeyTrouble
from clusters.sealing import KeyMissing

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
    """The answer 500, or 503 where a part of the portal is away or damaged; the log has the error.

    It needs no database, and says nothing of what the request held.
    """
    error = sys.exc_info()[1]
    for kinds, title, text in PARTS:
        if _comes_of(error, kinds):
            return _answer(request, 503, str(title), str(text))
    said = _("The portal has failed, and its log says why. What you saved before is kept; try again.")
    return _answer(request, 500, str(_("This did not work")), str(said))


PARTS: tuple[tuple[tuple[type[Exception], ...], Promise, Promise], ...] = (
    (
        (RedisError,),
        gettext_lazy("The portal's Redis does not answer"),
        gettext_lazy(
            "Nobody can log in until it does, because attempts are counted there; who is logged in can go on "
            "with most pages. Those who run the portal start Redis, or mend GATEFOLD_REDIS_URL."
        ),
    ),
    (
        (KeyMissing,),
        gettext_lazy("The portal cannot open its sealed secrets"),
        gettext_lazy(
            "The file of its sealing keys is missing or damaged; the portal's log names it. Those who run "
            "the portal put it back from a backup. Nothing was changed."
        ),
    ),
    (
        (KeyTrouble,),
        gettext_lazy("The portal's own identity cannot be used"),
        gettext_lazy(
            "The file of its serial number, or of its keys, is missing or damaged; the portal's log names it."
            " Those who run the portal put it back from a backup. Nothing was changed."
        ),
    ),
    (
        (OperationalError, InterfaceError, DatabaseError),
        gettext_lazy("The portal's database cannot be used"),
        gettext_lazy(
            "It does not answer, or is damaged; the portal's log says which. Those who run the portal start "
            "it, mend GATEFOLD_DATABASE_URL, or restore a backup. Nothing was changed."
        ),
    ),
)
"""What a request may need and not find, with what it means and what to do (TRL-29)."""


def _comes_of(error: BaseException | None, kinds: tuple[type[Exception], ...]) -> bool:
    """Whether such an error stands anywhere in what led to this one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if any(_is_of(error, kind) for kind in kinds):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _is_of(error: BaseException, kind: type[Exception]) -> bool:
    # A damaged file is a DatabaseError as such; what is derived from it may be our own mistake.
    return type(error) is kind if kind is DatabaseError else isinstance(error, kind)


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
