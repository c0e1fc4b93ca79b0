"""Search over everything that a person may see."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.pages.access import PageRequest
from portal.search.finding import MOST, search


@require_safe
def overview(request: PageRequest) -> HttpResponse:
    """What has `q` in it, by kind; htmx gets the results alone."""
    found = search(request.user, request.GET.get("q", ""))
    context = {"found": found, "section": "search", "most": MOST}
    return render(request, "search/results.html" if request.htmx else "search/overview.html", context)
