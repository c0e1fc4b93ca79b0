"""Pending changes: what, whom they reach, what they do there; commit, clear, conflict (CMT-01..CMT-09)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliances.following.freshness import Seen
from appliances.models import Connection
from clusters import commits, drafts, effective
from clusters.effective import MachineImpact, Overrides
from clusters.modes import Mode
from clusters.refusals import REFUSALS
from clusters.versions import Address, MalformedCommit
from portal.audit import Action, record
from portal.pages.access import Place, cluster_page, machines_seen
from portal.tenants import Right


@dataclass(frozen=True, slots=True)
class ModeChanges:
    """The pending changes of one mode, each with who overrides it below."""

    mode: Mode | None
    changes: list[tuple[drafts.Pending, Overrides | None]]


@dataclass(frozen=True, slots=True)
class Reached:
    """What the changes do on one machine, and whether it can hear of them now."""

    impact: MachineImpact
    seen: Seen | None

    @property
    def away(self) -> bool:
        """Whether the machine will only catch up later."""
        return self.seen is None or self.seen.connection is not Connection.CONNECTED


def _by_mode(place: Place, found: list[drafts.Pending]) -> list[ModeChanges]:
    by_mode: dict[Mode | None, list[tuple[drafts.Pending, Overrides | None]]] = {}
    for change in found:
        mode = change.mode
        notice = effective.overrides(place.draft, mode, change.address.name) if mode else None
        by_mode.setdefault(mode, []).append((change, notice))
    order = {mode: place_ for place_, mode in enumerate(place.draft.modes())}
    return [ModeChanges(m, c) for m, c in sorted(by_mode.items(), key=lambda p: order.get(p[0], len(order)))]


def _context(place: Place) -> dict[str, Any]:
    found = drafts.pending(place.replica_id, place.user)
    known = {one.status.serial: one for one in machines_seen(place)}
    reached = [
        Reached(i, known.get(i.machine.serial)) for i in drafts.impact_of(place.replica_id, place.user)
    ]
    touched = {each.impact.machine.serial for each in reached if each.impact.settings_change}
    return {
        "place": place,
        "section": "pending",
        "by_mode": _by_mode(place, found),
        "count": len(found),
        "stale": [change for change in found if change.stale],
        "reached": [each for each in reached if each.impact.settings_change],
        "untouched": [one for serial, one in known.items() if serial not in touched],
        "away": [each for each in reached if each.away and each.impact.settings_change],
        "flags": any(each.impact.red_flags for each in reached),
    }


@cluster_page(Right.EDIT)
def pending(request: HttpRequest, place: Place) -> HttpResponse:
    """Look at what is pending, or do what the pressed button says."""
    if request.method == "POST":
        return ACTIONS.get(request.POST.get("do", ""), _commit)(request, place)
    return render(request, "changes/pending.html", _context(place))


def _commit(request: HttpRequest, place: Place) -> HttpResponse:
    comment = request.POST.get("comment", "")
    try:
        with transaction.atomic():
            made = commits.commit_pending(
                place.replica_id, user=place.user, host=settings.GATEFOLD_PORTAL_NAME, comment=comment.strip()
            )
            record(request, Action.COMMIT, place.cluster, place.cluster.tenant, commit=str(made.id))
    except commits.CommitConflict:
        context = {**_context(place), "conflict": True, "comment": comment}
        return render(request, "changes/pending.html", context, status=409)
    except REFUSALS as error:
        messages.error(request, str(error))
        return redirect("pending", place.cluster.slug)
    messages.success(request, _("Committed. The machines report here as they apply it."))
    return redirect("commit", place.cluster.slug, made.id.origin, made.id.number)


def _clear(request: HttpRequest, place: Place) -> HttpResponse:
    count = drafts.clear(place.replica_id, place.user)
    messages.success(request, ngettext("%d change discarded.", "%d changes discarded.", count) % count)
    return redirect("pending", place.cluster.slug)


def _entry(request: HttpRequest) -> Address | None:
    try:
        return Address.parse(request.POST.get("entry", ""))
    except MalformedCommit:
        return None


def _drop(request: HttpRequest, place: Place) -> HttpResponse:
    entry = _entry(request)
    if entry is not None:
        drafts.clear(place.replica_id, place.user, [entry])
    return redirect("pending", place.cluster.slug)


def _keep(request: HttpRequest, place: Place) -> HttpResponse:
    entry = _entry(request)
    try:
        if entry is not None:
            drafts.rebase(place.replica_id, place.user, entry)
    except REFUSALS as error:
        messages.error(request, str(error))
    return redirect("pending", place.cluster.slug)


def _discard_stale(request: HttpRequest, place: Place) -> HttpResponse:
    stale = [each.address for each in drafts.stale(place.replica_id, place.user)]
    drafts.clear(place.replica_id, place.user, stale)
    messages.success(request, _("Your changes that clashed are discarded; what others committed stands."))
    return redirect("pending", place.cluster.slug)


ACTIONS = {"commit": _commit, "clear": _clear, "drop": _drop, "keep": _keep, "discard_stale": _discard_stale}
