"""Kept configurations: the way back to before a commit, whatever came since."""

import pytest

from clusters import commits, drafts, membership, models, replicas, rollback
from clusters.commits import UnknownCommit
from clusters.modes import CLUSTER, machine
from clusters.refusals import Overtaken
from clusters.reverting import PastIsGone
from clusters.versions import CommitId, settings_at
from tests.clusters.conftest import BY, Cluster, rows

USER = "alice"


def committed(cluster: Cluster) -> None:
    commits.commit_pending(cluster.replica_id, user=USER, host="m1")


def test_return_brings_all_settings_back_to_before_the_commit(cluster: Cluster) -> None:
    """CMT-06: also what later commits did."""
    before = cluster.value(CLUSTER, "routes")
    first = cluster.put(CLUSTER, "routes", rows("one"))
    rollback.keep(cluster.replica_id, first)
    cluster.put(cluster.paris, "texts", rows("two"))
    cluster.put(CLUSTER, "routes", rows("three"))

    edited = rollback.draft_return(cluster.replica_id, USER, first)

    assert [str(each.address) for each in edited] == sorted(
        [str(settings_at(cluster.paris, "texts")), str(settings_at(CLUSTER, "routes"))]
    )
    committed(cluster)
    assert cluster.value(CLUSTER, "routes") == before
    assert cluster.value(cluster.paris, "texts") is None


def test_return_replaces_the_drafts_that_were_shown_and_changes_nothing_yet(cluster: Cluster) -> None:
    """TRL-12, TRL-09."""
    first = cluster.put(CLUSTER, "routes", rows("one"))
    rollback.keep(cluster.replica_id, first)
    drafts.edit(cluster.replica_id, USER, machine("M2"), "texts", rows("mine"))
    vector = replicas.vector(cluster.replica_id)

    with pytest.raises(rollback.PendingInTheWay):
        rollback.draft_return(cluster.replica_id, USER, first)
    shown = drafts.mark(drafts.pending(cluster.replica_id, USER))
    drafts.edit(cluster.replica_id, USER, machine("M1"), "texts", rows("of another window"))
    with pytest.raises(Overtaken):
        rollback.draft_return(cluster.replica_id, USER, first, over=shown)
    assert len(drafts.pending(cluster.replica_id, USER)) == 2
    shown = drafts.mark(drafts.pending(cluster.replica_id, USER))
    rollback.draft_return(cluster.replica_id, USER, first, over=shown)

    assert [p.address for p in drafts.pending(cluster.replica_id, USER)] == [settings_at(CLUSTER, "routes")]
    assert replicas.vector(cluster.replica_id) == vector


def test_modes_that_are_gone_stay_gone(cluster: Cluster) -> None:
    cluster.put(cluster.paris, "texts", rows("of paris"))
    first = cluster.put(cluster.paris, "texts", rows("later"))
    rollback.keep(cluster.replica_id, first)
    membership.delete_group(cluster.replica_id, cluster.paris.id, target_id=cluster.main.id, **BY)

    assert rollback.draft_return(cluster.replica_id, USER, first) == []


def test_at_most_ten_are_kept_the_latest_first(cluster: Cluster) -> None:
    made = [cluster.put(CLUSTER, "routes", rows(f"{n}")) for n in range(12)]
    for one in made:
        rollback.keep(cluster.replica_id, one)
    rollback.keep(cluster.replica_id, made[-1])

    assert [found.id for found in rollback.points(cluster.replica_id)] == made[:1:-1]


def test_return_to_what_was_not_kept_is_refused(cluster: Cluster) -> None:
    first = cluster.put(CLUSTER, "routes", rows("one"))

    with pytest.raises(rollback.NotKept):
        rollback.draft_return(cluster.replica_id, USER, first)
    rollback.keep(cluster.replica_id, CommitId("M1", 999))
    with pytest.raises(UnknownCommit):
        rollback.draft_return(cluster.replica_id, USER, CommitId("M1", 999))


def test_return_to_values_that_are_not_kept_here_is_refused(cluster: Cluster) -> None:
    made = cluster.put(CLUSTER, "routes", rows("one"))
    rollback.keep(cluster.replica_id, made)
    models.Commit.objects.filter(number__lt=made.number).delete()

    with pytest.raises(PastIsGone):
        rollback.draft_return(cluster.replica_id, USER, made)
    assert not drafts.pending(cluster.replica_id, USER)
