"""Replicas in the database: each operation of `clusters.replication` in one transaction."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import merge as merged
from itertools import groupby

from django.db import models as db
from django.db import transaction
from django.dispatch import Signal

from clusters import models, versions
from clusters.reach import beyond, exactly, up_to, within
from clusters.replication import Absorbed, Replica, Snapshot, Trail
from clusters.standing import standing_each
from clusters.state import ClusterState
from clusters.versions import THE_CLUSTER, Address, Change, Clock, Commit, CommitId, Heads, Timestamp, Vector

advanced = Signal()
"""Sent after the transaction in which entries of a replica changed, with `replica_id`."""

BATCH = 500
MOST_NAMED = 5000
"""Entries that one condition names where a page waits for it; databases take several times as many."""
RECENT = 1000
"""How much of the history a newcomer gets."""


def now() -> int:
    """The physical clock in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class DjangoStore:
    """The store of one replica's row; the row is saved by `opened` at the end of the transaction.

    Heads that were read are kept: meanwhile nobody else writes to the replica.
    """

    def __init__(self, row: models.Replica) -> None:
        self.row = row
        self._known: dict[Address, Heads] = {}

    def vector(self) -> dict[str, int]:
        return dict(self.row.vector)

    def set_vector(self, vector: Vector) -> None:
        self.row.vector = dict(vector)

    def floor(self) -> dict[str, int]:
        return dict(self.row.floor)

    def set_floor(self, vector: Vector) -> None:
        self.row.floor = dict(vector)

    def tips(self) -> dict[str, str]:
        return dict(self.row.tips)

    def set_tips(self, tips: Mapping[str, str]) -> None:
        self.row.tips = dict(tips)

    def time(self) -> Timestamp:
        return Timestamp(self.row.wall, self.row.counter)

    def set_time(self, time: Timestamp) -> None:
        self.row.wall, self.row.counter = time

    def heads(self, addresses: Iterable[Address]) -> dict[Address, Heads]:
        wanted = list(addresses)
        unread = [address for address in wanted if address not in self._known]
        self._known.update(dict.fromkeys(unread, ()))
        for i in range(0, len(unread), BATCH):
            chunk = [str(address) for address in unread[i : i + BATCH]]
            self._known.update(_read_heads(self.row.heads.filter(address__in=chunk)))
        return {address: found for address in wanted if (found := self._known[address])}

    def all_heads(self) -> Iterable[tuple[Address, Heads]]:
        return list(_read_heads(self.row.heads.all()))

    def put_heads(self, heads: Mapping[Address, Heads]) -> None:
        if not heads:
            return
        wanted = [str(address) for address in heads]
        for i in range(0, len(wanted), BATCH):
            old = self.row.heads.filter(address__in=wanted[i : i + BATCH])
            self._keep_superseded(old, heads)
            old.delete()
        models.Head.objects.bulk_create(_head_rows(self.row, heads), batch_size=BATCH)
        self._known.update(heads)
        self.row.revision += 1

    def drop_heads(self) -> None:
        """Hold no entry any more; the caller sets vector and floor."""
        self.row.heads.all().delete()
        self._known.clear()
        self.row.revision += 1

    def _keep_superseded(self, old: db.QuerySet[models.Head], new: Mapping[Address, Heads]) -> None:
        # A version that came with a snapshot has no commit in the log; history would forget it.
        floor = self.row.floor
        for address, versions_ in _read_heads(old) if floor else ():
            stay = {version.id for version in new[address]}
            gone = [v for v in versions_ if v.id not in stay and floor.get(v.id.origin, 0) >= v.id.number]
            self._remember(address, [v for v in gone if not self._logged(v.id)])

    def _logged(self, ident: CommitId) -> bool:
        return self.row.commits.filter(origin=ident.origin, number=ident.number).exists()

    def _remember(self, address: Address, gone: Iterable[versions.Version]) -> None:
        rows = (
            models.Superseded(replica=self.row, address=str(address), **models.Superseded.columns(v))
            for v in gone
        )
        models.Superseded.objects.bulk_create(rows)

    def append(self, commits: Sequence[Commit]) -> None:
        rows = models.Commit.objects.bulk_create(
            [_commit_row(self.row, commit) for commit in commits], batch_size=BATCH
        )
        pairs = ((row, change) for row, c in zip(rows, commits, strict=True) for change in c.changes)
        models.Change.objects.bulk_create(
            (_change_row(row, change) for row, change in pairs), batch_size=BATCH
        )

    def forget(self, vector: Vector) -> None:
        rows = [self.row.commits.filter(part) for part in up_to(vector)]
        # What stood when the forgotten part ended is what the next commits have replaced.
        last = _merged(row.read() for part in rows for row in part.prefetch_related("changes"))
        before = self._take_superseded(last)
        now = self.heads(last)
        for address, versions_ in last.items():
            stood = versions.merge([*versions_, *before.get(address, ())])
            self._remember(address, [v for v in stood if v not in now[address]])
        for part in rows:
            part.delete()

    def withdraw(self, origin: str, number: int) -> None:
        self.row.commits.filter(origin=origin, number__gt=number).delete()

    def links_before(self, origin: str, number: int) -> list[str]:
        log = self.row.commits.filter(origin=origin, number__gt=number).order_by("number")
        return list(log.values_list("previous", flat=True))

    def _take_superseded(self, addresses: Iterable[Address]) -> dict[Address, list[versions.Version]]:
        found: dict[Address, list[versions.Version]] = {}
        wanted = [str(address) for address in addresses]
        for i in range(0, len(wanted), BATCH):
            rows = self.row.superseded.filter(address__in=wanted[i : i + BATCH])
            for row in rows:
                found.setdefault(Address.parse(row.address), []).append(row.read())
            rows.delete()
        return found

    def commits_after(self, vector: Vector) -> Iterator[Commit]:
        log = self.row.commits.prefetch_related("changes")
        parts = [log.filter(part).iterator(chunk_size=BATCH) for part in beyond(vector, self.row.vector)]
        return (row.read() for row in merged(*parts, key=lambda row: row.pk))

    def last(self, most: int) -> list[Commit]:
        rows = self.row.commits.prefetch_related("changes").order_by("-pk")[:most]
        return [row.read() for row in reversed(rows)]

    def held(self) -> list[Commit]:
        return [Commit.from_wire(row.wire) for row in self.row.held_commits.all()]

    def set_held(self, commits: Sequence[Commit]) -> None:
        known = {row.wire["id"]: row.pk for row in self.row.held_commits.all()}
        wanted = {str(commit.id): commit for commit in commits}
        self.row.held_commits.filter(pk__in=[pk for i, pk in known.items() if i not in wanted]).delete()
        new = [
            models.HeldCommit(replica=self.row, wire=c.to_wire()) for i, c in wanted.items() if i not in known
        ]
        models.HeldCommit.objects.bulk_create(new)


