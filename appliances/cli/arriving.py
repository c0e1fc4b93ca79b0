"""`commit --wait`: on which members a commit is in force, and on which not, and why (TRL-32)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli.presenting import moment
from appliances.cli.session import Session
from appliances.machine.status import LinkStatus, MachineStatus
from clusters.versions import Commit

PAUSE = 0.1
"""Seconds between two looks at what members have said."""
ASKING = 5.0
"""Seconds that a member without a link has to answer through others: a hung one must not use up the wait."""
BETWEEN = 1.0
"""Seconds between two such questions: each passes over other members."""


class Arrival(StrEnum):
    """Where a commit stands on one member."""

    ENFORCED = "enforced"
    WAITING = "waiting"
    REFUSED = "refused"
    UNHEARD = "unheard"
    DISCONNECTED = "disconnected"


OPEN = (Arrival.WAITING, Arrival.UNHEARD)
"""What may still change while one waits."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One member that the cluster's entries name. `as_of`: when it said so, in ms; None if nothing is known.

    `directly`: it said so to this machine; else another member has passed it on.
    """

    serial: str
    name: str
    arrival: Arrival
    reason: str = ""
    as_of: int | None = None
    directly: bool = True


def wait_for(session: Session, made: Commit, seconds: float) -> list[Standing]:
    """Waits until every member enforces the commit or refuses it, and returns how each stands then.

    Members with which this machine has no link are asked over others, once even where nobody wants to wait:
    who was not asked cannot be said to be silent. What is disconnected on purpose gets the commit when it is
    taken back: nobody waits for it, and it counts as not enforced.
    """
    end = time.monotonic() + seconds
    session.host.settled(seconds)
    answers: dict[str, MachineStatus] = {}
    ask_at: float | None = None
    while True:
        found = standings(session, made, answers)
        left = end - time.monotonic()
        if (left <= 0 and ask_at is not None) or not any(each.arrival in OPEN for each in found):
            return found
        if ask_at is None or time.monotonic() >= ask_at:
            answers |= _asked(session, found, min(ASKING, left) if left > 0 else ASKING)
            ask_at = time.monotonic() + BETWEEN
        time.sleep(PAUSE)


def _asked(session: Session, found: list[Standing], seconds: float) -> Mapping[str, MachineStatus]:
    linked = {link.serial for link in session.host.links() if link.state == "connected"}
    unlinked = [each.serial for each in found if each.arrival in OPEN and each.serial not in linked]
    unlinked = [serial for serial in unlinked if serial != session.host.serial]
    return session.host.statuses_through(unlinked, seconds) if unlinked else {}


def standings(session: Session, made: Commit, answers: Mapping[str, MachineStatus]) -> list[Standing]:
    """How each member stands, as it was heard last over a link, or answered through others."""
    heard, links = session.host.heard(), {link.serial: link for link in session.host.links()}
    own = session.host.serial

    def standing(serial: str, name: str) -> Standing:
        if serial == own:
            return _standing(serial, name, made, session.host.status(), None)
        direct, passed = heard.get(serial), answers.get(serial)
        if passed is not None and (direct is None or direct.as_of < passed.as_of):
            found = replace(_standing(serial, name, made, passed, None), directly=False)
        else:
            found = _standing(serial, name, made, direct, _without_link(links.get(serial)))
        if found.arrival in OPEN and _disconnected(session, serial):
            return replace(found, arrival=Arrival.DISCONNECTED, reason="")
        return found

    machines = session.state.machines
    if not machines:
        return [standing(own, session.host.name)]
    return [standing(serial, machine.name) for serial, machine in machines.items()]


def _disconnected(session: Session, serial: str) -> bool:
    machines = session.state.machines
    return any(machines[s].disconnected for s in (serial, session.host.serial) if s in machines)


def _without_link(link: LinkStatus | None) -> str | None:
    """Why nothing is heard of it; None while there is a link."""
    if link is not None and link.state == "connected":
        return None
    reason = (link.reason if link else "") or _("this machine keeps no link with it")
    return _("{reason}; over other members it did not answer either").format(reason=reason)


def _standing(serial: str, name: str, made: Commit, said: MachineStatus | None, away: str | None) -> Standing:
    arrival = _arrival(made, said)
    if arrival is Arrival.WAITING and (said is None or away is not None):
        arrival = Arrival.UNHEARD
    reason = said.error.text if said and said.error and arrival is Arrival.REFUSED else ""
    if arrival is Arrival.UNHEARD:
        reason = away or _("it has said nothing yet")
    return Standing(serial, name, arrival, reason, said.as_of if said else None)


def _arrival(made: Commit, said: MachineStatus | None) -> Arrival:
    if said is None or said.vector.get(made.id.origin, 0) < made.id.number:
        return Arrival.WAITING
    if said.settled:
        return Arrival.ENFORCED
    return Arrival.REFUSED if said.error else Arrival.WAITING


def everywhere(found: list[Standing]) -> bool:
    """Whether each member that the entries name has it in force."""
    return all(each.arrival is Arrival.ENFORCED for each in found)


def as_json(found: list[Standing]) -> list[dict[str, Any]]:
    """The members of a script's answer."""
    return [asdict(each) for each in found]


def lines(found: list[Standing]) -> Iterator[str]:
    """Who has it in force, and each other one with its reason."""
    there = [each.name for each in found if each.arrival is Arrival.ENFORCED]
    yield _("In force on {there} of {total}: {names}").format(
        there=len(there), total=len(found), names=", ".join(there) or "-"
    )
    yield from (f"  {each.name}: {_why(each)}" for each in found if each.arrival is not Arrival.ENFORCED)
    if passed := [each.name for each in found if not each.directly]:
        yield _("Not heard directly, but over other members: {names}").format(names=", ".join(passed))


def _why(each: Standing) -> str:
    if each.arrival is Arrival.REFUSED:
        return _("refused there: {reason}").format(reason=each.reason)
    if each.arrival is Arrival.DISCONNECTED:
        return _("disconnected on purpose; it gets this when it is reconnected")
    last = _("last heard {time}").format(time=moment(each.as_of)) if each.as_of else _("never heard")
    if each.arrival is Arrival.UNHEARD:
        return _("cannot be heard ({reason}); {last}").format(reason=each.reason, last=last)
    return _("not yet; {last}").format(last=last)
