"""Snapshots, compaction, and holders that came back from a backup (design, section 3)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.replication import ForkedHistory, Replica, Snapshot, SnapshotNeeded
from clusters.versions import (
    THE_CLUSTER,
    TOLERANCE,
    Clock,
    CommitId,
    MalformedCommit,
    Timestamp,
)
from tests.clusters.histories import (
    LDAP,
    NOON,
    ROUTES,
    Wall,
    World,
    edit,
    picture,
    replica,
    sync,
    worlds,
)
from tests.clusters.test_versions import JSON, mutated, paths


def test_snapshot_reports_conflicts_and_changes() -> None:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"by": "a"})
    edit(b, ROUTES, {"by": "b"})
    result = a.absorb_snapshot(b.snapshot())
    assert (result.conflicts, result.changed) == ((ROUTES,), {ROUTES})
    assert a.absorb_snapshot(b.snapshot()).changed == frozenset()


def test_commit_after_a_snapshot_is_dated_after_what_was_in_it() -> None:
    a, b = replica("A", Wall(NOON + TOLERANCE)), replica("B")
    edit(a, ROUTES, {"n": 1})
    b.absorb_snapshot(a.snapshot())
    assert edit(b, LDAP, {}).time == Timestamp(NOON + TOLERANCE, 1)


def test_snapshot_does_not_drop_the_history_that_is_here() -> None:
    """A machine that is one commit behind a newcomer keeps its log, and serves all that it has."""
    a, b, newcomer = replica("A"), replica("B"), replica("N")
    for n in range(3):
        edit(a, ROUTES, {"n": n})
    edit(b, LDAP, {"n": 0})
    sync(b, a)
    sync(a, b)
    edit(b, LDAP, {"n": 1})
    newcomer.absorb_snapshot(b.snapshot())
    with pytest.raises(SnapshotNeeded):
        newcomer.missing(a.vector)
    a.absorb_snapshot(newcomer.snapshot())
    assert len(list(a.store.commits_after({}))) == 4
    assert a.store.floor() == {"B": 2}
    assert len(a.missing({"B": 2})) == 3
    with pytest.raises(SnapshotNeeded):
        a.missing({"A": 3, "B": 1})


def test_snapshot_that_is_behind_raises_no_floor() -> None:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    old = a.snapshot()
    sync(a, b)
    edit(b, ROUTES, {"n": 2})
    before = picture(b)
    b.absorb_snapshot(old)
    assert (picture(b), b.store.floor()) == (before, {})


def test_snapshot_that_covers_a_version_without_replacing_it_takes_nothing_away() -> None:
    """A broken peer's snapshot cannot make entries vanish."""
    a = replica("A")
    edit(a, ROUTES, {"n": 1})
    hollow = replace(a.snapshot(), entries={})
    before = picture(a)
    a.absorb_snapshot(hollow)
    assert picture(a) == before


def test_snapshot_brings_back_an_entry_that_was_lost_here() -> None:
    """SYN-10: unequal digests of equal vectors show silent corruption."""
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    edit(a, LDAP, {})
    sync(a, b)
    b.store.put_heads({ROUTES: ()})
    assert a.vector == b.vector
    assert a.digest() != b.digest()
    b.absorb_snapshot(a.snapshot())
    assert picture(a) == picture(b)


def test_compaction_beyond_what_is_held_is_refused() -> None:
    a = replica("A")
    edit(a, ROUTES, {})
    with pytest.raises(ValueError, match="cannot forget"):
        a.compact({"A": 2})
    assert len(a.missing({})) == 1


def test_compacted_replica_needs_a_snapshot_only_for_those_far_behind() -> None:
    a = replica("A")
    for n in range(4):
        edit(a, ROUTES, {"n": n})
    a.compact({"A": 2})
    assert [c.id.number for c in a.store.commits_after({})] == [3, 4]
    assert [c.id.number for c in a.missing({"A": 2})] == [3, 4]
    with pytest.raises(SnapshotNeeded):
        a.missing({"A": 1})


def test_replicas_with_floors_that_cannot_be_compared_still_meet() -> None:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"by": "a"})
    edit(b, ROUTES, {"by": "b"})
    a.compact(a.vector)
    b.compact(b.vector)
    for source, target in ((a, b), (b, a)):
        with pytest.raises(SnapshotNeeded):
            source.missing(target.vector)
        target.absorb_snapshot(source.snapshot())
    assert picture(a) == picture(b)
    assert a.missing(b.vector) == []


# a holder that came back from a backup


def test_fork_is_refused_where_the_other_commit_is_known() -> None:
    """Two commits of one number never pass for one another, and the later one hides nothing."""
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    backup = a.store.copy()
    edit(a, ROUTES, {"n": 2})
    sync(a, b)
    restored = Replica(backup, "A", Clock(lambda: NOON))
    edit(restored, ROUTES, {"n": 3})
    further = edit(restored, ROUTES, {"n": 4})
    before = picture(b)
    result = b.absorb(restored.missing(b.vector))
    assert (result.taken, result.forked, result.gap) == ((), (further.id,), False)
    assert picture(b) == before


