"""Clocks, vectors, commits and the merge rule: what makes replicas agree (design, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Self

from clusters.catalogue import Document
from clusters.modes import InvalidMode, Mode, nameable
from clusters.wire import (
    MAX_NUMBER,
    MAX_ORIGIN,
    MAX_TEXT,
    MAX_WALL,
    MalformedCommit,
    canonical,
    digest,
    plain,
    read_fields,
    read_number,
    read_origin,
    read_text,
)

__all__ = [
    "MAX_NUMBER",
    "MAX_ORIGIN",
    "MAX_TEXT",
    "MOST_PAST",
    "THE_BEGINNING",
    "THE_CLUSTER",
    "TOLERANCE",
    "Address",
    "Authorship",
    "Change",
    "Clock",
    "Commit",
    "CommitId",
    "Heads",
    "Kind",
    "MalformedCommit",
    "Past",
    "Timestamp",
    "Vector",
    "Version",
    "canonical",
    "covers",
    "digest",
    "entry_line",
    "joined",
    "merge",
    "past_from_wire",
    "past_to_wire",
    "read_link",
    "settings_at",
    "vector_from_wire",
]

Vector = Mapping[str, int]
"""For each origin the number of its last commit that a replica holds; commits count from 1."""

TOLERANCE = 5 * 60 * 1000
"""How far, in milliseconds, a commit may be dated ahead of the receiver's clock (clock guard)."""

LINK_LENGTH = 16

MOST_PAST = 8
"""How many versions of an entry a new one remembers under safe wait."""


class Timestamp(NamedTuple):
    """A hybrid logical time: milliseconds since 1970 UTC, and a counter within the millisecond."""

    wall: int
    counter: int


THE_BEGINNING = Timestamp(0, 0)


class Clock:
    """A hybrid logical clock: never behind what it has observed, unless the physical clock was set right.

    `wall` gives milliseconds since 1970 UTC. When the last time given is more than `tolerance` ms ahead of
    it, the physical clock had been wrong and was mended: dates follow it again, for what is dated later would
    be held by everyone. Nothing needs times to grow: the merge rule asks vectors first.
    """

    def __init__(
        self, wall: Callable[[], int], last: Timestamp = THE_BEGINNING, tolerance: int = TOLERANCE
    ) -> None:
        self._wall = wall
        self.last = last
        self.tolerance = tolerance

    def wall(self) -> int:
        """The physical clock, in milliseconds."""
        return min(max(self._wall(), 0), MAX_WALL)

    def ahead(self, time: Timestamp) -> int:
        """By how many ms a time is ahead of the physical clock; 0 within the tolerance."""
        ahead = time.wall - self.wall()
        return ahead if ahead > self.tolerance else 0

    def tick(self) -> Timestamp:
        """A time for a new commit, later than every one given or observed before."""
        wall = self.wall()
        if wall > self.last.wall or self.ahead(self.last):
            self.last = Timestamp(wall, 0)
        else:
            self.last = self.last._replace(counter=self.last.counter + 1)
        return self.last

    def observe(self, time: Timestamp) -> None:
        """Take note of a time seen on a commit; not of one beyond the tolerance, taken on a person's word."""
        if not self.ahead(time):
            self.last = max(self.last, time)


def _no_entry(text: str) -> str:
    return f'{text[:60]} is no entry of a cluster; "showconflicts --json" shows how they are written.'


class CommitId(NamedTuple):
    """Who made a commit (serial number of the replica's holder), and which of theirs it is."""

    origin: str
    number: int

    def __str__(self) -> str:
        return f"{self.origin}/{self.number}"

    @classmethod
    def parse(cls, text: str) -> CommitId:
        """The id in the form of `str`; raises MalformedCommit."""
        origin, _, number = text.rpartition("/")
        if not number.isdecimal() or not number.isascii() or number[0] == "0" or len(number) > 16:
            raise MalformedCommit(f"{text[:60]} is no commit: they look like MX1/7.")
        return cls(read_origin(origin), read_number(int(number), 1))


class Kind(StrEnum):
    """What an entry is about."""

    SETTINGS = "settings"
    CLUSTER = "cluster"
    GROUP = "group"
    MACHINE = "machine"
    PORTAL = "portal"
    PENDING_JOIN = "pending_join"


