"""What people do with proposals: propose, approve, refuse, withdraw, take back, steer a try."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import ngettext

from clusters import commits, drafts, replicas, trying
from clusters.acceptance import check_comment, check_values
from clusters.commits import CommitConflict
from clusters.drafts import Stale
from clusters.installed import catalogue
from clusters.phrases import Text
from clusters.phrases import phrase as _
from clusters.refusals import NothingPending, Refused
from clusters.versions import Change, Commit, CommitId
from portal.audit.log import Action, record
from portal.proposals.carrying_out import close, give_back, go_back, locked, proceed
from portal.proposals.choosing import choose, seen_machines
from portal.proposals.policy import CommitPolicy, policy_of
from portal.proposals.proposal import Proposal, State
from portal.proposals.stop_rule import Canary, Health
from portal.proposals.watching import watch, watched
from portal.tenants import ManagedCluster, Right, Role


class NotNow(Refused):
    """The proposal is not in a state in which that can be done."""


class HeldByPolicy(Refused):
    """The cluster's policy does not let this take effect at once."""


class OwnProposal(Refused):
    """Nobody approves what they propose themselves."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person wants their pending changes to take effect.

    `approval` asks for a second person also where the policy does not; `canary` for some machines first;
    `at_once` is an administrator's reason to pass by the commit window and a try that the policy asks for.
    `settles` are the versions of conflicts that the person has seen and lets end by this; `shown` is the
    drafts.mark of the changes that they have seen, None where nobody looked.
    """

    comment: str = ""
    approval: bool = False
    canary: Canary | None = None
    at_once: str = ""
    settles: tuple[CommitId, ...] = ()
    shown: str | None = None


def submit(cluster: ManagedCluster, person: Any, role: Role, wish: Wish, host: str) -> Commit | Proposal:
    """Commit the person's pending changes, or propose them where wish or policy want that.

    Raises PermissionDenied, and what commits.commit_pending and choosing.choose raise; all stays pending.
    """
    policy = policy_of(cluster)
    if wish.at_once and not role.may(Right.ADMINISTER):
        raise PermissionDenied(_("Only an administrator commits outside the commit window."))
    if not policy.holds(timezone.now()) and not wish.approval and wish.canary is None:
        by = {"user": person.get_username(), "host": host, "comment": wish.comment}
        with transaction.atomic():
            made = commits.commit_pending(cluster.replica_id, settles=wish.settles, shown=wish.shown, **by)
            record(person, Action.COMMIT, cluster, cluster.tenant, commit=str(made.id))
        return made
    return propose(cluster, person, policy, wish)


def propose(cluster: ManagedCluster, person: Any, policy: CommitPolicy, wish: Wish) -> Proposal:
    """Move the person's pending changes into a proposal, and let it proceed where nobody must approve it."""
    check_comment(wish.comment)
    check_comment(wish.at_once)
    with transaction.atomic():
        locked(cluster.replica_id)
        drafts.require_shown(cluster.replica_id, person.get_username(), wish.shown)
        changes = _checked(cluster.replica_id, person.get_username())
        commits.require_decided(cluster.replica_id, changes, wish.settles)
        approval = policy.approval or wish.approval
        made = Proposal.everything.create(
            tenant=cluster.tenant,
            cluster=cluster,
            author=person,
            user=person.get_username(),
            comment=wish.comment,
            state=State.APPROVAL if approval else State.WINDOW,
            changes=[change.to_wire() for change in changes],
            settles=[str(ident) for ident in wish.settles],
            canary=_canary(cluster, policy, changes, wish),
            at_once=_reason(person, wish),
        )
        drafts.clear(cluster.replica_id, person.get_username())
        made.say(_("Proposed."), person.get_username())
        _noted(made, person, "proposed")
        made.announce()
        if not approval:
            proceed(made)
    return made


def _noted(proposal: Proposal, person: Any, change: str) -> None:
    record(person, Action.APPROVAL, proposal.cluster, proposal.tenant, proposal=proposal.pk, change=change)


def _reason(person: Any, wish: Wish) -> str:
    return f"{wish.at_once} ({person.get_username()})" if wish.at_once else ""


def _checked(replica_id: int, user: str) -> list[Change]:
    changes = drafts.changes(replica_id, user)
    if not changes:
        raise NothingPending(_("There is nothing to propose."))
    check_values(replica_id, changes)
    if stale := drafts.stale(replica_id, user):
        raise CommitConflict([Stale(s.address, s.mine, s.now) for s in stale], replicas.state(replica_id))
    return changes


def _canary(
    cluster: ManagedCluster, policy: CommitPolicy, changes: list[Change], wish: Wish
) -> dict[str, Any] | None:
    asked = policy.try_first and not wish.at_once
    rule = wish.canary or (policy.defaults if asked else None)
    if rule is None:
        return None
    state = replicas.state(cluster.replica_id)
    if wish.canary is None and not trying.reached(state, changes, catalogue()):
        # The policy asks for a try, and nothing of this can be tried.
        return None
    choose(state, changes, rule, seen_machines(cluster.replica))
    return rule.model_dump(mode="json")


