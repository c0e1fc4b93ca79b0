"""One replica: commit, and synchronise with any other in any order (design, section 3).

The rules live here once. Where the entries are kept is a Store: in memory (simulations, tests, fleets of
simulated machines), or in the database (`clusters.replicas`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import islice
from typing import Any, Protocol

from clusters.standing import may_wait, past_after, standing_each, waits
from clusters.versions import (
    THE_CLUSTER,
    Address,
    Authorship,
    Change,
    Clock,
    Commit,
    CommitId,
    Heads,
    MalformedCommit,
    Past,
    Timestamp,
    Vector,
    Version,
    covers,
    digest,
    entry_line,
    joined,
    merge,
    read_link,
    vector_from_wire,
)
from clusters.wire import read_fields, read_text

MOST_TRACED = 2000
"""Commits of one origin whose links two replicas compare; who is further apart is not the same any more."""


class SnapshotNeeded(Exception):
    """What a peer lacks has been compacted away here: send a snapshot instead."""


class StaleDraft(Exception):
    """A change's base version is no longer in force; `stale` pairs each such change with what is (CMT-04)."""

    def __init__(self, stale: Sequence[tuple[Change, Version]]) -> None:
        self.stale = tuple(stale)
        super().__init__("; ".join(f"{change.address} was changed by {now.id}" for change, now in stale))


class ForkedHistory(Exception):
    """Two different commits have one id: their holder came back from a backup and went on from there.

    `origins` are the serial numbers of such holders. Nothing was changed.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self.origins = tuple(sorted(origins))
        super().__init__(f"different commits with the same numbers by {', '.join(self.origins)}")


@dataclass(frozen=True, slots=True)
class Trail:
    """The links of an origin's commits that one replica knows: of number `first`, and of each one after it.

    Before the first commit stands the empty link of number 0.
    """

    origin: str
    first: int
    links: tuple[str, ...]

    @property
    def last(self) -> int:
        """The number of the last commit."""
        return self.first + len(self.links) - 1

    @property
    def end(self) -> Trail:
        """The last commit alone."""
        return Trail(self.origin, self.last, self.links[-1:])

    def numbered(self) -> dict[int, str]:
        """The links by number."""
        return dict(enumerate(self.links, self.first))


def parting(mine: Trail, theirs: Trail) -> int | None:
    """The number of the last commit of an origin that is the same in both; None where none differs.

    Raises ForkedHistory where some differ and neither goes back to one that does not.
    """
    here, there = mine.numbered(), theirs.numbered()
    other = [number for number in here if number in there and here[number] != there[number]]
    if not other:
        return None
    if min(other) - 1 not in here or min(other) - 1 not in there:
        raise ForkedHistory([mine.origin])
    return min(other) - 1


class Store(Protocol):
    """Where a replica keeps its entries. A caller wraps each operation of Replica in one transaction."""

    def vector(self) -> dict[str, int]:
        """What the replica holds."""
        ...

    def set_vector(self, vector: Vector) -> None: ...

    def floor(self) -> dict[str, int]:
        """Up to where a commit may be missing from the log."""
        ...

    def set_floor(self, vector: Vector) -> None: ...

    def tips(self) -> dict[str, str]:
        """The link of each origin's last commit that the replica holds."""
        ...

    def set_tips(self, tips: Mapping[str, str]) -> None: ...

    def time(self) -> Timestamp:
        """The latest time given or observed."""
        ...

    def set_time(self, time: Timestamp) -> None: ...

    def heads(self, addresses: Iterable[Address]) -> dict[Address, Heads]:
        """The heads of those of the addresses that were ever written."""
        ...

    def all_heads(self) -> Iterable[tuple[Address, Heads]]: ...

    def put_heads(self, heads: Mapping[Address, Heads]) -> None: ...

    def append(self, commits: Sequence[Commit]) -> None:
        """Add to the log commits that it lacks, each after all that it had seen."""
        ...

    def forget(self, vector: Vector) -> None:
        """Drop from the log the commits up to `vector`."""
        ...

    def withdraw(self, origin: str, number: int) -> None:
        """Drop from the log the commits of an origin after that number."""
        ...

    def links_before(self, origin: str, number: int) -> list[str]:
        """What each kept commit of an origin after that number names as the one before, in their order."""
        ...

    def commits_after(self, vector: Vector) -> Iterator[Commit]:
        """The kept commits that `vector` lacks, in the order of arrival here."""
        ...

    def last(self, most: int) -> list[Commit]:
        """The last kept commits, at most `most`, in the order of arrival here."""
        ...

    def held(self) -> list[Commit]:
        """Commits that wait for their date or for a person's word."""
        ...

    def set_held(self, commits: Sequence[Commit]) -> None: ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state of a replica without its history."""

    vector: Vector
    entries: Mapping[Address, Heads]
    tips: Mapping[str, str] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """The snapshot as JSON values."""
        entries = {str(address): [v.to_wire() for v in heads] for address, heads in self.entries.items()}
        return {"vector": dict(self.vector), "entries": entries, "tips": dict(self.tips)}

    @classmethod
    def from_wire(cls, raw: object) -> Snapshot:
        """A snapshot from a peer's JSON values; raises MalformedCommit."""
        fields = read_fields(raw, {"vector", "entries", "tips"})
        vector, entries, tips = vector_from_wire(fields["vector"]), fields["entries"], fields["tips"]
        if not isinstance(entries, dict) or not isinstance(tips, dict) or set(tips) != set(vector):
            raise MalformedCommit("a snapshot is a vector, a link for each origin in it, and entries")
        if not all(read_link(link) for link in tips.values()):
            raise MalformedCommit("a link is missing")
        read = {
            Address.parse(read_text(a)): _heads_from_wire(a, heads, vector) for a, heads in entries.items()
        }
        return cls(vector, read, dict(tips))


