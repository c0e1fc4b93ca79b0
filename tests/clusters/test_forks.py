"""A holder came back from a backup and committed before it heard of its own later commits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters import drafts, replicas
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.replication import ForkedHistory, Replica, Trail, parting
from clusters.versions import THE_CLUSTER, Address, Change, Clock, CommitId
from tests.clusters.conftest import BY, Cluster, rows
from tests.clusters.histories import ENTRIES, LDAP, NOON, ROUTES, edit, picture, replica, sync

EDITS = st.lists(st.sampled_from(ENTRIES), max_size=4)


def from_backup(at: Replica) -> Replica:
    """What a backup of that replica, taken now, would bring back."""
    assert isinstance(at.store, MemoryStore)
    return Replica(at.store.copy(), at.origin, Clock(lambda: NOON))


def settle(forked: Replica, peer: Replica) -> dict[CommitId, CommitId]:
    number = parting(forked.trail(forked.origin), peer.trail(forked.origin))
    return {} if number is None else forked.resign(number, f"{forked.origin}#1")


def values(at: Replica) -> set[object]:
    return {head.value and head.value["n"] for _a, heads in at.store.all_heads() for head in heads}


@given(EDITS, EDITS, EDITS, st.booleans())
def test_after_a_fork_both_histories_reach_everybody(
    before: list[Address], lost: list[Address], since: list[Address], safe_wait: bool
) -> None:
    """INS-61: whatever was committed before the backup, after it, and on the restored replica."""
    a, b, c = replica("A"), replica("B"), replica("C")
    edit(a, THE_CLUSTER, {"n": "cluster", "name": "demo", "safe_wait": safe_wait})
    for n, address in enumerate(before):
        edit(a, address, {"n": f"before {n}"})
    backup = from_backup(a)
    sync(a, b)
    for n, address in enumerate(lost):
        edit(a, address, {"n": f"lost {n}"})
    sync(a, b)
    for n, address in enumerate(since):
        edit(backup, address, {"n": f"since {n}"})
    moved = settle(backup, b)
    assert len(moved) == (len(since) if lost and since else 0)
    for _turn in range(2):
        sync(b, backup)
        sync(backup, b)
    sync(b, c)
    assert picture(backup) == picture(b) == picture(c)
    # The last word of each side on each entry stands or is kept as the loser of a conflict.
    last = {address: f"since {n}" for n, address in enumerate(since)}
    last_lost = {address: f"lost {n}" for n, address in enumerate(lost)}
    assert {*last.values(), *last_lost.values()} <= values(b)


def test_number_alone_does_not_hide_a_fork() -> None:
    """INS-61: as many commits since the restore as were lost: vectors are equal, and trails are not."""
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    backup = from_backup(a)
    edit(a, ROUTES, {"n": 2})
    sync(a, b)
    edit(backup, LDAP, {"n": 3})
    assert backup.vector == b.vector
    assert settle(backup, b) == {CommitId("A", 2): CommitId("A#1", 1)}


def test_backup_from_before_the_first_commit_has_nothing_in_common() -> None:
    """INS-61: all that was committed since is moved."""
    a, b = replica("A"), replica("B")
    backup = from_backup(a)
    edit(a, ROUTES, {"n": 1})
    sync(a, b)
    edit(backup, LDAP, {"n": 2})
    assert settle(backup, b) == {CommitId("A", 1): CommitId("A#1", 1)}
    assert backup.vector == {"A#1": 1}
    sync(b, backup)
    sync(backup, b)
    assert picture(backup) == picture(b)


def test_what_others_made_after_the_lost_commits_does_not_swallow_those_made_since() -> None:
    """INS-61: they had seen other commits of the same numbers."""
    a, b = replica("A"), replica("B")
    edit(a, LDAP, {"n": 0})
    backup = from_backup(a)
    edit(a, LDAP, {"n": 1})
    sync(a, b)
    edit(b, ROUTES, {"n": "b"})
    edit(backup, ROUTES, {"n": "since"})
    sync(b, backup)
    settle(backup, b)
    sync(b, backup)
    sync(backup, b)
    assert picture(backup) == picture(b)
    assert {"b", "since"} <= values(b)


def test_trails_that_agree_part_nowhere() -> None:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    sync(a, b)
    edit(a, ROUTES, {"n": 2})
    assert parting(a.trail("A"), b.trail("A")) is None
    assert a.trail("A").end == Trail("A", 2, (a.store.tips()["A"],))


def test_fork_before_all_that_a_peer_keeps_is_named() -> None:
    """INS-61: nobody guesses which commits are the same."""
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    backup = from_backup(a)
    edit(a, ROUTES, {"n": 2})
    sync(a, b)
    edit(backup, ROUTES, {"n": 3})
    with pytest.raises(ForkedHistory, match="same numbers by A"):
        parting(backup.trail("A"), b.trail("A", 0))
    backup.compact(backup.vector)
    before = picture(backup)
    with pytest.raises(ForkedHistory):
        backup.resign(1, "A#1")
    assert picture(backup) == before


def test_replica_in_the_database_goes_on_under_another_origin(cluster: Cluster) -> None:
    """INS-61: with its log, its entries, and pending changes that build on what was moved."""
    twin = Replica(MemoryStore(), "M1", Clock(replicas.now))
    twin.absorb(replicas.missing(cluster.replica_id, {}, 10_000))
    common = twin.vector["M1"]
    edit(twin, LDAP, {"n": 1})
    made = cluster.put(CLUSTER, "routes", rows("since"))
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("bob"))
    assert parting(replicas.own_trail(cluster.replica_id), twin.trail("M1")) == common
    assert replicas.trail(cluster.replica_id, twin.trail("M1").end) is not None
    assert replicas.trail(cluster.replica_id, replicas.own_end(cluster.replica_id)) is None
    with replicas.opened(cluster.replica_id) as found:
        assert found.resign(common, "M1#1") == {made: CommitId("M1#1", 1)}
    assert replicas.own_end(cluster.replica_id).origin == "M1#1"
    assert cluster.value(CLUSTER, "routes") == rows("since")
    replicas.absorb(cluster.replica_id, twin.missing(replicas.vector(cluster.replica_id), 100))
    twin.absorb(replicas.missing(cluster.replica_id, twin.vector))
    assert twin.digest() == replicas.entries_digest(cluster.replica_id)
    change = Change(ROUTES, rows("more"), CommitId("M1#1", 1))
    assert replicas.commit(cluster.replica_id, [change], **BY).id == CommitId("M1#1", 2)
