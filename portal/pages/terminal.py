"""The page of a web terminal; what goes on in it passes over its own socket."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from appliances.links.identity import InvalidKey, fingerprint
from portal.pages.access import cluster_page
from portal.place import Place
from portal.tenants import Right


@require_safe
@cluster_page(Right.EDIT)
def terminal(request: HttpRequest, place: Place, serial: str) -> HttpResponse:
    """A form for who logs in, and the screen."""
    member = place.state.machines.get(serial)
    if member is None:
        raise Http404
    try:
        seen = fingerprint(member.host_key)
    except InvalidKey:
        seen = ""
    context = {"place": place, "section": "membership", "member": member, "seen": seen}
    return render(request, "terminal/terminal.html", context)