def _heads_from_wire(address: str, raw: object, vector: Vector) -> Heads:
    if not isinstance(raw, list) or not raw:
        raise MalformedCommit(f"{address} has no versions")
    heads = merge(Version.from_wire(head) for head in raw)
    for head in heads:
        if vector.get(head.id.origin, 0) < head.id.number or not covers(vector, head.seen):
            raise MalformedCommit(f"{address} is newer than the snapshot's vector")
    return heads


def history_from_wire(raw: object, vector: Vector) -> tuple[Commit, ...]:
    """The last commits that led to `vector`, from a peer's JSON values; raises MalformedCommit for gaps."""
    if not isinstance(raw, list):
        raise MalformedCommit("a history is a list of commits")
    commits = tuple(Commit.from_wire(each) for each in raw)
    last: dict[str, Commit] = {}
    for commit in commits:
        before = last.get(commit.id.origin)
        if before and (before.id.number + 1, before.link) != (commit.id.number, commit.previous):
            raise MalformedCommit(f"another commit belongs before {commit.id}")
        last[commit.id.origin] = commit
    if any(vector.get(origin) != commit.id.number for origin, commit in last.items()):
        raise MalformedCommit("a history ends where its vector does")
    return commits


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What came of a batch of commits.

    `taken` are new here; `held` are dated too far ahead (which, and how many ms); `gap` says that some
    build on commits not here yet, so that the peer has to be asked again; `conflicts` are entries that now
    have a loser they did not have before; `changed` are all entries touched; `forked` were refused because
    their author has made another commit of the same number (see ForkedHistory).
    """

    taken: tuple[CommitId, ...] = ()
    held: Mapping[CommitId, int] = field(default_factory=dict)
    gap: bool = False
    conflicts: tuple[Address, ...] = ()
    changed: frozenset[Address] = frozenset()
    forked: tuple[CommitId, ...] = ()


class Replica:
    """One holder's copy of a cluster.

    `origin` is the serial number of the holder; `clock` gives milliseconds, and its tolerance is that of
    the clock guard.
    """

    def __init__(self, store: Store, origin: str, clock: Clock) -> None:
        self.store = store
        self.origin = origin
        self.clock = clock
        clock.last = max(clock.last, store.time())

    @property
    def vector(self) -> dict[str, int]:
        """What this replica holds."""
        return self.store.vector()

    @property
    def in_hand(self) -> dict[str, int]:
        """What no peer needs to send: what this replica holds, and what it has held up."""
        vector = self.vector
        for ident in sorted(commit.id for commit in self.store.held()):
            if vector.get(ident.origin, 0) == ident.number - 1:
                vector[ident.origin] = ident.number
        return vector

    def commit(self, changes: Sequence[Change], *, user: str, host: str, comment: str = "") -> Commit:
        """Write changes as one new commit of this holder and return it, in the form in which peers read it.

        Raises StaleDraft, changing nothing, when an entry is no longer at the version the change replaces
        (CMT-04), and MalformedCommit for no changes, two of one entry, or what no peer could read.
        """
        before = self.store.heads([change.address for change in changes])
        stale = [(c, h[0]) for c in changes if (h := before.get(c.address)) and h[0].id != c.replaces]
        if stale:
            raise StaleDraft(stale)
        seen, tips = self.vector, self.store.tips()
        ident = CommitId(self.origin, seen.get(self.origin, 0) + 1)
        written = tuple(self._remembering(changes, before))
        made = Commit(ident, self.clock.tick(), seen, user, host, comment, written, tips.get(self.origin, ""))
        commit = Commit.from_wire(made.to_wire())
        self._take([commit], seen, {**tips, self.origin: commit.link})
        return commit

    @property
    def safe_wait(self) -> bool:
        """Whether settings in conflict wait for a person (SYN-08)."""
        return waits(self.store.heads([THE_CLUSTER]).get(THE_CLUSTER, ()))

    def standing(self, addresses: Iterable[Address]) -> dict[Address, Version | None]:
        """What is in force of the entries that were ever written; one without value makes it absent."""
        wanted = {*addresses}
        found = standing_each(self.store.heads({*wanted, THE_CLUSTER}))
        return {address: version for address, version in found.items() if address in wanted}

    def _remembering(self, changes: Iterable[Change], before: Mapping[Address, Heads]) -> Iterator[Change]:
        safe_wait = self.safe_wait
        for change in changes:
            remembers = safe_wait and may_wait(change.address)
            yield replace(change, past=past_after(before.get(change.address, ()))) if remembers else change

    def missing(self, vector: Vector, limit: int = 500) -> list[Commit]:
        """At most `limit` commits that a peer with that vector lacks, each after all that it had seen.

        Raises SnapshotNeeded when some of them may not be kept here any more.
        """
        if not covers(vector, self.store.floor()):
            raise SnapshotNeeded
        return list(islice(self.store.commits_after(vector), limit))

    def absorb(self, commits: Iterable[Commit], *, accept: frozenset[CommitId] = frozenset()) -> Absorbed:
        """Take what is new among a peer's commits; the same result in any order and any number of times.

        A commit dated beyond the tolerance is held with all that build on it, until it is due, its id (or
        one that builds on it) is in `accept`, or somebody else with a sound clock has built on it. Held
        commits of earlier calls are tried again.
        """
        start, tips = self.vector, self.store.tips()
        before = self.store.held()
        waiting = {c.id: c for c in (*commits, *before) if start.get(c.id.origin, 0) < c.id.number}
        held = self._held(waiting.values(), accept)
        left = sorted((c for c in waiting.values() if c.id not in held), key=_causal_order)
        ready, left, forked = _ready(left, dict(start), tips)
        kept = [c for c in (*left, *(waiting[i] for i in held)) if any(c.had_seen(i) for i in held)]
        if kept or before:
            self.store.set_held(sorted(kept, key=_causal_order))
        conflicts, changed = self._take(ready, start, tips) if ready else ((), frozenset())
        gap = len(kept) < len(left) + len(held)
        return Absorbed(tuple(c.id for c in ready), held, gap, conflicts, changed, forked)

    def _held(self, waiting: Iterable[Commit], accept: frozenset[CommitId]) -> dict[CommitId, int]:
        # A word is given for a commit by accepting it or, as this holder did before a backup was restored,
        # by making it; then for all that it had seen too. Somebody else's commit in good time speaks only
        # for what it had seen of others: nobody vouches for their own clock.
        ahead, sound = {}, []
        for commit in waiting:
            word = commit.id in accept or commit.id.origin == self.origin
            late = self.clock.ahead(commit.time)
            if late and not word:
                ahead[commit.id] = late
            else:
                sound.append({**commit.seen, commit.id.origin: commit.id.number if word else 0})
        nothing: dict[str, int] = {}
        vouched = reduce(joined, sound, nothing) if ahead else nothing
        return {ident: late for ident, late in ahead.items() if vouched.get(ident.origin, 0) < ident.number}

    def snapshot(self) -> Snapshot:
        """The whole state, for a newcomer or one that is too far behind."""
        return Snapshot(self.vector, dict(self.store.all_heads()), self.store.tips())

    def recent(self, most: int) -> list[Commit]:
        """The last commits, at most `most`, in the order of arrival; of each origin none is left out."""
        floor = self.store.floor()
        return [c for c in self.store.last(most) if floor.get(c.id.origin, 0) < c.id.number]

    def absorb_snapshot(self, snapshot: Snapshot, history: Sequence[Commit] = ()) -> Absorbed:
        """Join another replica's state with this one; commits that only this side has stay in force.

        An empty replica also keeps `history`, the last commits that led to the snapshot. The clock guard does
        not hold a snapshot: its sender has taken what is in it. Raises ForkedHistory, and MalformedCommit for
        a history that led elsewhere.
        """
        mine = self.vector
        ends = {commit.id.origin: commit.link for commit in history}
        if any(snapshot.tips.get(origin) != link for origin, link in ends.items()):
            raise MalformedCommit("a history ends where its snapshot does")
        if forks := self.forks(snapshot.vector, snapshot.tips):
            raise ForkedHistory(forks)
        before = self.store.heads(snapshot.entries)
        after = {a: merge([*before.get(a, ()), *heads]) for a, heads in snapshot.entries.items()}
        changed = {a: heads for a, heads in after.items() if heads != before.get(a, ())}
        self.store.put_heads(changed)
        self._cover(mine, snapshot, () if mine else history)
        for heads in changed.values():
            self.clock.observe(heads[0].time)
        self.store.set_time(self.clock.last)
        return Absorbed(conflicts=_new_conflicts(before, changed), changed=frozenset(changed))

    def _cover(self, mine: Vector, snapshot: Snapshot, history: Sequence[Commit]) -> None:
        news = {o: number for o, number in snapshot.vector.items() if mine.get(o, 0) < number}
        if news:
            before = {c.id.origin: c.id.number - 1 for c in reversed(history)}
            self.store.set_floor({**self.store.floor(), **news, **before})
            self.store.append(history)
            self.store.set_vector({**mine, **news})
            self.store.set_tips({**self.store.tips(), **{o: snapshot.tips[o] for o in news}})
            self.store.set_held([c for c in self.store.held() if news.get(c.id.origin, 0) < c.id.number])

    def compact(self, vector: Vector) -> None:
        """Forget the single commits up to `vector`, which this replica must cover; the state stays."""
        if not covers(self.vector, vector):
            raise ValueError("a replica cannot forget what it does not hold")
        self.store.set_floor(joined(self.store.floor(), vector))
        self.store.forget(vector)

    def digest(self) -> str:
        """SHA-256 over all entries: equal vectors and unequal digests mean silent corruption (SYN-10)."""
        return digest(sorted(entry_line(address, heads) for address, heads in self.store.all_heads()))

    def forks(self, vector: Vector, tips: Mapping[str, str]) -> list[str]:
        """The origins of which a peer and this replica hold different commits with the same last number."""
        mine, own = self.vector, self.store.tips()
        return sorted(o for o, n in vector.items() if mine.get(o) == n and own.get(o) != tips.get(o))

    def trail(self, origin: str, most: int = MOST_TRACED) -> Trail:
        """The links of an origin's last commits, as far as they are kept here, and at most so many."""
        last = self.vector.get(origin, 0)
        first = min(last, max(self.store.floor().get(origin, 0), last - most))
        before = self.store.links_before(origin, first)
        return Trail(origin, first, (*before, self.store.tips().get(origin, "")))

    def resign(self, number: int, origin: str) -> dict[CommitId, CommitId]:
        """Go on as `origin`: what this holder has committed after `number` becomes that one's first commits.

        For a holder that came back from a backup and committed before it heard of its own later commits:
        its peers know others by these numbers. Authors, times and what they had seen stay, so that the
        merge rule judges these commits beside the others. There is at least one. Returns the new ids by the
        old ones. Raises ForkedHistory, and changes nothing, where some of them are not kept here.
        """
        vector, tips, old = self.vector, self.store.tips(), self.origin
        if self.store.floor().get(old, 0) > number:
            raise ForkedHistory([old])
        lost = list(self.store.commits_after({**vector, old: number}))
        names = {commit.id: CommitId(origin, commit.id.number - number) for commit in lost}
        moved = _renamed(lost, names, CommitId(old, number))
        before = self.store.heads({change.address for commit in lost for change in commit.changes})
        after = {a: tuple(v for v in heads if v.id not in names) for a, heads in before.items()}
        for commit in moved:
            for change in commit.changes:
                after[change.address] = merge([*after[change.address], commit.version(change)])
        self.store.withdraw(old, number)
        self.store.append(moved)
        self.store.put_heads(after)
        ends = {old: number, origin: len(moved)}
        links = {old: lost[0].previous, origin: moved[-1].link}
        self.store.set_vector({o: n for o, n in {**vector, **ends}.items() if n})
        self.store.set_tips({o: link for o, link in {**tips, **links}.items() if link})
        self.origin = origin
        return names

    def _take(
        self, commits: Sequence[Commit], vector: Vector, tips: Mapping[str, str]
    ) -> tuple[tuple[Address, ...], frozenset[Address]]:
        before = self.store.heads({change.address for commit in commits for change in commit.changes})
        after = dict(before)
        for commit in commits:
            for change in commit.changes:
                after[change.address] = merge([*after.get(change.address, ()), commit.version(change)])
            self.clock.observe(commit.time)
        self.store.append(commits)
        self.store.put_heads(after)
        self.store.set_vector({**vector, **{c.id.origin: c.id.number for c in commits}})
        self.store.set_tips(tips)
        self.store.set_time(self.clock.last)
        return _new_conflicts(before, after), frozenset(after)