def _merged(commits: Iterable[Commit]) -> dict[Address, Heads]:
    found: dict[Address, Heads] = {}
    for made in commits:
        for change in made.changes:
            found[change.address] = versions.merge([*found.get(change.address, ()), made.version(change)])
    return found


def _commit_row(row: models.Replica, commit: Commit) -> models.Commit:
    return models.Commit(replica=row, previous=commit.previous, **models.Commit.columns(commit))


def _read_heads(rows: db.QuerySet[models.Head]) -> Iterator[tuple[Address, Heads]]:
    return _grouped(rows.order_by("address", "rank"))


def _grouped(rows: Iterable[models.Head]) -> Iterator[tuple[Address, Heads]]:
    for address, group in groupby(rows, key=lambda row: row.address):
        yield Address.parse(address), tuple(row.read() for row in group)


def _head_rows(row: models.Replica, heads: Mapping[Address, Heads]) -> Iterator[models.Head]:
    for address, versions_ in heads.items():
        for rank, version in enumerate(versions_):
            columns = models.Head.columns(version)
            yield models.Head(replica=row, address=str(address), rank=rank, **columns)


def _change_row(row: models.Commit, change: Change) -> models.Change:
    base = "" if change.replaces is None else str(change.replaces)
    written = {"value": change.value, "past": versions.past_to_wire(change.past)}
    return models.Change(commit=row, address=str(change.address), replaces=base, **written)


def new_replica(origin: str, cluster_id: uuid.UUID | None = None) -> models.Replica:
    """A new, empty replica held by the machine or portal with that serial number."""
    return models.Replica.objects.create(origin=origin, cluster_id=cluster_id or uuid.uuid4())


