"""The map of links: who reaches whom, who does not, why, and what to do."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.machines.links import map_of
from portal.pages.access import PageRequest, cluster_page
from portal.place import Place
from portal.tenants import Right


@require_safe
@cluster_page(Right.SEE_STATE)
def links(request: PageRequest, place: Place) -> HttpResponse:
    """The map; htmx gets its live part alone."""
    now = timezone.now()
    context = {"place": place, "section": "links", "map": map_of(place, now), "now": now}
    return render(request, "links/live.html" if request.htmx else "links/overview.html", context)
