"""Replicas in the database: the same laws as in memory, transactions, the past."""

import uuid

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import models, replicas
from clusters.catalogue import Document
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.replication import Replica, SnapshotNeeded, StaleDraft
from clusters.versions import Address, Change, Clock, Commit, CommitId, Timestamp, settings_at
from tests.clusters.conftest import BY, Cluster, rows

ROUTES = settings_at(CLUSTER, "routes")
TEXTS = settings_at(CLUSTER, "texts")
HOUR = 60 * 60 * 1000


@pytest.fixture
def heard(db):
    """The replicas of which `advanced` told."""
    found: list[int] = []

    def hear(replica_id: int, **_: object) -> None:
        found.append(replica_id)

    replicas.advanced.connect(hear)
    yield found
    replicas.advanced.disconnect(hear)


def put(replica_id: int, value, address=ROUTES) -> Commit:
    head = replicas.heads(replica_id, [address]).get(address, (None,))[0]
    return replicas.commit(replica_id, [Change(address, value, head.id if head else None)], **BY)


@pytest.mark.django_db(transaction=True)
def test_advanced_is_told_after_a_change_and_only_then(heard) -> None:
    replica_id = replicas.new_replica("M1").pk
    made = put(replica_id, rows("a"))
    assert heard == [replica_id]

    replicas.absorb(replica_id, [made])
    with pytest.raises(StaleDraft):
        replicas.commit(replica_id, [Change(ROUTES, rows("b"))], **BY)

    assert heard == [replica_id]


@pytest.mark.django_db(transaction=True)
def test_state_is_kept_until_an_entry_changes() -> None:
    replica_id = replicas.new_replica("M1").pk
    put(replica_id, rows("a"))
    first = replicas.state(replica_id)

    assert replicas.state(replica_id) is first
    put(replica_id, rows("b"))
    assert replicas.state(replica_id).defined(CLUSTER, "routes").value == rows("b")
    assert first.defined(CLUSTER, "routes").value == rows("a")


@pytest.mark.django_db(transaction=True)
def test_state_that_is_kept_serves_transactions_but_what_they_write_is_not_kept() -> None:
    replica_id = replicas.new_replica("M1").pk
    put(replica_id, rows("a"))
    kept = replicas.state(replica_id)
    with transaction.atomic():
        assert replicas.state(replica_id) is kept
        put(replica_id, rows("taken back"))
        assert replicas.state(replica_id).defined(CLUSTER, "routes").value == rows("taken back")
        transaction.set_rollback(True)
    assert replicas.state(replica_id) is kept
    put(replica_id, rows("b"))
    assert replicas.state(replica_id).defined(CLUSTER, "routes").value == rows("b")


def test_new_replica_takes_a_cluster_or_makes_one(db) -> None:
    wanted = uuid.uuid4()

    assert replicas.new_replica("P1", wanted).cluster_id == wanted
    assert replicas.new_replica("P1").cluster_id not in (None, wanted)


def test_past_states_are_what_was_in_force_then(cluster: Cluster) -> None:
    before = cluster.state
    models.Commit.objects.update(wall=1000)
    models.Head.objects.update(wall=1000)
    cluster.put(CLUSTER, "routes", rows("new"))
    cluster.put(CLUSTER, "texts", rows("new"))

    def values(state):
        return {address: defined.value for address, defined in state.entries.items()}

    assert values(replicas.state_at(cluster.replica_id, 1000)) == values(before)
    assert values(replicas.state_at(cluster.replica_id, 999)) == {}
    assert values(replicas.state_at(cluster.replica_id, replicas.now())) == values(cluster.state)


def test_forgotten_commits_leave_what_the_next_ones_replaced(cluster: Cluster) -> None:
    cluster.put(CLUSTER, "routes", rows("second"))
    known = replicas.vector(cluster.replica_id)
    before = cluster.state
    third = cluster.put(CLUSTER, "routes", rows("third"))
    digest = replicas.entries_digest(cluster.replica_id)

    with replicas.opened(cluster.replica_id) as replica:
        replica.compact(known)

    assert [c.id for c in replicas.missing(cluster.replica_id, known)] == [third]
    with pytest.raises(SnapshotNeeded):
        replicas.missing(cluster.replica_id, {})
    assert replicas.entries_digest(cluster.replica_id) == digest
    found = replicas.state_seen(cluster.replica_id, known)
    assert {a: d.value for a, d in found.entries.items()} == {a: d.value for a, d in before.entries.items()}
    (old,) = models.Superseded.objects.all()
    assert (old.address, old.value) == (str(ROUTES), rows("second"))


