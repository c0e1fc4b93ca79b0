"""A conflict in three columns: what both replaced, what stands, what lost; and a merge of both."""

import pytest

from clusters import commits, drafts, models, replicas
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER, machine
from clusters.replication import Replica
from clusters.side_by_side import side_by_side
from clusters.versions import Change, Clock, CommitId, settings_at
from tests.clusters.conftest import BY, Cluster, rows

ROUTES = settings_at(CLUSTER, "routes")


@pytest.fixture
def apart(cluster: Cluster) -> tuple[Cluster, CommitId]:
    """Bob adds `bob` here while Carol, later and elsewhere, changes the rate of `old`; the loser is Bob's."""
    cluster.put(CLUSTER, "routes", rows("before"))
    cluster.put(CLUSTER, "routes", rows("old", rate=1))
    other = Replica(MemoryStore(), "M2", Clock(lambda: replicas.now() + 1000))
    other.absorb_snapshot(replicas.snapshot(cluster.replica_id))
    base = other.store.heads([ROUTES])[ROUTES][0].id
    lost = cluster.put(
        CLUSTER, "routes", {"rows": [*rows("old", rate=1)["rows"], *rows("bob")["rows"]]}, user="bob"
    )
    won = other.commit([Change(ROUTES, rows("old", rate=2), base)], user="carol", host="mx2", comment="")
    replicas.absorb(cluster.replica_id, [won])
    return cluster, lost


def test_ancestor_is_the_latest_version_that_both_had_seen(apart: tuple[Cluster, CommitId]) -> None:
    """SYN-08."""
    cluster, lost = apart
    found = commits.conflict_at(cluster.replica_id, ROUTES)
    assert commits.columns_of(found, lost) == [
        rows("old", rate=1),
        rows("old", rate=2),
        {"rows": [{"name": "old", "rate": 1}, {"name": "bob"}]},
    ]


def test_ancestor_is_of_the_entry_and_not_of_another_that_the_same_commit_wrote(cluster: Cluster) -> None:
    addresses = [settings_at(CLUSTER, name) for name in ("listeners", "routes", "users")]
    heads = replicas.heads(cluster.replica_id, addresses)
    first = [Change(a, rows(a.name), heads[a][0].id if a in heads else None) for a in addresses]
    replicas.commit(cluster.replica_id, first, **BY)
    other = Replica(MemoryStore(), "M2", Clock(lambda: replicas.now() + 1000))
    other.absorb_snapshot(replicas.snapshot(cluster.replica_id))
    base = other.store.heads([ROUTES])[ROUTES][0].id
    cluster.put(CLUSTER, "routes", rows("here"))
    won = other.commit([Change(ROUTES, rows("there"), base)], user="carol", host="mx2", comment="")
    replicas.absorb(cluster.replica_id, [won])
    found = commits.conflict_at(cluster.replica_id, ROUTES).ancestor
    assert found is not None
    assert found.value == rows("routes")


def test_ancestor_that_is_not_kept_is_none(apart: tuple[Cluster, CommitId]) -> None:
    cluster, lost = apart
    models.Commit.objects.all().delete()
    models.Superseded.objects.all().delete()
    found = commits.conflict_at(cluster.replica_id, ROUTES)
    assert found.ancestor is None
    assert commits.columns_of(found, lost)[0] is None


def test_merge_begins_with_what_either_side_changed(apart: tuple[Cluster, CommitId]) -> None:
    cluster, lost = apart
    found = commits.conflict_at(cluster.replica_id, ROUTES)
    rows_of = side_by_side(commits.columns_of(found, lost))
    assert {row.text: commits.suggested(row) for row in rows_of} == {"rows[old].rate": 1, "rows[bob]": 2}


def test_merge_is_a_draft_that_settles_the_conflict_when_it_is_committed(
    apart: tuple[Cluster, CommitId],
) -> None:
    """SYN-08."""
    cluster, lost = apart
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("half done"))

    edited = commits.draft_merge(cluster.replica_id, "alice", ROUTES, lost, {"rows[bob]": 2})

    assert edited.pending
    assert cluster.value(CLUSTER, "routes") == rows("old", rate=2)
    commits.commit_pending(cluster.replica_id, **BY)
    assert cluster.value(CLUSTER, "routes") == {"rows": [{"name": "old", "rate": 2}, {"name": "bob"}]}
    assert commits.conflicts(cluster.replica_id) == []


def test_merge_of_versions_that_nobody_was_shown_is_refused(apart: tuple[Cluster, CommitId]) -> None:
    """TRL-09: ticks belong to the columns that were shown."""
    cluster, lost = apart
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("half done"))
    with pytest.raises(commits.NewerVersions):
        commits.draft_merge(cluster.replica_id, "alice", ROUTES, lost, {"rows[bob]": 2}, seen=[lost])
    assert [change.value for change in drafts.changes(cluster.replica_id, "alice")] == [rows("half done")]


def test_merge_of_what_is_no_conflict_is_refused(apart: tuple[Cluster, CommitId]) -> None:
    cluster, _lost = apart
    with pytest.raises(commits.NoConflict):
        commits.draft_merge(cluster.replica_id, "alice", ROUTES, CommitId("M9", 1), {})
    with pytest.raises(commits.NoConflict):
        commits.conflict_at(cluster.replica_id, settings_at(machine("M1"), "routes"))