@contextmanager
def opened(replica_id: int) -> Iterator[Replica]:
    """The replica inside one transaction that excludes other writers of the same replica.

    Sends `advanced` afterwards if an entry changed. Raises models.Replica.DoesNotExist.
    """
    with transaction.atomic():
        row = models.Replica.objects.select_for_update(no_key=True).get(pk=replica_id)
        before = row.revision, dict(row.vector)
        store = DjangoStore(row)
        replica = Replica(store, row.origin, Clock(now))
        yield replica
        if (row.revision, row.vector) != before:
            row.name = ClusterState.of(store.heads([THE_CLUSTER]).items()).name
            transaction.on_commit(lambda: _announce(replica_id))
        row.origin = replica.origin
        row.save()


def _announce(replica_id: int) -> None:
    advanced.send(sender=models.Replica, replica_id=replica_id)


def commit(replica_id: int, changes: Sequence[Change], *, user: str, host: str, comment: str = "") -> Commit:
    """Make a commit of the holder; raises what Replica.commit raises. Values must be checked already."""
    with opened(replica_id) as replica:
        return replica.commit(changes, user=user, host=host, comment=comment)


def absorb(
    replica_id: int, commits: Iterable[Commit], *, accept: frozenset[CommitId] = frozenset()
) -> Absorbed:
    """Take a peer's commits; see Replica.absorb."""
    with opened(replica_id) as replica:
        return replica.absorb(commits, accept=accept)


def absorb_snapshot(replica_id: int, snapshot: Snapshot, history: Sequence[Commit] = ()) -> Absorbed:
    """Join a peer's snapshot with this replica; see Replica.absorb_snapshot."""
    with opened(replica_id) as replica:
        return replica.absorb_snapshot(snapshot, history)


def _reading(replica_id: int) -> Replica:
    row = models.Replica.objects.get(pk=replica_id)
    return Replica(DjangoStore(row), row.origin, Clock(now))


def vector(replica_id: int) -> dict[str, int]:
    """What the replica holds."""
    return dict(models.Replica.objects.values_list("vector", flat=True).get(pk=replica_id))


@transaction.atomic
def missing(replica_id: int, peer_vector: Vector, limit: int = BATCH) -> list[Commit]:
    """What a peer with that vector lacks; raises SnapshotNeeded."""
    return _reading(replica_id).missing(peer_vector, limit)


@transaction.atomic
def snapshot(replica_id: int) -> Snapshot:
    """The whole state for a newcomer."""
    return _reading(replica_id).snapshot()


def for_newcomer(replica_id: int, most: int = RECENT) -> tuple[Snapshot, list[Commit]]:
    """The whole state, and at most `most` of the last commits that led to it."""
    with opened(replica_id) as replica:
        return replica.snapshot(), replica.recent(most)


@transaction.atomic
def trail(replica_id: int, said: Trail) -> Trail | None:
    """The links of that origin's commits here; None where the last one is the one that was said."""
    replica = _reading(replica_id)
    here = replica.vector.get(said.origin, 0), replica.store.tips().get(said.origin, "")
    return None if here == (said.last, said.links[-1]) else replica.trail(said.origin)


def own_trail(replica_id: int) -> Trail:
    """The links of the holder's own commits."""
    replica = _reading(replica_id)
    return replica.trail(replica.origin)


def own_end(replica_id: int) -> Trail:
    """The last commit of the holder itself."""
    row = models.Replica.objects.only("origin", "vector", "tips").get(pk=replica_id)
    return Trail(row.origin, row.vector.get(row.origin, 0), (row.tips.get(row.origin, ""),))


@transaction.atomic
def entries_digest(replica_id: int) -> str:
    """The digest over all entries (SYN-10)."""
    return _reading(replica_id).digest()


_states: dict[int, tuple[tuple[uuid.UUID, int], ClusterState]] = {}


def state(replica_id: int) -> ClusterState:
    """What all modes define now."""
    return state_of(models.Replica.objects.get(pk=replica_id))


def state_of(row: models.Replica) -> ClusterState:
    """What all modes define at the row's revision; kept in memory until the revision changes."""
    key = (row.cluster_id, row.revision)
    known = _states.get(row.pk)
    if known is not None and known[0] == key:
        return known[1]
    found = _read_state(row)
    # What a transaction reads may be its own, and taken back: the revision would then be another state's.
    if not transaction.get_connection().in_atomic_block:
        _states[row.pk] = key, found
    return found


def _read_state(row: models.Replica) -> ClusterState:
    return ClusterState.of(_read_heads(row.heads.all()))