def test_versions_are_found_in_log_heads_and_among_the_superseded(cluster: Cluster) -> None:
    second = cluster.put(CLUSTER, "routes", rows("second"))
    copy = replicas.new_replica("M2").pk
    replicas.absorb_snapshot(copy, replicas.snapshot(cluster.replica_id))

    third = CommitId("M2", 1)

    def kept(*wanted: tuple[Address, CommitId]) -> dict[tuple[Address, CommitId], Document | None]:
        return {key: made.value for key, made in replicas.versions_made(copy, wanted).items()}

    assert kept((ROUTES, second), (ROUTES, third)) == {(ROUTES, second): rows("second")}
    put(copy, rows("third"))
    assert models.Superseded.objects.filter(replica=copy).count() == 1
    both = {(ROUTES, second): rows("second"), (ROUTES, third): rows("third")}
    assert kept((ROUTES, second), (ROUTES, third), (TEXTS, third), (ROUTES, CommitId("M1", 1))) == both
    assert kept() == {}


def test_versions_whose_commit_is_in_the_log_are_not_kept_twice(cluster: Cluster) -> None:
    other = Replica(MemoryStore(), "M2", Clock(replicas.now))
    other.absorb_snapshot(replicas.snapshot(cluster.replica_id))
    made = other.commit([Change(TEXTS, rows("two"))], **BY)
    replicas.absorb(cluster.replica_id, [made])
    third = other.commit([Change(TEXTS, rows("three"), made.id)], **BY)
    replicas.absorb_snapshot(cluster.replica_id, other.snapshot())

    cluster.put(CLUSTER, "texts", rows("four"))

    kept = models.Superseded.objects.values_list("origin", "number")
    assert list(kept) == [tuple(third.id)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["commit", "sync", "snapshot", "early"]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from("ab"),
    ),
    max_size=10,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_database_and_memory_agree_whatever_happens(db, steps) -> None:
    time = [1_000_000]

    def clock() -> Clock:
        return Clock(lambda: time[0])

    rows_ = [models.Replica.objects.create(origin=f"R{i}") for i in range(3)]
    kept = [Replica(replicas.DjangoStore(row), row.origin, clock()) for row in rows_]
    plain = [Replica(MemoryStore(), row.origin, clock()) for row in rows_]
    for what, a, b, name in steps:
        time[0] += 1
        for family in (kept, plain):
            step(what, family[a], family[b], name, time)

    for ours, theirs in zip(kept, plain, strict=True):
        assert ours.vector == theirs.vector
        assert ours.digest() == theirs.digest()
        assert ours.snapshot().to_wire() == theirs.snapshot().to_wire()
        assert {c.id for c in ours.store.held()} == {c.id for c in theirs.store.held()}
        assert ours.store.floor() == theirs.store.floor()
        assert [c.id for c in ours.store.commits_after({})] == [c.id for c in theirs.store.commits_after({})]


def step(what: str, one: Replica, other: Replica, name: str, time: list[int]) -> None:
    """One event; the same in the database and in memory."""
    if what in ("commit", "early"):
        address = settings_at(CLUSTER, name)
        head = one.store.heads([address]).get(address, (None,))[0]
        change = Change(address, rows(str(time[0])), head.id if head else None)
        if what == "early":
            one.clock = Clock(lambda: time[0] + HOUR, Timestamp(0, 0))
        one.commit([change], user="u", host="h")
        one.clock = Clock(lambda: time[0], one.store.time())
    elif what == "sync":
        try:
            other.absorb(one.missing(other.vector))
        except SnapshotNeeded:
            other.absorb_snapshot(one.snapshot())
    else:
        other.absorb_snapshot(one.snapshot())


def test_nothing_written_is_no_new_revision(db) -> None:
    row = replicas.new_replica("M1")
    store = replicas.DjangoStore(row)

    store.put_heads({})

    assert row.revision == 0
