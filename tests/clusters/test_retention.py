"""How much of its log a replica keeps."""

import pytest

from clusters import history, models, replicas, retention, rollback
from clusters.modes import CLUSTER
from clusters.replication import SnapshotNeeded
from clusters.versions import CommitId
from tests.clusters.conftest import Cluster, rows

LONG_AGO = 1_000_000


@pytest.fixture
def lasting(cluster: Cluster, settings) -> Cluster:
    """Three further commits; what is older than a day is forgotten, but for the last two."""
    settings.GATEFOLD_KEEP_DAYS, settings.GATEFOLD_KEEP_COMMITS = 1, 2
    for text in ("one", "two", "three"):
        cluster.put(CLUSTER, "routes", rows(text))
    return cluster


def aged() -> None:
    models.Commit.objects.update(wall=LONG_AGO)


def numbers(cluster: Cluster) -> list[int]:
    return list(models.Commit.objects.filter(replica=cluster.replica_id).values_list("number", flat=True))


def test_old_commits_go_but_for_the_last_and_the_state_stays(lasting: Cluster) -> None:
    whole, digest = numbers(lasting), replicas.entries_digest(lasting.replica_id)
    aged()

    assert retention.expire(lasting.replica_id) == len(whole) - 2

    assert numbers(lasting) == whole[-2:]
    assert replicas.entries_digest(lasting.replica_id) == digest
    assert lasting.value(CLUSTER, "routes") == rows("three")
    detail = history.detail(lasting.replica_id, CommitId("M1", whole[-2]))
    assert detail.entries[0].before == rows("one")
    assert retention.expire(lasting.replica_id) == 0


def test_young_commits_stay_however_many(lasting: Cluster) -> None:
    whole = numbers(lasting)

    assert retention.expire(lasting.replica_id) == 0
    assert numbers(lasting) == whole


def test_commits_within_the_last_stay_however_old(lasting: Cluster, settings) -> None:
    settings.GATEFOLD_KEEP_COMMITS = 100
    aged()

    assert retention.expire(lasting.replica_id) == 0


def test_one_call_forgets_a_part_only(lasting: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = numbers(lasting)
    aged()
    monkeypatch.setattr(retention, "MOST", 1)

    assert retention.expire(lasting.replica_id) == 1
    assert numbers(lasting) == whole[1:]


def test_peer_that_is_far_behind_gets_a_snapshot_and_one_that_is_near_does_not(lasting: Cluster) -> None:
    near = replicas.vector(lasting.replica_id)
    lasting.put(CLUSTER, "routes", rows("four"))
    aged()
    retention.expire(lasting.replica_id)

    assert [c.changes[0].value for c in replicas.missing(lasting.replica_id, near)] == [rows("four")]
    with pytest.raises(SnapshotNeeded):
        replicas.missing(lasting.replica_id, {"M1": 1})
    behind = replicas.new_replica("M2").pk
    replicas.absorb_snapshot(behind, replicas.snapshot(lasting.replica_id))
    assert replicas.entries_digest(behind) == replicas.entries_digest(lasting.replica_id)


def test_configuration_kept_before_a_forgotten_commit_goes_with_it(lasting: Cluster) -> None:
    whole = numbers(lasting)
    for number in (whole[0], whole[-1]):
        rollback.keep(lasting.replica_id, CommitId("M1", number))
    aged()

    retention.expire(lasting.replica_id)

    assert [commit.id.number for commit in rollback.points(lasting.replica_id)] == [whole[-1]]


def test_what_stood_before_does_not_pile_up(lasting: Cluster) -> None:
    for text in ("four", "five", "six"):
        aged()
        retention.expire(lasting.replica_id)
        lasting.put(CLUSTER, "routes", rows(text))
    aged()
    retention.expire(lasting.replica_id)

    old = models.Superseded.objects.filter(address="settings/cluster/routes")
    assert [row.value for row in old] == [rows("four")]
