"""Histories of a cluster for laws: replicas in memory that commit and synchronise as an example says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from hypothesis import strategies as st

from clusters.catalogue import Document
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER, group, machine
from clusters.replication import Replica
from clusters.versions import (
    THE_CLUSTER,
    Address,
    Change,
    Clock,
    Commit,
    CommitId,
    Kind,
    Timestamp,
    Version,
    settings_at,
)

NOON = 1_800_000_000_000
MINUTE = 60_000
ORIGINS = ("A", "B", "C")
ENTRIES = (
    settings_at(CLUSTER, "routes"),
    settings_at(group("g1"), "routes"),
    settings_at(machine("A"), "routes"),
    Address(Kind.GROUP, "g1"),
)


ROUTES = settings_at(CLUSTER, "routes")
LDAP = settings_at(CLUSTER, "ldap")


@dataclass
class Wall:
    """A physical clock that a test turns by hand, in milliseconds."""

    now: int = NOON

    def __call__(self) -> int:
        return self.now


def replica(origin: str, wall: Wall | None = None) -> Replica:
    """A new replica in memory."""
    return Replica(MemoryStore(), origin, Clock(wall or Wall()))


def edit(at: Replica, address: Address, value: dict[str, object] | None, comment: str = "") -> Commit:
    """A commit that replaces what is in force."""
    heads = at.store.heads([address]).get(address)
    change = Change(address, value, heads[0].id if heads else None)
    return at.commit([change], user="ada", host=at.origin, comment=comment)


def sync(source: Replica, target: Replica) -> None:
    """The target takes all that it lacks."""
    target.absorb(source.missing(target.vector, 10_000))


def picture(at: Replica) -> tuple[dict[str, int], str, dict[str, str]]:
    """All that must be equal on replicas that hold the same commits."""
    return at.vector, at.digest(), at.store.tips()


def complete(commits: Sequence[Commit]) -> Replica:
    """A replica that took all commits one by one."""
    at = replica("Z")
    for commit in commits:
        at.absorb([commit])
    return at


@dataclass
class World:
    """Three replicas; `skews` turns their clocks off in ms, within the tolerance of the clock guard."""

    skews: Sequence[int] = (0, 0, 0)
    wall: Wall = field(default_factory=Wall)
    replicas: list[Replica] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)

    def __post_init__(self) -> None:
        for origin, skew in zip(ORIGINS, self.skews, strict=True):
            clock = Clock(partial(self._skewed, skew))
            self.replicas.append(Replica(MemoryStore(), origin, clock))

    def _skewed(self, skew: int) -> int:
        return self.wall.now + skew

    def play(self, steps: Sequence[tuple[int, int, int, int]]) -> World:
        """Each step: who, then whom to ask first (who: nobody), which entry (none: only ask), which value."""
        for who, whom, entry, value in steps:
            self.wall.now += 1000
            sync(self.replicas[whom], self.replicas[who])
            if entry < len(ENTRIES):
                document: Document | None = None if value == 0 else {"row": value}
                self.commits.append(edit(self.replicas[who], ENTRIES[entry], document))
        return self


STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, len(ENTRIES)), st.integers(0, 3)),
    max_size=14,
)
SKEWS = st.tuples(*[st.integers(-2 * MINUTE, 2 * MINUTE)] * 3)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Replicas after a random history."""
    return World(draw(SKEWS)).play(draw(STEPS))


@st.composite
def waiting_worlds(draw: st.DrawFn) -> World:
    """The same where settings in conflict wait, as all have known from the beginning."""
    world = World(draw(SKEWS))
    world.commits.append(edit(world.replicas[0], THE_CLUSTER, {"name": "demo", "safe_wait": True}))
    for other in world.replicas[1:]:
        sync(world.replicas[0], other)
    return world.play(draw(STEPS))


@st.composite
def versions_of_one_entry(draw: st.DrawFn) -> list[Version]:
    """Versions that replicas can have made of one entry, under clocks that say anything."""
    steps = draw(st.lists(st.tuples(st.integers(0, 2), st.sets(st.integers(0, 7), max_size=4)), max_size=7))
    made: list[Version] = []
    known: dict[str, dict[str, int]] = {origin: {} for origin in ORIGINS}
    for who, asked in steps:
        origin = ORIGINS[who]
        seen = dict(known[origin])
        for index in sorted(asked):
            if index < len(made):
                other = made[index]
                for o, n in {**other.seen, other.id.origin: other.id.number}.items():
                    seen[o] = max(seen.get(o, 0), n)
        ident = CommitId(origin, seen.get(origin, 0) + 1)
        time = Timestamp(draw(st.integers(0, 3)), draw(st.integers(0, 1)))
        made.append(Version(ident, time, seen, "", "", "", {"n": len(made)}))
        known[origin] = {**seen, origin: ident.number}
    return made
