"""Proposals of a cluster, and the page of one: what it changes, whom it reaches, how far it is."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from clusters import replicas, trying
from clusters.installed import catalogue
from clusters.refusals import REFUSALS
from clusters.versions import CommitId
from portal.pages.access import PageRequest, cluster_page
from portal.pages.paging import page_of
from portal.place import Place
from portal.proposals.acting import ACTIONS, act, offered
from portal.proposals.comparing import before_of, impact_of, proposed
from portal.proposals.policy import policy_of
from portal.proposals.proposal import OPEN, Proposal, State, waiting_in
from portal.proposals.stop_rule import Health
from portal.proposals.watching import watched
from portal.tenants import Right

SHOWN = 50


@require_safe
@cluster_page(Right.SEE_SETTINGS)
def proposals(request: PageRequest, place: Place) -> HttpResponse:
    """What waits for me, what goes on, what is over; htmx gets the list alone."""
    rows = Proposal.objects.of(place.cluster.tenant).filter(cluster=place.cluster)
    rows = rows.select_related("author", "decided_by")
    mine = list(waiting_in(place.cluster, request.user, place.role).select_related("author", "decided_by"))
    shown = {one.pk for one in mine}
    context = {
        "place": place,
        "section": "proposals",
        "mine": mine,
        "open": [one for one in rows.filter(state__in=OPEN) if one.pk not in shown],
        "page": page_of(request, rows.exclude(state__in=OPEN).exclude(pk__in=shown), SHOWN),
        "policy": policy_of(place.cluster),
        "now": timezone.now(),
    }
    return render(request, "proposals/rows.html" if request.htmx else "proposals/list.html", context)


def progress(found: Proposal) -> dict[str, Any]:
    """How far it is, for the live part of its page."""
    policy, now = policy_of(found.cluster), timezone.now()
    rule, total, done = found.rule, 0, 0
    if rule and found.watched_until:
        total = rule.minutes * 60
        done = max(0, total - int((found.watched_until - now).total_seconds()))
    machines = watched(found) if found.state == State.CANARY else []
    return {
        "watched": machines,
        "well": all(each.verdict.health is Health.HEALTHY for each in machines),
        "total": total,
        "done": min(done, total),
        "window_open": policy.is_open(now),
        "opens": policy.opens(now),
        "lines": list(found.lines.all()),
        "commit_id": CommitId.parse(found.commit) if found.commit else None,
        "now": now,
    }


@cluster_page(Right.SEE_SETTINGS)
def proposal(request: PageRequest, place: Place, number: int) -> HttpResponse:
    """One proposal; POST does what the pressed button says; htmx gets the live part alone."""
    if request.method == "POST":
        place.require_any(Right.EDIT, Right.APPROVE)
    rows = Proposal.objects.of(place.cluster.tenant).filter(cluster=place.cluster, pk=number)
    found = rows.select_related("author", "decided_by", "cluster__replica").first()
    if found is None:
        raise Http404
    if request.method == "POST":
        return _act(request, place, found)
    context = {"place": place, "section": "proposals", "proposal": found, **progress(found)}
    context["offered"] = offered(found, request.user, place.role)
    if request.htmx:
        return render(request, "proposals/live.html", context)
    state = replicas.state_of(place.cluster.replica)
    before = before_of(found, state)
    context |= {
        "entries": proposed(found, before),
        "impacts": impact_of(found, before) if found.open else [],
        "untried": trying.untried(found.frozen, catalogue()) if found.rule else [],
    }
    return render(request, "proposals/proposal.html", context)


def _act(request: PageRequest, place: Place, found: Proposal) -> HttpResponse:
    do = request.POST.get("do", "")
    try:
        if do in ACTIONS:
            act(found, request.user, place.role, do, request.POST.get("comment", "")[:2000])
    except REFUSALS as error:
        messages.error(request, str(error))
    if do in ("withdraw", "take_back") and found.taken_back and found.author == request.user:
        messages.success(request, _("The changes are pending again; look at them and go on."))
        return redirect("pending", place.cluster.slug)
    return redirect("proposal", place.cluster.slug, found.pk)
