"""How entries and commits are called in sentences."""

from clusters import commits, replicas
from clusters.modes import CLUSTER, machine
from clusters.naming import authorship_label, entry_label, mode_label, mode_labels
from clusters.versions import THE_CLUSTER, Address, CommitId, Kind, settings_at
from tests.clusters.conftest import Cluster, rows


def test_modes_are_called_by_level_and_name(cluster: Cluster) -> None:
    assert mode_labels(cluster.state, cluster.state.modes()[:4]) == (
        "Cluster Americas, Group Main_Group, Group Paris, Machine mx1.example.com"
    )
    assert mode_label(cluster.state, machine("gone")) == "Machine gone"


def test_cluster_of_a_standalone_machine_has_no_name(standalone: int) -> None:
    assert mode_label(replicas.state(standalone), CLUSTER) == "Cluster"


def test_entries_are_called_by_what_they_are_about(cluster: Cluster) -> None:
    labels = {
        settings_at(cluster.paris, "routes"): "routes (Group Paris)",
        THE_CLUSTER: "Cluster Americas",
        Address(Kind.GROUP, cluster.paris.id): "Group Paris",
        Address(Kind.MACHINE, "M2"): "Machine mx2.example.com",
        Address(Kind.PORTAL, "P1"): "Portal P1",
        Address(Kind.PENDING_JOIN, "M7"): "Pending join M7",
    }

    assert {address: entry_label(cluster.state, address) for address in labels} == labels


def test_authors_are_told_with_time_and_comment(cluster: Cluster) -> None:
    made = cluster.put(CLUSTER, "routes", rows("a"), comment="why")

    found = commits.find(cluster.replica_id, made)

    told = authorship_label(found)
    assert told.startswith("alice on mx1.example.com at 20")
    assert told.endswith(" UTC: why")
    first = commits.find(cluster.replica_id, CommitId("M1", 1))
    assert first.comment == ""
    assert authorship_label(first).endswith(" UTC")
