"""Who stands before a page of a cluster, and whether they may be there (design, section 9)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django_htmx.middleware import HtmxDetails

from portal.login.freshness import ask_again, is_fresh
from portal.place import place_of
from portal.tenants import Right

View = Callable[..., Any]


class PageRequest(HttpRequest):
    """A request as django-htmx's middleware leaves it."""

    htmx: HtmxDetails


def cluster_page(right: Right = Right.SEE_SETTINGS) -> Callable[[View], View]:
    """Give a view the Place of its `slug`; its person must have `right`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponse:
            place = place_of(request, slug)
            place.require(right)
            return view(request, place, *args, **kwargs)

        return checked

    return decorate


def number_in(text: str) -> int:
    """The number of a row as a form sends it; 0, which no row has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def fresh(view: View) -> View:
    """Let a POST pass only when the person has lately shown the second factor, or else the passphrase.

    Others are asked for it and come back to the page; nothing of what they sent is done or kept.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST" or is_fresh(request):
            return view(request, *args, **kwargs)
        return ask_again(request)

    return checked


def fresh_page(view: View) -> View:
    """The same for a page with a long form, or one that shows secrets: asks before it is seen."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if is_fresh(request) else ask_again(request)

    return checked


def guided(view: View) -> View:
    """A view of the guided administration: there is no such page where the portal has it turned off."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.GATEFOLD_GUIDED_CLUSTERCONFIG:
            raise Http404
        return view(request, *args, **kwargs)

    return checked