@dataclass(frozen=True, slots=True)
class Address:
    """What names an entry: (mode, feature) for settings, (kind, id) for the rest.

    `name` is the feature; the group's UUID; the serial number; empty for the cluster itself.
    """

    kind: Kind
    name: str = ""
    mode: Mode | None = None

    def __post_init__(self) -> None:
        if (self.kind is Kind.SETTINGS) != (self.mode is not None):
            raise MalformedCommit(f"{self.kind} with mode {self.mode}")
        if (self.kind is Kind.CLUSTER) != (self.name == "") or not nameable(self.name):
            raise MalformedCommit(f"{self.kind} with name {self.name!r}")

    def __hash__(self) -> int:
        # Addresses are looked up more often than anything else, and hashes of enums are slow.
        return hash((self.name, self.mode and self.mode.id))

    def __str__(self) -> str:
        """The one written form: `settings/group:ID/smtproutes`, `machine/SERIAL`, `cluster`."""
        return "/".join(part for part in (self.kind, str(self.mode or ""), self.name) if part)

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address in the form of `str`; raises MalformedCommit."""
        word, *rest = text.split("/")
        try:
            kind = Kind(word)
            mode = Mode.parse(rest.pop(0)) if kind is Kind.SETTINGS and rest else None
        except (ValueError, InvalidMode):
            raise MalformedCommit(_no_entry(text)) from None
        if len(rest) != (kind is not Kind.CLUSTER):
            raise MalformedCommit(_no_entry(text))
        return cls(kind, rest[0] if rest else "", mode)


def settings_at(mode: Mode, feature: str) -> Address:
    """The address of a feature's settings at a mode."""
    return Address(Kind.SETTINGS, feature, mode)


THE_CLUSTER = Address(Kind.CLUSTER)


@dataclass(frozen=True, slots=True)
class Change:
    """A new value of one entry, or None to make it absent (CL-10); `replaces` is what the author saw.

    `past` is what had stood there for the author, where the cluster chose safe wait (SYN-08).
    """

    address: Address
    value: Document | None
    replaces: CommitId | None = None
    past: Past | None = None

    def to_wire(self) -> dict[str, Any]:
        return {
            "address": str(self.address),
            "value": self.value,
            "replaces": None if self.replaces is None else str(self.replaces),
            "past": past_to_wire(self.past),
        }

    @classmethod
    def from_wire(cls, raw: object) -> Change:
        """Raises MalformedCommit."""
        fields = read_fields(raw, {"address", "value", "replaces", "past"})
        replaces = fields["replaces"]
        return cls(
            Address.parse(read_text(fields["address"])),
            _value(fields["value"]),
            None if replaces is None else CommitId.parse(read_text(replaces)),
            past_from_wire(fields["past"]),
        )


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who wrote something, when, and what they had seen: the part that a commit gives to each version."""

    id: CommitId
    time: Timestamp
    seen: Vector
    user: str
    host: str
    comment: str

    def had_seen(self, other: CommitId) -> bool:
        """Whether the author had that commit when writing this one."""
        return self.id == other or self.seen.get(other.origin, 0) >= other.number

    def authorship_to_wire(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "time": list(self.time),
            "seen": dict(self.seen),
            "user": self.user,
            "host": self.host,
            "comment": self.comment,
        }


AUTHORSHIP_FIELDS = {"id", "time", "seen", "user", "host", "comment"}


@dataclass(frozen=True, slots=True)
class Commit(Authorship):
    """An atomic set of changes; what replicas exchange.

    `previous` is the link of the same holder's commit before this one, empty for the first: two commits with
    the same id, by a holder that came back from a backup, cannot pass for one another.
    """

    changes: tuple[Change, ...] = ()
    previous: str = ""
    _link: str = field(default="", init=False, repr=False, compare=False)

    @property
    def link(self) -> str:
        """16 hex digits of SHA-256 over all that this commit says; found once."""
        if not self._link:
            object.__setattr__(self, "_link", digest([canonical(self.to_wire())])[:LINK_LENGTH])
        return self._link

    def to_wire(self) -> dict[str, Any]:
        """The commit as JSON values; `from_wire` reads it back."""
        changes = [change.to_wire() for change in self.changes]
        return {**self.authorship_to_wire(), "changes": changes, "previous": self.previous}

    @classmethod
    def from_wire(cls, raw: object) -> Self:
        """A commit from a peer's JSON values; raises MalformedCommit."""
        fields = read_fields(raw, AUTHORSHIP_FIELDS | {"changes", "previous"})
        changes = fields["changes"]
        if not isinstance(changes, list) or not changes:
            raise MalformedCommit("changes is a list, and not empty")
        read = tuple(Change.from_wire(change) for change in changes)
        if len({change.address for change in read}) != len(read):
            raise MalformedCommit("a commit changes an entry twice")
        commit = cls(*_authorship(fields), read, read_link(fields["previous"]))
        if (commit.previous == "") != (commit.id.number == 1):
            raise MalformedCommit(f"{commit.id} does not name its author's commit before it")
        for change in read:
            _require_seen(commit, change.past)
        return commit

    def version(self, change: Change) -> Version:
        """The version of the entry that this change makes."""
        by = (self.id, self.time, self.seen, self.user, self.host, self.comment)
        return Version(*by, change.value, change.past)


