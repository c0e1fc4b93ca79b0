"""The queues of a cluster: what each machine holds, searched together and worked on (GUI-03, BP-10)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliances.following.freshness import Seen
from appliances.postfix.queue import QUEUES
from appliances.postfix.selecting import TERMS
from clusters.refusals import Refused
from portal.jobs.rows import Job, start
from portal.machines import asking
from portal.machines.asking import Heard
from portal.machines.seen import machines_seen
from portal.place import Place
from portal.tenants import Right

PER_MACHINE = 200
"""Messages that one machine lists."""
SHOWN = 100
"""Messages on one page."""
MOST_CHOSEN = 2000
LONGEST_TERM = 200

VERBS = {
    "retry": gettext_lazy("Try now"),
    "hold": gettext_lazy("Hold"),
    "release": gettext_lazy("Release from hold"),
    "bounce": gettext_lazy("Return to sender"),
    "delete": gettext_lazy("Delete"),
}
FOR_EVER = ("bounce", "delete")
"""Verbs that cannot be taken back; a person confirms them."""

_CHOSEN = re.compile(r"([^:\s]{1,64}):([0-9A-Za-z]{6,24})")


class NothingChosen(Refused):
    """The choice names no message or no machine that is there."""


@dataclass(frozen=True, slots=True)
class Message:
    """A queued message and the machine that holds it."""

    serial: str
    machine: str
    id: str
    state: str
    arrived: datetime | None
    size: int
    sender: str
    recipients: list[dict[str, str]]
    more: int

    @property
    def chosen_as(self) -> str:
        """How a form names it."""
        return f"{self.serial}:{self.id}"


@dataclass(frozen=True, slots=True)
class Held:
    """What one machine says of its queue; `listed` of `matching` messages are known here."""

    heard: Heard
    matching: int | None
    listed: int

    @property
    def counts(self) -> dict[str, int]:
        """Messages by queue; empty where the machine has not answered."""
        told = self.heard.value.get("counts")
        return {name: _number(told.get(name)) for name in QUEUES} if isinstance(told, dict) else {}

    @property
    def waiting(self) -> int | None:
        """All that waits; as the status said it last where there is no answer."""
        return sum(self.counts.values()) if self.counts else self.heard.machine.status.queue

    @property
    def on_hold(self) -> int:
        return self.counts.get("hold", 0)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest message came."""
        return _moment(self.heard.value.get("oldest"))

    @property
    def suspended(self) -> dict[str, Any]:
        """What is suspended there, as the status says."""
        return suspended(self.heard.machine)


@dataclass(frozen=True, slots=True)
class Queues:
    """The answers of all machines to one search."""

    machines: list[Held]
    messages: list[Message]
    matching: int

    @property
    def asked(self) -> int:
        """Machines from which an answer is awaited or here."""
        return sum(held.heard.waits or bool(held.heard.value) for held in self.machines)

    @property
    def answered(self) -> int:
        return sum(bool(held.heard.value) and not held.heard.waits for held in self.machines)

    @property
    def waits(self) -> bool:
        """Whether some answer is still to come."""
        return any(held.heard.waits for held in self.machines)

    @property
    def hidden(self) -> int:
        """Matching messages that the machines have not listed."""
        return self.matching - len(self.messages)


def suspended(machine: Seen) -> dict[str, Any]:
    """What a person has suspended on a machine: `listeners`, `deliveries`; empty for nothing."""
    told = machine.status.report.get("suspended") or {}
    return told if told.get("listeners") or told.get("deliveries") else {}


def terms_of(told: Mapping[str, Any]) -> list[str]:
    """The words of a search from a form or a call; what is empty is left out. Raises NothingChosen."""
    found = [(term, str(told.get(term) or "").strip()) for term in TERMS]
    if any(len(value) > LONGEST_TERM for _term, value in found):
        raise NothingChosen(_("A word of the search is too long."))
    state, older = (str(told.get(name) or "").strip() for name in ("state", "older"))
    if state and state not in QUEUES:
        raise NothingChosen(_("There is no such state of a message."))
    if older and not (older.isdecimal() and len(older) < 10):
        raise NothingChosen(_("An age is a number of seconds."))
    return [f"{term}={value}" for term, value in found if value]