def _renamed(lost: Iterable[Commit], names: Mapping[CommitId, CommitId], last: CommitId) -> list[Commit]:
    """The commits under their new names; `last` is the one of the old origin that all of them had seen."""
    made: list[Commit] = []
    for commit in lost:
        changes = tuple(
            replace(c, replaces=c.replaces and names.get(c.replaces, c.replaces), past=_past(c, names, last))
            for c in commit.changes
        )
        previous = made[-1].link if made else ""
        made.append(replace(commit, **_by(commit, names, last), changes=changes, previous=previous))
    return made


def _by(by: Authorship, names: Mapping[CommitId, CommitId], last: CommitId) -> dict[str, Any]:
    ident = names[by.id]
    seen = {**by.seen, last.origin: last.number, ident.origin: ident.number - 1}
    return {"id": ident, "seen": {origin: number for origin, number in seen.items() if number}}


def _past(change: Change, names: Mapping[CommitId, CommitId], last: CommitId) -> Past | None:
    if change.past is None:
        return None
    told = (replace(v, **_by(v, names, last)) if v.id in names else v for v in change.past.versions)
    return replace(change.past, versions=tuple(told))


def _causal_order(commit: Commit) -> tuple[int, Timestamp, CommitId]:
    # Who had seen a commit had seen more than its author, whatever the clocks say.
    return sum(commit.seen.values()), commit.time, commit.id


def _ready(
    commits: Iterable[Commit], known: dict[str, int], tips: dict[str, str]
) -> tuple[list[Commit], list[Commit], tuple[CommitId, ...]]:
    """Those whose turn it is, those that wait for others, and the forked; moves `known` and `tips` on."""
    ready, left, forked = [], [], []
    for commit in commits:
        origin = commit.id.origin
        if not covers(known, commit.seen):
            left.append(commit)
        elif tips.get(origin, "") != commit.previous:
            forked.append(commit.id)
        else:
            ready.append(commit)
            known[origin] = commit.id.number
            tips[origin] = commit.link
    return ready, left, tuple(forked)


def _new_conflicts(before: Mapping[Address, Heads], after: Mapping[Address, Heads]) -> tuple[Address, ...]:
    def losers(heads: Heads) -> set[CommitId]:
        return {version.id for version in heads[1:]}

    return tuple(a for a, heads in after.items() if losers(heads) - losers(before.get(a, ())))