@dataclass(frozen=True, slots=True)
class Version(Authorship):
    """What an entry became by a commit; `value` None means absent. `past` as in Change."""

    value: Document | None = None
    past: Past | None = None

    def to_wire(self) -> dict[str, Any]:
        """The version as JSON values; `from_wire` reads it back."""
        return {**self.authorship_to_wire(), "value": self.value, "past": past_to_wire(self.past)}

    @classmethod
    def from_wire(cls, raw: object) -> Self:
        """A version from a peer's snapshot; raises MalformedCommit."""
        fields = read_fields(raw, AUTHORSHIP_FIELDS | {"value", "past"})
        version = cls(*_authorship(fields), _value(fields["value"]), past_from_wire(fields["past"]))
        _require_seen(version, version.past)
        return version


@dataclass(frozen=True, slots=True)
class Past:
    """What had stood at an entry for the author of a version, the latest first (SYN-08, safe wait).

    A version carries it, so that all who hold the same heads find the same common ancestor, whatever they
    have compacted. `whole` tells that nothing had been there before these.
    """

    versions: tuple[Version, ...] = ()
    whole: bool = False


def past_to_wire(past: Past | None) -> dict[str, Any] | None:
    """The past as JSON values; `past_from_wire` reads it back."""
    if past is None:
        return None
    return {"versions": [v.to_wire() for v in past.versions], "whole": past.whole}


def past_from_wire(raw: object) -> Past | None:
    """A past from a peer's JSON values; raises MalformedCommit."""
    if raw is None:
        return None
    fields = read_fields(raw, {"versions", "whole"})
    versions, whole = fields["versions"], fields["whole"]
    if not isinstance(versions, list) or len(versions) > MOST_PAST or not isinstance(whole, bool):
        raise MalformedCommit(f"a past is at most {MOST_PAST} versions, and whether it is whole")
    if any(isinstance(each, dict) and each.get("past") is not None for each in versions):
        raise MalformedCommit("a version in a past has none of its own")
    return Past(tuple(Version.from_wire(each) for each in versions), whole)


def _require_seen(by: Authorship, past: Past | None) -> None:
    for version in past.versions if past else ():
        if version.id == by.id or not by.had_seen(version.id):
            raise MalformedCommit(f"{by.id} remembers {version.id}, which its author had not seen")


Heads = tuple[Version, ...]
"""The versions of an entry that no other had seen, the latest first (see `clusters.standing`)."""


def merge(versions: Iterable[Version]) -> Heads:
    """The heads among `versions`, in any order and with any repetition (the merge rule).

    Of two versions, one that had seen the other replaces it. Of concurrent ones the latest (time,
    then origin) comes first and stands; the others are kept behind it as the conflict's losers.
    """
    heads: list[Version] = []
    for version in versions:
        if not any(head.had_seen(version.id) for head in heads):
            heads = [head for head in heads if not version.had_seen(head.id)]
            heads.append(version)
    return tuple(sorted(heads, key=lambda v: (v.time, v.id), reverse=True))


def joined(a: Vector, b: Vector) -> dict[str, int]:
    """The least vector that covers both."""
    return {origin: max(a.get(origin, 0), b.get(origin, 0)) for origin in {*a, *b}}


def covers(a: Vector, b: Vector) -> bool:
    """Whether everything in `b` is in `a`."""
    return all(a.get(origin, 0) >= number for origin, number in b.items())


def entry_line(address: Address, heads: Heads) -> str:
    """What an entry adds to the digest of a replica: every head with its date and value."""
    told = [[str(h.id), list(h.time), h.value, past_to_wire(h.past)] for h in heads]
    return canonical([str(address), told])


def read_link(raw: object) -> str:
    """A commit's link, or the empty text before the first; raises MalformedCommit."""
    text = read_text(raw)
    if text and (len(text) != LINK_LENGTH or text.strip("0123456789abcdef")):
        raise MalformedCommit(f"a link is {LINK_LENGTH} hex digits")
    return text


def vector_from_wire(raw: object) -> dict[str, int]:
    """A vector from a peer's JSON values; raises MalformedCommit."""
    if not isinstance(raw, dict):
        raise MalformedCommit("a vector is an object")
    return {read_origin(origin): read_number(number, 1) for origin, number in raw.items()}


def _value(raw: object) -> Document | None:
    if raw is not None and not isinstance(raw, dict):
        raise MalformedCommit("the value of an entry is an object or null")
    value: Document | None = plain(raw)
    return value


def _authorship(fields: Mapping[str, Any]) -> tuple[CommitId, Timestamp, Vector, str, str, str]:
    ident = CommitId.parse(read_text(fields["id"]))
    time = fields["time"]
    if not isinstance(time, list) or len(time) != 2:
        raise MalformedCommit("a time is milliseconds and a counter")
    seen = vector_from_wire(fields["seen"])
    if seen.get(ident.origin, 0) != ident.number - 1:
        raise MalformedCommit(f"{ident} has not seen all of its author's earlier commits")
    stamp = Timestamp(read_number(time[0], 0, MAX_WALL), read_number(time[1]))
    texts = (read_text(fields[name]) for name in ("user", "host", "comment"))
    user, host, comment = texts
    return ident, stamp, seen, user, host, comment
