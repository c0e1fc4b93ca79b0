"""The page of a cluster: each machine live, groups, recent commits; and the page of one mode."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from appliances.following.freshness import STALE_AFTER, Enforcement, Seen, seen
from appliances.models import Connection, MachineStatus
from clusters import commits, effective
from clusters.enrolment import ADVISED_MACHINES
from clusters.installed import catalogue
from clusters.modes import Level, Mode
from clusters.state import Group
from portal.alerts.kinds import Kind
from portal.alerts.looking import of_place
from portal.alerts.watching import cut_off
from portal.editing.menu import entries, has_mode, require_mode, tabs
from portal.editing.past import picker
from portal.machines.choosing import Sieve
from portal.machines.seen import machines_seen
from portal.pages import past
from portal.pages.access import PageRequest, cluster_page
from portal.pages.paging import MACHINES, MANY, page_of
from portal.place import Place
from portal.shared_parts import shared
from portal.tenants import Right

RECENT = 6


@dataclass(frozen=True, slots=True)
class Part:
    """A group and its machines as they are seen."""

    group: Group
    machines: list[Seen]


def _parts(place: Place, machines: list[Seen]) -> list[Part]:
    groups = place.state.groups
    initial = next(iter(groups), "")
    placed: dict[str, list[Seen]] = {ident: [] for ident in groups}
    for one in machines:
        placed.setdefault(one.status.group if one.status.group in groups else initial, []).append(one)
    return [Part(group, placed[ident]) for ident, group in groups.items()]


def _shared(request: PageRequest, place: Place, lost: bool) -> SafeString:
    """The machines as all who may see as much of the cluster see them on the same page of the list."""
    sees = "settings" if place.may_see_settings else "state"
    page = sha256(request.GET.urlencode().encode()).hexdigest()
    name = f"machines.{sees}.{'cut-off' if lost else ''}.{page}"
    return shared(
        place.replica_id, name, lambda: _machines(request, {"place": place, **_live(request, place, lost)})
    )


def _machines(request: PageRequest, context: dict[str, Any]) -> SafeString:
    return render_to_string("cluster/machines.html", context, request)


def shown(request: PageRequest, place: Place, machines: list[Seen]) -> dict[str, Any]:
    """A page of the machines that are wanted, by group; a group without any is shown where all are."""
    sieve = Sieve.of(request.GET)
    by_group = [one for part in _parts(place, sieve.sift(machines)) for one in part.machines]
    page = page_of(request, by_group, MACHINES)
    parts = _parts(place, list(page.object_list))
    some = sieve.narrows or page.paginator.num_pages > 1
    return {
        "sieve": sieve,
        "many": len(machines) >= MANY,
        "page": page,
        "parts": [part for part in parts if part.machines or not some],
    }


def _live(request: PageRequest, place: Place, lost: bool) -> dict[str, Any]:
    machines = machines_seen(place, lost)
    kinds = [one.connection for one in machines]
    return {
        **shown(request, place, machines),
        "counts": {
            "groups": len(place.state.groups),
            "machines": len(machines),
            "connected": kinds.count(Connection.CONNECTED),
            "enforced": [one.enforcement for one in machines].count(Enforcement.ENFORCED),
            "away": len(machines) - kinds.count(Connection.CONNECTED),
            "releases": sorted({one.status.release for one in machines if one.status.release}),
            "queue": sum(one.status.queue or 0 for one in machines),
        },
        "silent": bool(machines) and not any(one.fresh for one in machines),
        "too_many": len(machines) > ADVISED_MACHINES,
        "now": timezone.now(),
        "stale_after": STALE_AFTER,
    }


@require_safe
@cluster_page(Right.SEE_STATE)
def cluster(request: PageRequest, place: Place) -> HttpResponse:
    """The cluster; htmx gets its live part alone."""
    lasting = of_place(place.cluster)
    lost = any(alert.kind == Kind.CUT_OFF for alert in lasting)
    context: dict[str, Any] = {"place": place, "section": "cluster", "open_alerts": lasting}
    if request.htmx:
        context["machines"] = _shared(request, place, lost)
        return render(request, "cluster/live.html", context)
    context |= _live(request, place, lost)
    context["machines"] = _machines(request, context)
    if place.may_see_settings:
        context["recent"] = commits.history(place.replica_id, per_page=RECENT).commits
    return render(request, "cluster/overview.html", context)


@require_safe
@cluster_page(Right.SEE_SETTINGS)
def mode(request: PageRequest, place: Place, mode: Mode) -> HttpResponse:
    """What a mode defines and inherits, or did (`?at=`), feature by feature; of a machine also its state."""
    place = past.travelled(request, place)
    if place.at and not has_mode(place.state, mode):
        return past.absent(request, place)
    require_mode(place.draft, mode)
    found = entries(place, mode)
    context = {
        "place": place,
        "mode": mode,
        "modes": place.draft.modes(),
        "tabs": list(tabs(found)),
        "section": "settings",
        "one": None if place.at else _one(place, mode),
        "travel": picker(place),
        "members": place.draft.reach(mode),
        "fingerprint_here": effective.effective(place.state, mode, catalogue()).fingerprint,
    }
    return render(request, "cluster/mode.html", context)


def _one(place: Place, mode: Mode) -> Seen | None:
    if mode.level is not Level.MACHINE:
        return None
    row = MachineStatus.objects.filter(replica=place.replica_id, serial=mode.id).first()
    if row is None:
        return None
    return seen(row, timezone.now(), place.cluster.replica.revision, cut_off=cut_off(place.cluster.tenant_id))
