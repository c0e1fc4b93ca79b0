"""What others have committed while a page of a cluster is open."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clusters.models import Commit
from portal.pages.access import cluster_page
from portal.place import Place
from portal.tenants import Right


@require_safe
@cluster_page(Right.SEE_SETTINGS)
def news(request: HttpRequest, place: Place) -> HttpResponse:
    """The latest commit since the revision that the page shows (`seen`); empty while there is none."""
    seen = request.GET.get("seen", "")
    moved = seen.isdecimal() and int(seen[:18]) < place.cluster.replica.revision
    last = Commit.objects.filter(replica=place.replica_id).order_by("-pk").first() if moved else None
    context = {
        "place": place,
        "commit": last.read() if last else None,
        "seen": seen if seen.isdecimal() else "0",
    }
    return render(request, "parts/news.html", context)
