"""The matrix: every feature in every mode at one glance, however many machines there are."""

from __future__ import annotations

from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clusters.modes import Mode
from portal.editing.matrix import Asked, ordered, sight
from portal.machines.choosing import short_names
from portal.pages.access import PageRequest, cluster_page
from portal.place import Place
from portal.tenants import Right

COLUMNS = 40
"""Modes on one page, beside the cluster, which is on every page."""


@require_safe
@cluster_page(Right.SEE_SETTINGS)
def overview(request: PageRequest, place: Place) -> HttpResponse:
    """One page of the matrix; htmx gets the table alone."""
    asked = Asked.of(request.GET)
    found = sight(place, asked)
    columns: Page[Mode] = Paginator(found.modes, COLUMNS).get_page(request.GET.get("page"))
    context = {
        "place": place,
        "section": "matrix",
        "asked": asked,
        "counts": found.counts,
        "columns": columns,
        "total": len(ordered(place.draft)),
        "short": short_names(member.name for member in place.draft.machines.values()),
        "rows": found.rows(columns),
    }
    name = "matrix/table.html" if request.htmx else "matrix/overview.html"
    return render(request, name, context)
