"""Who refers to what, where it is missing, and the two ways out: promote and demote (DEP-01..DEP-06)."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from clusters import drafts, ways_out
from clusters.catalogue import Reference
from clusters.installed import catalogue
from clusters.modes import Mode
from clusters.references import uses
from clusters.refusals import REFUSALS
from portal.editing.ways import Way, by_item, ways
from portal.pages.access import cluster_page
from portal.pages.paging import page_of
from portal.place import Place
from portal.tenants import Right

SHOWN = 100


def offered(found: Iterable[Way]) -> str:
    """What can be done about what is missing, in a sentence that names only what is offered (TRL-21)."""
    broken = [way for way in found if way.use.lacks]
    promote, demote = any(way.promotable for way in broken), any(way.demotable for way in broken)
    if promote and demote:
        return _(
            "Promote what is missing to the cluster (best), or demote what names it to the machines that"
            " have it."
        )
    if promote:
        return _("Promote what is missing to the cluster.")
    if demote:
        return _("Demote what names it to the machines that have it.")
    return _("What helps stands with each.")


@cluster_page(Right.SEE_SETTINGS)
def references(request: HttpRequest, place: Place) -> HttpResponse:
    """All references of the cluster; POST promotes or demotes, as pending changes."""
    if request.method == "POST":
        place.require(Right.EDIT)
        _act(request, place)
        return redirect(f"{reverse('references', args=[place.cluster.slug])}{_query(request)}")
    feature, item = request.GET.get("feature", "")[:64], request.GET.get("item", "")[:255]
    everything = uses(place.draft, catalogue())
    found = ways(place, everything, feature, item)
    shown = [way for way in found if way.use.lacks] if request.GET.get("only") == "broken" else found
    in_order = [way for _feature, items in by_item(shown) for _item, rows in items for way in rows]
    page = page_of(request, in_order, SHOWN)
    context = {
        "place": place,
        "section": "references",
        "features": by_item(page),
        "page": page,
        "broken": sum(bool(way.use.lacks) for way in found),
        "offered": offered(found),
        "all": len(found),
        "feature": feature,
        "item": item,
        "only": request.GET.get("only", ""),
        "choosable": list(
            dict.fromkeys(n for use in everything for n in (use.feature, use.reference.feature))
        ),
    }
    return render(request, "references/references.html", context)


def _query(request: HttpRequest) -> str:
    return f"?{request.GET.urlencode()}" if request.GET else ""


def _act(request: HttpRequest, place: Place) -> None:
    told = request.POST
    try:
        mode = Mode.parse(told.get("mode", ""))
        if told.get("do") == "demote":
            wanted = Reference(told.get("path", ""), told.get("wanted", ""), told.get("item", ""))
            edits = ways_out.demote(place.replica_id, place.user, told.get("feature", ""), mode, wanted)
            count = len(edits)
            messages.success(request, _("Demoted, as %(n)d pending changes. Look and commit.") % {"n": count})
        else:
            ways_out.promote(
                place.replica_id, place.user, told.get("feature", ""), told.get("item", ""), mode
            )
            messages.success(request, _("Promoted to the cluster, as a pending change. Look and commit."))
            _warn_of_hidden(request, place, told.get("feature", ""), told.get("item", ""))
    except REFUSALS as error:
        messages.error(request, str(error))


def _warn_of_hidden(request: HttpRequest, place: Place, feature: str, item: str) -> None:
    """Own settings below hide what the cluster has now (CL-04)."""
    state = drafts.draft_state(place.replica_id, place.user)
    lacks = {
        machine.name: machine
        for use in uses(state, catalogue())
        if (use.reference.feature, use.reference.item) == (feature, item)
        for machine in use.lacks
    }
    if lacks:
        text = _("Still unavailable, because of own settings that hide the cluster's: %(names)s.")
        messages.warning(request, text % {"names": ", ".join(lacks)})