def question(place: Place, terms: Sequence[str]) -> list[str]:
    """What machines are asked: all that match, or the counts alone for who may not see messages."""
    if not place.may(Right.SEE_SETTINGS):
        return ["queue", "status", "--json"]
    return ["queue", "list", *terms, "--limit", str(PER_MACHINE), "--json"]


def ask(place: Place, terms: Sequence[str]) -> None:
    """Ask every machine that can be reached."""
    asking.ask(place, machines_seen(place), question(place, terms))


def look(place: Place, terms: Sequence[str]) -> Queues:
    """What the machines have answered to this search so far, the oldest message first."""
    heard = asking.heard(place, machines_seen(place), question(place, terms))
    held = [_held(each) for each in heard]
    messages = sorted(
        (message for each in heard for message in _messages(each)),
        key=lambda m: (m.arrived or datetime.max.replace(tzinfo=UTC), m.machine, m.serial, m.id),
    )
    return Queues(held, messages, sum(each.matching or 0 for each in held))


def _held(heard: Heard) -> Held:
    told = heard.value
    listed = told.get("messages")
    matching = _number(told.get("matching")) if "matching" in told else None
    return Held(heard, matching, len(listed) if isinstance(listed, list) else 0)


def _messages(heard: Heard) -> Iterable[Message]:
    listed = heard.value.get("messages")
    for told in listed if isinstance(listed, list) else ():
        try:
            yield Message(
                heard.serial,
                heard.name,
                str(told["id"]),
                str(told["state"]),
                _moment(told["arrived"]),
                _number(told["size"]),
                str(told["sender"]),
                [{"address": str(r["address"]), "reason": str(r["reason"])} for r in told["recipients"]],
                _number(told.get("more_recipients")),
            )
        except (KeyError, TypeError):
            continue  # a machine of another release may tell more or less


def _number(told: Any) -> int:
    return told if isinstance(told, int) else 0


def _moment(told: Any) -> datetime | None:
    return datetime.fromtimestamp(told / 1000, UTC) if isinstance(told, int) and 0 < told < 4e12 else None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a verb is for: single messages by machine, or all that match a search on these machines."""

    machines: list[tuple[str, str]]
    ids: dict[str, list[str]] | None = None
    terms: tuple[str, ...] = ()

    @property
    def count(self) -> int | None:
        """How many messages, where they are named."""
        return None if self.ids is None else sum(map(len, self.ids.values()))

    @property
    def names(self) -> list[str]:
        return [name for _serial, name in self.machines]


def chosen(place: Place, marked: Sequence[str]) -> Choice:
    """The messages that a person has marked, as SERIAL:ID; raises NothingChosen."""
    ids: dict[str, list[str]] = {}
    known = _members(place)
    for text in marked[: MOST_CHOSEN + 1]:
        match = _CHOSEN.fullmatch(text)
        if match is None or match[1] not in known:
            raise NothingChosen(_("One of the messages is on no machine of this cluster."))
        ids.setdefault(match[1], []).append(match[2])
    if not ids or len(marked) > MOST_CHOSEN:
        raise NothingChosen(_("Mark from 1 to %(most)d messages.") % {"most": MOST_CHOSEN})
    return Choice([(serial, known[serial]) for serial in ids], ids)


def matching(place: Place, terms: Sequence[str], serials: Iterable[str] = ()) -> Choice:
    """All messages of a search, on these machines or on all; raises NothingChosen."""
    known = _members(place)
    wanted = list(serials) or list(known)
    if not wanted or any(serial not in known for serial in wanted):
        raise NothingChosen(_("One of the machines is none of this cluster."))
    return Choice([(serial, known[serial]) for serial in wanted], None, tuple(terms))


def _members(place: Place) -> dict[str, str]:
    return {one.status.serial: one.status.name or one.status.serial for one in machines_seen(place)}


def work(place: Place, person: Any, verb: str, choice: Choice) -> Job:
    """Start the job that does it; raises NothingChosen for a verb that is none."""
    if verb not in VERBS:
        raise NothingChosen(_("There is no such work on queues."))
    asked: dict[str, Any] = {"verb": verb}
    asked |= {"terms": list(choice.terms)} if choice.ids is None else {"ids": choice.ids}
    return start("queue", place.cluster, person, asked, choice.machines)