def test_fork_is_found_at_equal_vectors() -> None:
    a, b = replica("A"), replica("B")
    backup = a.store.copy()
    edit(a, ROUTES, {"n": 1})
    sync(a, b)
    restored = Replica(backup, "A", Clock(lambda: NOON))
    edit(restored, ROUTES, {"n": 1})
    edit(restored, LDAP, {})
    assert b.forks(restored.vector, restored.store.tips()) == []
    edit(a, LDAP, {"other": 1})
    sync(a, b)
    assert b.vector == restored.vector
    assert b.forks(restored.vector, restored.store.tips()) == ["A"]
    assert a.forks(b.vector, b.store.tips()) == []


def test_forked_snapshot_is_refused_and_changes_nothing() -> None:
    a, b = replica("A"), replica("B")
    backup = a.store.copy()
    edit(a, ROUTES, {"n": 1})
    restored = Replica(backup, "A", Clock(lambda: NOON))
    edit(restored, ROUTES, {"n": 2})
    sync(a, b)
    edit(b, LDAP, {})
    before = picture(b)
    with pytest.raises(ForkedHistory, match="same numbers by A") as caught:
        b.absorb_snapshot(restored.snapshot())
    assert caught.value.origins == ("A",)
    assert picture(b) == before


def test_holder_back_from_a_backup_learns_it_from_any_peer() -> None:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    backup = a.store.copy()
    for n in (2, 3):
        edit(a, ROUTES, {"n": n})
    sync(a, b)
    restored = Replica(backup, "A", Clock(lambda: NOON))
    sync(b, restored)
    assert picture(restored) == picture(a)


def test_holder_back_from_a_backup_that_went_on_finds_its_fork_itself() -> None:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    backup = a.store.copy()
    for n in (2, 3):
        edit(a, ROUTES, {"n": n})
    sync(a, b)
    restored = Replica(backup, "A", Clock(lambda: NOON))
    edit(restored, LDAP, {})
    assert restored.absorb(b.missing(restored.vector)).forked == (CommitId("A", 3),)


# the wire


def snapshot_wire() -> dict[str, Any]:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"by": "a"})
    edit(b, ROUTES, {"by": "b"})
    edit(b, LDAP, None)
    sync(b, a)
    return a.snapshot().to_wire()


@given(worlds())
def test_every_snapshot_is_read_back_from_json(world: World) -> None:
    for at in world.replicas:
        snapshot = at.snapshot()
        assert Snapshot.from_wire(json.loads(json.dumps(snapshot.to_wire()))) == snapshot


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("vector", v) for v in (None, [], {}, {"A": 1}, {"A": 1, "B": 1}, {"A": 1, "B": 2, "C": 1})),
        *(("vector", v) for v in ({"A": 1, "B": 0}, {"A": 1, "B": "2"})),
        *(
            ("entries", v)
            for v in (None, [], {"site": []}, {"cluster": []}, {"cluster": {}}, {"cluster": [{}]})
        ),
        *(("tips", v) for v in (None, [], {}, {"A": ""}, {"A": "0" * 16}, {"A": "0" * 16, "B": ""})),
        *(("tips", v) for v in ({"A": "0" * 16, "B": "x" * 16}, {"A": "0" * 16, "B": 5})),
    ],
)
def test_snapshot_with_a_broken_field_is_refused(field: str, value: Any) -> None:
    wire = snapshot_wire()
    assert len(Snapshot.from_wire(wire).entries) == 2
    with pytest.raises(MalformedCommit):
        Snapshot.from_wire({**wire, field: value})


@given(JSON)
def test_arbitrary_json_is_a_snapshot_or_refused(raw: Any) -> None:
    for wire in (raw, {"vector": {}, "tips": {}, "entries": raw}):
        try:
            snapshot = Snapshot.from_wire(wire)
        except MalformedCommit:
            continue
        assert snapshot.entries == {}


@given(st.data(), JSON)
def test_mutated_snapshot_is_refused_or_changes_only_what_it_says(data: st.DataObject, new: Any) -> None:
    """Bad input from a peer gets a clear error, changes nothing and loses nothing."""
    wire = snapshot_wire()
    raw = mutated(wire, data.draw(st.sampled_from(paths(wire))), new)
    at = replica("Z")
    own = edit(at, THE_CLUSTER, {"name": "mine"})
    try:
        at.absorb_snapshot(Snapshot.from_wire(raw))
    except MalformedCommit:
        assert at.vector == {"Z": 1}
    assert at.store.heads([THE_CLUSTER])[THE_CLUSTER][-1].id == own.id
    Snapshot.from_wire(at.snapshot().to_wire())
