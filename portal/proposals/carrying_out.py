"""From decided to committed. Each step is one transaction: a state and the commit that belongs to it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from clusters import commits, drafts, replicas, trying
from clusters.commits import CommitConflict
from clusters.installed import catalogue
from clusters.models import Replica
from clusters.naming import entry_phrase, overtaken_phrase
from clusters.phrases import Text, joined
from clusters.phrases import phrase as _
from clusters.refusals import REFUSALS
from clusters.state import ClusterState
from clusters.trying import Tried
from clusters.versions import MAX_TEXT, Address, Change, Commit, CommitId, Version
from portal.audit.log import Action, record
from portal.phrases import words_of
from portal.proposals.choosing import choose, seen_machines
from portal.proposals.policy import policy_of
from portal.proposals.proposal import Proposal, State
from portal.proposals.stop_rule import Canary, baseline
from portal.tenants import Right, role_in


def heads_of(proposal: Proposal) -> dict[Address, Version]:
    """What is in force of the entries that the proposal changes or tries."""
    addresses = {change.address for change in proposal.frozen} | {t.address for t in proposal.trying}
    return {a: heads[0] for a, heads in replicas.heads(proposal.replica_id, addresses).items()}


def overtaken(proposal: Proposal) -> list[tuple[Address, Version]]:
    """The entries that somebody else has committed meanwhile, with what stands there now (CMT-04)."""
    heads = heads_of(proposal)
    now = {address: head.id for address, head in heads.items()}
    found = trying.replaced(proposal.frozen, proposal.trying, proposal.trial_id, now)
    return [(address, heads[address]) for address in found if address in heads]


def overtaken_text(state: ClusterState, found: list[tuple[Address, Version]]) -> Text:
    """Who has changed what, and when (CMT-05)."""
    return _("Somebody else has changed this meanwhile. %(told)s") % {"told": overtaken_phrase(state, found)}


def locked(replica_id: int) -> Replica:
    """The replica, for this transaction alone. Always taken before a proposal is moved: never crosswise."""
    found: Replica = Replica.objects.select_for_update(no_key=True).get(pk=replica_id)
    return found


def proceed(proposal: Proposal) -> None:
    """Bring a proposal that was decided on, and waits, as far as it can go now."""
    with transaction.atomic():
        row = locked(proposal.replica_id)
        proposal.refresh_from_db()
        if proposal.state != State.WINDOW or _waits(proposal):
            return
        if found := overtaken(proposal):
            close(proposal, State.WINDOW, State.STALE, overtaken_text(replicas.state_of(row), found))
        elif not _author_may(proposal):
            text = _("Its author may not change this cluster any more.")
            close(proposal, State.WINDOW, State.STOPPED, text)
        else:
            _take_effect(proposal)


def _waits(proposal: Proposal) -> bool:
    closed = not proposal.at_once and not policy_of(proposal.cluster).is_open(timezone.now())
    others = Proposal.everything.filter(cluster=proposal.cluster, state=State.CANARY)
    return closed or (proposal.rule is not None and others.exists())


def _author_may(proposal: Proposal) -> bool:
    role = proposal.author and role_in(proposal.author, proposal.tenant_id, proposal.cluster_id)
    return bool(role and role.may(Right.EDIT))


def _take_effect(proposal: Proposal) -> None:
    try:
        with transaction.atomic():
            if proposal.rule is not None:
                _begin(proposal, proposal.rule)
            elif proposal.move(State.WINDOW, State.COMMITTED):
                _commit(proposal, proposal.frozen, "commit", comment_of(proposal))
                proposal.say(_("Committed."))
    except CommitConflict as error:
        close(proposal, State.WINDOW, State.STALE, words_of(error))
    except REFUSALS as error:
        close(proposal, State.WINDOW, State.STOPPED, words_of(error))


def comment_of(proposal: Proposal) -> str:
    """The comment of its commit; a reason not to wait stands there for everybody."""
    if not proposal.at_once:
        return str(proposal.comment)
    reason = gettext("At once, because: %(reason)s") % {"reason": proposal.at_once}
    return (f"{proposal.comment} ({reason})" if proposal.comment else reason)[:MAX_TEXT]


def _by(proposal: Proposal) -> dict[str, str]:
    return {"user": proposal.user, "host": settings.GATEFOLD_PORTAL_NAME}


def _commit(proposal: Proposal, changes: list[Change], column: str, comment: str) -> Commit:
    seen = [CommitId.parse(ident) for ident in proposal.settles]
    made = commits.commit_changes(
        proposal.replica_id, changes, comment=comment, settles=seen, **_by(proposal)
    )
    proposal.note(**{column: str(made.id)})
    record(
        proposal.user,
        Action.COMMIT,
        proposal.cluster,
        proposal.tenant,
        commit=str(made.id),
        proposal=proposal.pk,
    )
    return made


def _begin(proposal: Proposal, rule: Canary) -> None:
    """Give the chosen machines what the change would give them, by one commit."""
    state, seen = replicas.state(proposal.replica_id), seen_machines(proposal.cluster.replica)
    chosen = choose(state, proposal.frozen, rule, seen)
    tried = trying.plan(state, proposal.frozen, catalogue(), [machine.serial for machine in chosen])
    before = {machine.serial: baseline(seen[machine.serial]) for machine in chosen}
    columns = {"tried": [_row(t) for t in tried], "before": before, "began": timezone.now()}
    if not proposal.move(State.WINDOW, State.CANARY, watched_until=None, **columns):
        return
    heads = replicas.heads(proposal.replica_id, [each.address for each in tried])
    now = {address: found[0].id for address, found in heads.items()}
    names = ", ".join(machine.name for machine in chosen)
    comment = gettext("Tried first on %(names)s: %(comment)s") % {"names": names, "comment": proposal.comment}
    _commit(proposal, trying.begin(tried, now), "trial", comment[:MAX_TEXT])
    proposal.say(_("First on: %(names)s") % {"names": names})


def _row(tried: Tried) -> dict[str, Any]:
    return {"address": str(tried.address), "had": tried.had, "value": tried.value}


def go_on(proposal: Proposal) -> None:
    """Commit the whole change and take the entries of the try away, in one commit."""
    try:
        with transaction.atomic():
            locked(proposal.replica_id)
            if proposal.trial_id is None or not proposal.move(State.CANARY, State.COMMITTED):
                return
            whole = trying.go_on(proposal.frozen, proposal.trying, proposal.trial_id)
            _commit(proposal, whole, "commit", comment_of(proposal))
            proposal.say(_("The machines that tried it are well: committed for all."))
    except CommitConflict as error:
        go_back(proposal, State.STALE, words_of(error))
    except REFUSALS as error:
        go_back(proposal, State.STOPPED, words_of(error))


def go_back(proposal: Proposal, after: State, reason: Text, user: str = "") -> bool:
    """End a try: its machines get exactly what they had. False when it had ended already.

    The values were in force before, so nothing that has become stricter since may keep them away.
    """
    with transaction.atomic():
        locked(proposal.replica_id)
        trial = proposal.trial_id
        if trial is None or not proposal.move(State.CANARY, after, reason=reason):
            return False
        proposal.say(reason, user)
        _return(proposal, trial)
        if after != State.STALE:
            give_back(proposal)
    return True


def _return(proposal: Proposal, trial: CommitId) -> None:
    now = {address: head.id for address, head in heads_of(proposal).items()}
    back = trying.go_back(proposal.trying, trial, now)
    if len(back) < len(proposal.tried):
        proposal.say(_("What others have committed on the machines that tried it stays."))
    if not back:
        return
    comment = gettext("Back from the try: %(reason)s") % {"reason": str(proposal.reason).partition("\n")[0]}
    made = replicas.commit(proposal.replica_id, back, comment=comment[:MAX_TEXT], **_by(proposal))
    mine = {change.address for change in back}
    # Where the change itself is on a machine that tried it, its author builds on the way back.
    bases = ((c, made.id if c.address in mine else c.replaces) for c in proposal.frozen)
    kept = [Change(c.address, c.value, base).to_wire() for c, base in bases]
    proposal.note(returned=str(made.id), changes=kept)
    proposal.say(_("The machines that tried it have what they had before."))


def close(
    proposal: Proposal, before: str, after: State, reason: Text, user: str = "", **columns: Any
) -> bool:
    """End a proposal of which nothing is in force; its changes become pending again, unless overtaken."""
    with transaction.atomic():
        locked(proposal.replica_id)
        if not proposal.move(before, after, reason=reason, **columns):
            return False
        proposal.say(reason, user)
        if after != State.STALE:
            give_back(proposal)
    return True


def give_back(proposal: Proposal) -> list[Address]:
    """Make the changes pending again for their author; returns those of which there are newer ones."""
    if proposal.author is None:
        proposal.say(_("Its author is gone; the changes stay here only."))
        return []
    kept = drafts.give_back(proposal.replica_id, proposal.author.get_username(), proposal.frozen)
    proposal.note(taken_back=True)
    proposal.say(_("The changes are pending changes of %(user)s again.") % {"user": proposal.author})
    if kept:
        state = replicas.state(proposal.replica_id)
        names = joined(", ", *(entry_phrase(state, address) for address in kept))
        proposal.say(
            _("Newer pending changes stay, and the proposed ones are gone: %(names)s") % {"names": names}
        )
    return kept
