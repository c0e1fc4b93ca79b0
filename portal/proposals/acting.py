"""Who may do what with a proposal now: one table for its page and for the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import PermissionDenied

from clusters.acceptance import check_comment
from portal.proposals import deciding
from portal.proposals.proposal import Proposal, State
from portal.tenants import Right, Role

Action = Callable[[Proposal, Any, str], None]

ACTIONS: dict[str, Action] = {
    "approve": deciding.approve,
    "refuse": deciding.refuse,
    "withdraw": deciding.withdraw,
    "take_back": deciding.take_back,
    "stop": deciding.stop,
    "pause": deciding.pause,
    "resume": deciding.resume,
    "skip": deciding.skip,
    "at_once": deciding.at_once,
}


def allowed(proposal: Proposal, person: Any, role: Role) -> set[str]:
    """What role and authorship let the person do with it, whatever its state."""
    return set(_allowed(proposal.author_id == person.pk, role))


def _allowed(own: bool, role: Role) -> Iterator[str]:
    if role.may(Right.APPROVE):
        yield from ("approve", "refuse")
    if role.may(Right.APPROVE) or role.may(Right.EDIT):
        yield from ("stop", "pause", "resume", "skip")
    if (own and role.may(Right.EDIT)) or role.may(Right.ADMINISTER):
        yield "withdraw"
    if own and role.may(Right.EDIT):
        yield "take_back"
    if role.may(Right.ADMINISTER):
        yield "at_once"


def offered(proposal: Proposal, person: Any, role: Role) -> set[str]:
    """What the person can do with it in its present state."""
    found = allowed(proposal, person, role) & _possible(proposal)
    return found - {"approve", "refuse"} if proposal.author_id == person.pk else found


def _possible(proposal: Proposal) -> set[str]:
    if proposal.state == State.APPROVAL:
        return {"approve", "refuse", "withdraw"}
    if proposal.state == State.WINDOW:
        return {"withdraw", "at_once"}
    if proposal.state == State.CANARY:
        return {"stop", "skip", "resume" if proposal.paused else "pause", "at_once"}
    return {"take_back"} if proposal.may_be_taken_back else set()


def act(proposal: Proposal, person: Any, role: Role, do: str, comment: str = "") -> None:
    """Do it; raises PermissionDenied, and Refused with what to do instead."""
    if do not in allowed(proposal, person, role):
        raise PermissionDenied
    check_comment(comment)  # some of them end in the comment of a commit
    ACTIONS[do](proposal, person, comment.strip())