def conflicts(replica_id: int) -> dict[Address, Heads]:
    """The entries that have several heads, and that of the cluster with its choice (SYN-08)."""
    rows = models.Head.objects.filter(replica=replica_id)
    lost = rows.filter(rank__gt=0).values("address")
    return dict(_read_heads(rows.filter(db.Q(address__in=lost) | db.Q(address=str(THE_CLUSTER)))))


def waiting(entries: Collection[tuple[int, Address]]) -> dict[tuple[int, Address], versions.Version | None]:
    """What is in force of those entries, each of a replica, that wait for a decision (SYN-08).

    None is nothing; entries of which the newest version holds are left out. One query for all replicas.
    """
    if not entries:
        return {}
    named = {str(THE_CLUSTER), *(str(address) for _replica, address in entries)}
    rows = models.Head.objects.filter(replica__in={replica for replica, _address in entries})
    found: dict[tuple[int, Address], versions.Version | None] = {}
    for replica, its in groupby(
        rows.filter(address__in=named).order_by("replica", "address", "rank"), key=lambda row: row.replica_id
    ):
        heads_ = dict(_grouped(its))
        for address, stands in standing_each(heads_).items():
            if (replica, address) in entries and stands != heads_[address][0]:
                found[replica, address] = stands
    return found


def heads(replica_id: int, addresses: Iterable[Address]) -> dict[Address, Heads]:
    """The heads of those addresses that were ever written, absent ones included."""
    return _reading(replica_id).store.heads(addresses)


def state_seen(replica_id: int, seen: Vector) -> ClusterState:
    """The state as one who had seen just these commits had it (time travel, commit detail)."""
    return _state_of_log(replica_id, within(seen))


def state_at(replica_id: int, wall: int) -> ClusterState:
    """The state by all commits dated up to `wall`, in milliseconds since 1970 UTC."""
    return _state_of_log(replica_id, db.Q(wall__lte=wall))


def _state_of_log(replica_id: int, wanted: db.Q) -> ClusterState:
    # What stands now and is wanted stood then; for the rest the log is asked, and what a snapshot brought.
    heads = models.Head.objects.filter(replica=replica_id)
    found: dict[Address, Heads] = dict(_read_heads(heads.filter(wanted)))
    newer = sorted(set(heads.exclude(wanted).values_list("address", flat=True)))
    for i in range(0, len(newer), MOST_NAMED):
        for address, version in _old_versions(replica_id, wanted, newer[i : i + MOST_NAMED]):
            found[address] = versions.merge([*found.get(address, ()), version])
    return ClusterState.of(found.items())


def _old_versions(
    replica_id: int, wanted: db.Q, addresses: Sequence[str]
) -> Iterator[tuple[Address, versions.Version]]:
    asked = frozenset(addresses)
    for old in models.Superseded.objects.filter(wanted, replica=replica_id, address__in=addresses):
        yield Address.parse(old.address), old.read()
    rows = models.Commit.objects.filter(wanted, replica=replica_id, changes__address__in=addresses).distinct()
    for made in (row.read() for row in rows.prefetch_related("changes")):
        for change in made.changes:
            if str(change.address) in asked:
                yield change.address, made.version(change)


def versions_of(replica_id: int, address: Address) -> list[versions.Version]:
    """Every version of an entry that is kept here, in no order; some may be there twice."""
    heads = _reading(replica_id).store.heads([address]).get(address, ())
    return [*heads, *(found for _address, found in _old_versions(replica_id, db.Q(), [str(address)]))]


def versions_made(
    replica_id: int, wanted: Collection[tuple[Address, CommitId]]
) -> dict[tuple[Address, CommitId], versions.Version]:
    """The versions of entries that those commits made, as far as they are kept here; few queries for many."""
    found: dict[tuple[Address, CommitId], versions.Version] = {}
    for part in exactly({ident for _address, ident in wanted}):
        rows = models.Commit.objects.filter(part, replica=replica_id)
        for made in (row.read() for row in rows.prefetch_related("changes")):
            found |= {(change.address, made.id): made.version(change) for change in made.changes}
    for kind in (models.Head, models.Superseded):
        for part in exactly({ident for address, ident in wanted if (address, ident) not in found}):
            for row in kind.objects.filter(part, replica=replica_id):
                found[Address.parse(row.address), row.commit_id] = row.read()
    return {key: found[key] for key in wanted if key in found}
