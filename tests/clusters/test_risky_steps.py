"""Which steps of a log call for a saved configuration."""

from __future__ import annotations

from unittest.mock import patch

from clusters import membership, risky_steps
from clusters.layout import Step
from clusters.modes import CLUSTER
from clusters.versions import settings_at
from tests.clusters.conftest import BY, Cluster, member, rows

HOUR = 3_600_000


def steps(cluster: Cluster, since: int = 0, loaded: int | None = None) -> list[str]:
    return [step.what for step in risky_steps.of_log(cluster.replica_id, since, loaded)]


def test_last_machine_that_came_or_went(cluster: Cluster) -> None:
    """L18: a join, a removal, a join once more; no other change of a machine counts."""
    assert steps(cluster) == ["mx3.example.com joins the cluster"]
    membership.set_disconnected(cluster.replica_id, ["M2"], disconnected=True, **BY)
    membership.set_group(cluster.replica_id, ["M2"], cluster.paris.id, **BY)
    cluster.put(CLUSTER, "routes", rows("a"))
    assert steps(cluster) == ["mx3.example.com joins the cluster"]
    gone = membership.remove_machine(cluster.replica_id, "M2", **BY)
    assert steps(cluster, since=gone.time.wall) == []
    assert steps(cluster) == ["Remove mx2.example.com from the cluster"]
    membership.enrol_machine(cluster.replica_id, machine=member(2), settings={}, **BY)
    assert steps(cluster) == ["mx2.example.com joins the cluster"]


def test_loaded_settings_are_a_step_once_they_are_committed(cluster: Cluster) -> None:
    """L18: the first commit since then; what follows is daily work."""
    loaded = cluster.state.entries[settings_at(CLUSTER, "routes")].by.time.wall + HOUR
    assert steps(cluster, loaded, loaded) == []
    with patch("clusters.replicas.now", lambda: loaded + 1):
        cluster.put(CLUSTER, "routes", rows("loaded"))
    with patch("clusters.replicas.now", lambda: loaded + HOUR):
        cluster.put(CLUSTER, "routes", rows("daily"))

    (found,) = risky_steps.of_log(cluster.replica_id, loaded, loaded)

    assert found == Step("a configuration file was loaded", loaded + 1)
