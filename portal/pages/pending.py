"""Pending changes: what, whom they reach, what they do there; commit, clear, conflict (CMT-01..CMT-09)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliances.following.freshness import Seen
from appliances.models import Connection
from clusters import commits, drafts, effective, trying
from clusters.effective import MachineImpact, Overrides
from clusters.installed import catalogue
from clusters.modes import Mode
from clusters.refusals import REFUSALS, Overtaken
from clusters.versions import Address, CommitId, MalformedCommit
from portal.machines.seen import machines_seen
from portal.pages.access import cluster_page
from portal.pages.canary_form import CanaryForm
from portal.place import Place
from portal.proposals.choosing import fit
from portal.proposals.comparing import alike
from portal.proposals.deciding import Wish, submit
from portal.proposals.policy import policy_of
from portal.proposals.proposal import Proposal
from portal.proposals.stop_rule import Canary
from portal.tenants import Right

MOST_MACHINES = 60
"""How many can be named on the page; where there are more, some of each group are taken."""


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
    order: dict[Mode | None, int] = {mode: place_ for place_, mode in enumerate(place.draft.modes())}
    return [ModeChanges(m, c) for m, c in sorted(by_mode.items(), key=lambda p: order.get(p[0], len(order)))]


def _ways(place: Place, known: dict[str, Seen], form: CanaryForm | None = None) -> dict[str, Any]:
    """How the changes may take effect: what the policy asks for, and who can try them first."""
    policy, now = policy_of(place.cluster), timezone.now()
    changes = drafts.changes(place.replica_id, place.user)
    able = trying.reached(place.state, changes, catalogue())
    return {
        "policy": policy,
        "free": not policy.holds(now),
        "window_open": policy.is_open(now),
        "opens": policy.opens(now),
        "may_at_once": place.administers and (policy.try_first or not policy.is_open(now)),
        "able": [(machine, fit(known.get(machine.serial))) for machine in able[:MOST_MACHINES]],
        "can_try": any(fit(known.get(machine.serial)) for machine in able),
        "untried": trying.untried(changes, catalogue()),
        "alike": alike(place.cluster, [change.address for change in changes]),
        "canary_form": form or CanaryForm(initial=policy.defaults.model_dump()),
    }


def _context(place: Place, form: CanaryForm | None = None) -> dict[str, Any]:
    found = drafts.pending(place.replica_id, place.user)
    known = {one.status.serial: one for one in machines_seen(place)}
    reached = [
        Reached(i, known.get(i.machine.serial)) for i in drafts.impact_of(place.replica_id, place.user)
    ]
    stale = [change for change in found if change.stale]
    touched = {each.impact.machine.serial for each in reached if each.impact.settings_change}
    return {
        "place": place,
        "section": "pending",
        "by_mode": _by_mode(place, found),
        "count": len(found),
        "shown": drafts.mark(found),
        "stale": stale,
        "stale_shown": drafts.mark(stale),
        "waiting": [change for change in found if change.waiting],
        "reached": [each for each in reached if each.impact.settings_change],
        "untouched": [one for serial, one in known.items() if serial not in touched],
        "away": [each for each in reached if each.away and each.impact.settings_change],
        "flags": any(each.impact.red_flags for each in reached),
        **(_ways(place, known, form) if found else {}),
    }


@cluster_page(Right.EDIT)
def pending(request: HttpRequest, place: Place) -> HttpResponse:
    """Look at what is pending, or do what the pressed button says, to what was looked at alone (TRL-09)."""
    if request.method != "POST":
        return render(request, "changes/pending.html", _context(place))
    try:
        return ACTIONS.get(request.POST.get("do", ""), _commit)(request, place)
    except Overtaken as error:
        return _anew(request, place, overtaken=str(error))


def _anew(request: HttpRequest, place: Place, **why: Any) -> HttpResponse:
    """The page as it is now, with why nothing was done, and the comment that was typed."""
    context = {**_context(place), **why, "comment": request.POST.get("comment", "")}
    return render(request, "changes/pending.html", context, status=409)


def _shown(request: HttpRequest) -> str | None:
    """The mark of what the page showed above the button that was pressed."""
    return request.POST.get("shown")


def _commit(request: HttpRequest, place: Place) -> HttpResponse:
    """Whether that is a commit or a proposal, the policy of the cluster says."""
    return _submit(request, place)


def _propose(request: HttpRequest, place: Place) -> HttpResponse:
    return _submit(request, place, approval=True)


def _at_once(request: HttpRequest, place: Place) -> HttpResponse:
    place.require(Right.ADMINISTER)
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, _("Say why it cannot wait for the commit window: it stands in the history."))
        return redirect("pending", place.cluster.slug)
    return _submit(request, place, at_once=reason)


def _try(request: HttpRequest, place: Place) -> HttpResponse:
    form = CanaryForm(request.POST)
    if not form.is_valid():
        context = {**_context(place, form), "comment": request.POST.get("comment", ""), "trying": True}
        return render(request, "changes/pending.html", context, status=422)
    machines = tuple(request.POST.getlist("machine"))
    return _submit(request, place, canary=Canary(machines=machines, **form.cleaned_data))


def _submit(request: HttpRequest, place: Place, **wish: Any) -> HttpResponse:
    comment = request.POST.get("comment", "").strip()
    try:
        asked = Wish(comment=comment, settles=_settled(request), shown=_shown(request), **wish)
        made = submit(place.cluster, place.person, place.role, asked, settings.GATEFOLD_PORTAL_NAME)
    except commits.CommitConflict:
        return _anew(request, place, conflict=True)
    except commits.SettlesConflict:
        return _anew(request, place, undecided=True)
    except Overtaken:
        raise
    except REFUSALS as error:
        messages.error(request, str(error))
        return redirect("pending", place.cluster.slug)
    if isinstance(made, Proposal):
        messages.success(request, _("Proposed. Your changes are here now, and this page says what is next."))
        return redirect("proposal", place.cluster.slug, made.pk)
    messages.success(request, _("Committed. The machines report here as they apply it."))
    return redirect("commit", place.cluster.slug, made.id.origin, made.id.number)


def _settled(request: HttpRequest) -> tuple[CommitId, ...]:
    """The versions that the page showed of the conflicts whose settling was ticked, and no newer ones."""
    ticked = request.POST.getlist("settle")
    told = [ident for entry in ticked for ident in request.POST.getlist(f"settles.{entry}")]
    return tuple(map(CommitId.parse, told))


def _clear(request: HttpRequest, place: Place) -> HttpResponse:
    count = drafts.clear(place.replica_id, place.user, shown=_shown(request))
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
        drafts.clear(place.replica_id, place.user, [entry], _shown(request))
    return redirect("pending", place.cluster.slug)


def _keep(request: HttpRequest, place: Place) -> HttpResponse:
    entry = _entry(request)
    try:
        if entry is not None:
            over = CommitId.parse(request.POST.get("over", ""))
            drafts.rebase(place.replica_id, place.user, entry, over, _shown(request))
    except Overtaken:
        raise
    except REFUSALS as error:
        messages.error(request, str(error))
    return redirect("pending", place.cluster.slug)


def _discard_stale(request: HttpRequest, place: Place) -> HttpResponse:
    # Only those that the page showed as clashing: what clashes since then has not been compared yet.
    shown = set(request.POST.getlist("entry"))
    with drafts.held(place.replica_id):
        stale = [each.address for each in drafts.stale(place.replica_id, place.user)]
        listed = [address for address in stale if str(address) in shown]
        drafts.clear(place.replica_id, place.user, listed, _shown(request))
    messages.success(request, _("Your changes that clashed are discarded; what others committed stands."))
    return redirect("pending", place.cluster.slug)


ACTIONS: dict[str, Callable[[HttpRequest, Place], HttpResponse]] = {
    "commit": _commit,
    "propose": _propose,
    "try": _try,
    "at_once": _at_once,
    "clear": _clear,
    "drop": _drop,
    "keep": _keep,
    "discard_stale": _discard_stale,
}
