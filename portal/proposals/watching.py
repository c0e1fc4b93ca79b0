"""The machines that try a change, watched; and the sweep over all that waits, which needs no message."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from appliances.following.freshness import Seen
from clusters import replicas
from clusters.phrases import joined
from clusters.phrases import phrase as _
from portal.proposals.carrying_out import close, go_back, go_on, overtaken, overtaken_text, proceed
from portal.proposals.choosing import seen_machines
from portal.proposals.policy import policy_of
from portal.proposals.proposal import OPEN, Proposal, State
from portal.proposals.stop_rule import Canary, Health, Verdict, judge

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """One machine that tries a change: as it is seen, and what is said of it."""

    serial: str
    name: str
    seen: Seen | None
    verdict: Verdict


def watched(proposal: Proposal) -> list[Watched]:
    """The machines that try it now; two queries."""
    rule = proposal.rule
    if rule is None or proposal.began is None:
        return []
    proposal.cluster.replica.refresh_from_db(fields=["revision"])
    machines = seen_machines(proposal.cluster.replica)
    return [_watched(proposal, rule, serial, machines.get(serial)) for serial in proposal.before]


def _watched(proposal: Proposal, rule: Canary, serial: str, seen: Seen | None) -> Watched:
    assert proposal.began is not None, "what is watched has begun"
    verdict = judge(seen, proposal.before[serial], rule, proposal.began, timezone.now())
    return Watched(serial, seen.status.name if seen else serial, seen, verdict)


def watch(proposal: Proposal) -> None:
    """Look at the machines that try it, and stop, wait, or go on."""
    if found := overtaken(proposal):
        go_back(proposal, State.STALE, overtaken_text(replicas.state(proposal.replica_id), found))
        return
    machines = watched(proposal)
    ill = [each for each in machines if each.verdict.health is Health.BAD]
    if ill:
        told = (joined(": ", each.name, each.verdict.reason) for each in ill)
        go_back(proposal, State.STOPPED, joined("\n", *told))
    elif all(each.verdict.health is Health.HEALTHY for each in machines):
        _well(proposal)


def _well(proposal: Proposal) -> None:
    now, rule = timezone.now(), proposal.rule
    if rule is None:
        return
    if proposal.watched_until is None:
        # Only whoever writes it says it: two workers may look at once.
        until = now + timedelta(minutes=rule.minutes)
        mine = Proposal.everything.filter(pk=proposal.pk, state=State.CANARY, watched_until=None)
        if mine.update(watched_until=until):
            proposal.say(_("All enforce it; watched for %(n)d minutes.") % {"n": rule.minutes})
            proposal.announce()
        proposal.refresh_from_db()
    ready = proposal.watched_until is not None and now >= proposal.watched_until
    if ready and not proposal.paused and window_lets(proposal):
        go_on(proposal)


def window_lets(proposal: Proposal) -> bool:
    """Whether the proposal may take effect now."""
    return bool(proposal.at_once) or policy_of(proposal.cluster).is_open(timezone.now())


def step(proposal: Proposal) -> None:
    """Do what is due for one open proposal; safe to come twice or late."""
    if proposal.state == State.CANARY:
        watch(proposal)
    elif proposal.state == State.WINDOW:
        proceed(proposal)
    elif found := overtaken(proposal):
        text = overtaken_text(replicas.state(proposal.replica_id), found)
        close(proposal, State.APPROVAL, State.STALE, text)


def open_proposals(replica_id: int | None = None) -> list[Proposal]:
    """The proposals for which something may be due, of one cluster or of all, the oldest first."""
    rows = Proposal.everything.filter(state__in=OPEN).select_related("cluster__replica", "author", "tenant")
    return list((rows if replica_id is None else rows.filter(cluster__replica=replica_id)).order_by("pk"))


def sweep(proposals: Iterable[Proposal]) -> None:
    """A step for each; one that fails is logged and keeps no other one back."""
    for proposal in proposals:
        try:
            step(proposal)
        except Exception:
            logger.exception("proposal %s", proposal.pk)
