"""Which machines of a cluster a person wants to see in a list, and what they are called in short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from appliances.following.freshness import Enforcement, Seen
from appliances.models import Connection

LONGEST = 100
SHOWN: list[Connection] = [connection for connection in Connection if connection is not Connection.REMOVED]
"""Connections that a member of a cluster can have."""


class _OfMachine(Protocol):
    @property
    def machine(self) -> Seen: ...


class _Heard(Protocol):
    @property
    def heard(self) -> _OfMachine: ...


Answered = TypeVar("Answered", bound=_Heard)
"""Whatever was made of the answer of one machine."""


@dataclass(frozen=True, slots=True)
class Sieve:
    """A part of a name or serial number, a group, and how machines stand; what is empty lets all through."""

    q: str = ""
    group: str = ""
    connection: str = ""
    enforcement: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Sieve:
        """The sieve in the query of a page; words that mean nothing filter nothing."""
        connection, enforcement = str(asked.get("connection", "")), str(asked.get("enforcement", ""))
        return cls(
            str(asked.get("q", "")).strip()[:LONGEST],
            str(asked.get("group", ""))[:LONGEST],
            connection if connection in SHOWN else "",
            enforcement if enforcement in list(Enforcement) else "",
        )

    @property
    def connections(self) -> list[Connection]:
        """What may be chosen."""
        return SHOWN

    @property
    def enforcements(self) -> list[Enforcement]:
        """What may be chosen."""
        return list(Enforcement)

    @property
    def narrows(self) -> bool:
        """Whether more would be shown without it."""
        return self != Sieve()

    def passes(self, one: Seen) -> bool:
        """Whether this machine is wanted."""
        row, text = one.status, self.q.casefold()
        return (
            (text in row.name.casefold() or text in row.serial.casefold())
            and self.group in ("", row.group)
            and self.connection in ("", one.connection)
            and self.enforcement in ("", one.enforcement)
        )

    def sift(self, machines: Iterable[Seen]) -> list[Seen]:
        """The machines that are wanted, in their order."""
        return [one for one in machines if self.passes(one)]

    def sift_heard(self, answers: Iterable[Answered]) -> list[Answered]:
        """What the machines that are wanted have answered, in its order."""
        return [one for one in answers if self.passes(one.heard.machine)]


def short_names(names: Iterable[str]) -> dict[str, str]:
    """For each host name its first label where no other has the same, else the whole name."""
    first = {name: name.partition(".")[0] for name in names}
    times = Counter(first.values())
    return {name: name if times[label] > 1 or label.isdigit() else label for name, label in first.items()}
