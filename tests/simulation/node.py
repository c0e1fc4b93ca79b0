"""One holder of a replica: its clock, its disk, its sessions, and what it applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from clusters.effective import effective
from clusters.fence import Fence, OlderGeneration
from clusters.memory import MemoryStore
from clusters.modes import machine
from clusters.replication import Absorbed, Replica, Snapshot, SnapshotNeeded
from clusters.state import ClusterState
from clusters.versions import Change, Clock, Commit, CommitId, Vector
from tests.clusters.samples import CATALOGUE
from tests.simulation.truth import Truth, Violation

BATCH = 4
HISTORY = 10


@dataclass(frozen=True, slots=True)
class Have:
    """What the sender holds; `ask`: tell me what you hold."""

    vector: Vector
    ask: bool


@dataclass(frozen=True, slots=True)
class Commits:
    """Some of what the receiver lacks; `more` is on its way."""

    commits: Sequence[Commit]
    more: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """A snapshot with the last commits; `known` is a fact of the simulation, not of the protocol."""

    snapshot: Snapshot
    history: Sequence[Commit]
    known: int


Message = Have | Commits | Whole


@dataclass(frozen=True, slots=True)
class Generation:
    """Settings on their way to a machine's mail engine."""

    vector: Vector
    known: int
    fingerprint: str


def fingerprint_of(state: ClusterState, serial: str) -> str:
    """What a machine should run by this state."""
    return effective(state, machine(serial), CATALOGUE).fingerprint


@dataclass
class Disk:
    """What survives a crash: the store, and which commits are in it."""

    store: MemoryStore
    known: int


Image = tuple[Disk, Vector, Generation | None]
"""A backup of a whole machine: its replica, and what it had applied."""


@dataclass
class Time:
    """Virtual time, in ms since 1970."""

    now: int


@dataclass
class Wall:
    """A physical clock: off by `skew` ms, and by `drift` ms in each second of virtual time."""

    time: Time
    skew: int = 0
    drift: float = 0.0

    def __call__(self) -> int:
        now = self.time.now
        return now + self.skew + int((now % 10_000_000) * self.drift / 1000)


@dataclass
class Node:
    """A machine or a portal. Nothing leaves it before it is on disk."""

    serial: str
    truth: Truth
    wall: Wall
    wire: bool = False
    up_at: int = 0
    apart: bool = False
    disk: Disk = field(default_factory=lambda: Disk(MemoryStore(), 0))
    fence: Fence = field(default_factory=Fence)
    applied: Generation | None = None
    jobs: list[Generation] = field(default_factory=list)
    outbox: list[tuple[str, Message]] = field(default_factory=list)
    unsaved: list[int] = field(default_factory=list)
    dirty: bool = False

    def __post_init__(self) -> None:
        self.restart()

    # disk

    def restart(self) -> None:
        """What was in memory is gone; the disk is read."""
        self.known = self.disk.known
        self.outbox.clear()
        self.unsaved.clear()
        self.dirty = False
        self.replica = Replica(self.disk.store.copy(), self.serial, Clock(self.wall))

    def save(self) -> list[tuple[str, Message]]:
        """Writes all to disk; returns what may be sent now."""
        for bit in self.unsaved:
            self.truth.acknowledge(bit)
        self.unsaved.clear()
        if self.dirty:
            store = cast(MemoryStore, self.replica.store)
            self.disk, self.dirty = Disk(store.copy(), self.known), False
        ready, self.outbox = self.outbox, []
        return ready

    def image(self) -> Image:
        """A backup, to be put back some day."""
        return self.disk, self.fence.applied, self.applied

    def restore(self, image: Image) -> None:
        """All is as it was when the backup was made."""
        self.disk, applied, self.applied = image
        self.fence = Fence(applied)
        self.jobs.clear()
        self.restart()

    def caught_up_with_itself(self) -> bool:
        """Whether all commits of this holder that were ever acknowledged are here."""
        return self.replica.vector.get(self.serial, 0) >= self.truth.last_number(self.serial)

    # commits

    def commit(self, changes: Sequence[Change], user: str) -> Commit:
        """Raises StaleDraft."""
        commit = self.replica.commit(changes, user=user, host=self.serial)
        bit = self.truth.made(commit, self.known)
        self.known |= bit
        self.unsaved.append(bit)
        self.dirty = True
        return commit

    def compact(self, vector: Vector) -> None:
        """Forgets single commits."""
        self.replica.compact(vector)
        self.dirty = True

    # synchronisation, message by message

    def greet(self, peer: str) -> None:
        """Begins a session."""
        self.outbox.append((peer, Have(self.replica.in_hand, ask=True)))

    def hear(self, peer: str, message: Message) -> Absorbed | None:
        """Takes one message and answers it."""
        if isinstance(message, Have):
            self._offer(peer, message.vector)
            if message.ask:
                self.outbox.append((peer, Have(self.replica.in_hand, ask=False)))
            return None
        result = self._take(message)
        if result.forked:
            raise Violation(f"{self.serial} sees a fork at {result.forked[0]}")
        if isinstance(message, Whole) or not message.more:
            self.outbox.append((peer, Have(self.replica.in_hand, ask=result.gap)))
        return result

    def _offer(self, peer: str, vector: Vector) -> None:
        try:
            commits = self.replica.missing(vector, 2 * BATCH)
        except SnapshotNeeded:
            self.offer_snapshot(peer)
            return
        for start in range(0, len(commits), BATCH):
            end = start + BATCH
            self.outbox.append((peer, Commits(commits[start:end], more=end < len(commits))))

    def offer_snapshot(self, peer: str) -> None:
        """Sends the whole state."""
        self.outbox.append((peer, Whole(self.replica.snapshot(), self.replica.recent(HISTORY), self.known)))

    def _take(self, message: Commits | Whole) -> Absorbed:
        if isinstance(message, Whole):
            self.known |= message.known
            self.dirty = True
            snapshot = message.snapshot
            read = Snapshot.from_wire(snapshot.to_wire()) if self.wire else snapshot
            return self.replica.absorb_snapshot(read, message.history)
        commits = message.commits
        return self.absorb([Commit.from_wire(c.to_wire()) for c in commits] if self.wire else commits)

    def absorb(self, commits: Sequence[Commit], accept: frozenset[CommitId] = frozenset()) -> Absorbed:
        """Takes commits, and notes for the truth which they were."""
        result = self.replica.absorb(commits, accept=accept)
        self.dirty |= bool(result.taken or result.held)
        for ident in result.taken:
            self.known |= self.truth.bit(ident)
        return result

    # settings

    def state(self) -> ClusterState:
        return ClusterState.of(self.replica.store.all_heads())

    def render(self) -> None:
        """Begins to apply what is on disk; it may be finished late, or twice."""
        store = self.disk.store
        state = ClusterState.of(store.all_heads())
        mark = fingerprint_of(state, self.serial)
        self.jobs.append(Generation(store.vector(), self.disk.known, mark))

    def apply(self, generation: Generation) -> bool:
        """Ends to apply: the fence decides, and the truth judges the fence."""
        before = self.applied
        newer = before is None or before.known & ~generation.known == 0
        try:
            self.fence.admit(generation.vector)
        except OlderGeneration:
            if newer:
                raise Violation(f"{self.serial} refuses a newer generation {generation.vector}") from None
            return False
        if not newer:
            raise Violation(f"{self.serial} applies an older generation {generation.vector}")
        self.applied = generation
        return True