def require_free(cluster: ManagedCluster) -> None:
    """See that a commit may take effect here and now without a proposal; raises HeldByPolicy."""
    if policy_of(cluster).holds(timezone.now()):
        text = _(
            "This cluster asks for approval, a commit window or a try first. Make it a pending change, "
            "and propose it."
        )
        raise HeldByPolicy(text)


def approve(proposal: Proposal, person: Any, comment: str = "") -> None:
    """Let it take effect as far as window and try allow; raises OwnProposal, NotNow."""
    _not_own(proposal, person)
    with transaction.atomic():
        locked(proposal.replica_id)
        if not proposal.move(State.APPROVAL, State.WINDOW, **_decided(person, comment)):
            raise _not_now(proposal)
        proposal.say(_("Approved. %(comment)s") % {"comment": comment}, person.get_username())
        _noted(proposal, person, "approved")
        proceed(proposal)


def refuse(proposal: Proposal, person: Any, comment: str = "") -> None:
    """End it; its changes are pending again for its author. Raises OwnProposal, NotNow."""
    _not_own(proposal, person)
    reason = comment or _("Refused without a comment.")
    columns = _decided(person, comment)
    with transaction.atomic():
        if not close(proposal, State.APPROVAL, State.REFUSED, reason, person.get_username(), **columns):
            raise _not_now(proposal)
        _noted(proposal, person, "refused")


def _decided(person: Any, comment: str) -> dict[str, Any]:
    return {"decided_by": person, "decided": timezone.now(), "decision": comment}


def _not_own(proposal: Proposal, person: Any) -> None:
    if proposal.author_id == person.pk:
        raise OwnProposal(_("This is your own proposal: another person decides on it."))


def _not_now(proposal: Proposal) -> NotNow:
    proposal.refresh_from_db()
    return NotNow(_("Not done: this proposal is %(state)s.") % {"state": proposal.get_state_display()})


def withdraw(proposal: Proposal, person: Any, comment: str = "") -> None:
    """End what has not begun; raises NotNow."""
    name = person.get_username()
    reason = comment or _("Withdrawn.")
    before = State.WINDOW if proposal.state == State.WINDOW else State.APPROVAL
    with transaction.atomic():
        if not close(proposal, before, State.WITHDRAWN, reason, name):
            raise _not_now(proposal)
        _noted(proposal, person, "withdrawn")


def take_back(proposal: Proposal, person: Any, comment: str = "") -> None:
    """Make the changes of an overtaken proposal pending again, to be compared with what stands now."""
    with transaction.atomic():
        locked(proposal.replica_id)
        proposal.refresh_from_db()
        if not proposal.may_be_taken_back or not proposal.move(State.STALE, State.WITHDRAWN):
            raise _not_now(proposal)
        proposal.say(comment or _("Taken back."), person.get_username())
        give_back(proposal)
        _noted(proposal, person, "taken back")


def stop(proposal: Proposal, person: Any, comment: str = "") -> None:
    """End a try: its machines get what they had; raises NotNow."""
    reason = comment or _("Stopped by a person.")
    with transaction.atomic():
        if not go_back(proposal, State.STOPPED, reason, person.get_username()):
            raise _not_now(proposal)
        _noted(proposal, person, "stopped")


def pause(proposal: Proposal, person: Any, comment: str = "") -> None:
    """Do not go on by itself; the machines are watched on. Raises NotNow."""
    _steer(proposal, person, "paused", comment or _("Paused."), paused=True)


def resume(proposal: Proposal, person: Any, comment: str = "") -> None:
    """Go on after the whole time of watching; raises NotNow."""
    _steer(proposal, person, "resumed", comment or _("Resumed."), paused=False, watched_until=None)


def skip(proposal: Proposal, person: Any, comment: str = "") -> None:
    """Go on without waiting longer; raises NotNow while a machine is not well."""
    ill = [each.name for each in watched(proposal) if each.verdict.health is not Health.HEALTHY]
    if ill:
        text = ngettext("%(names)s is not well yet.", "%(names)s are not well yet.", len(ill))
        raise NotNow(text % {"names": ", ".join(ill)})
    said = comment or _("Not waited any longer.")
    _steer(proposal, person, "skipped", said, paused=False, watched_until=timezone.now())
    watch(proposal)


@transaction.atomic
def _steer(proposal: Proposal, person: Any, change: str, text: Text, **columns: Any) -> None:
    if not Proposal.everything.filter(pk=proposal.pk, state=State.CANARY).update(**columns):
        raise _not_now(proposal)
    proposal.refresh_from_db()
    proposal.say(text, person.get_username())
    _noted(proposal, person, change)
    proposal.announce()


def at_once(proposal: Proposal, person: Any, comment: str = "") -> None:
    """Pass by the commit window, for a reason that stands in the history; raises NotNow."""
    if not comment:
        raise NotNow(_("Say why it cannot wait for the commit window: it stands in the history."))
    rows = Proposal.everything.filter(pk=proposal.pk, state__in=[State.WINDOW, State.CANARY])
    with transaction.atomic():
        if not rows.update(at_once=_reason(person, replace(Wish(), at_once=comment))):
            raise _not_now(proposal)
        proposal.refresh_from_db()
        proposal.say(_("At once, because: %(reason)s") % {"reason": comment}, person.get_username())
        _noted(proposal, person, "at once")
    if proposal.state == State.WINDOW:
        proceed(proposal)
    else:
        watch(proposal)
