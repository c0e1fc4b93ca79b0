"""How entries and commits are called in sentences."""

from collections.abc import Callable

import pytest

from clusters import commits, drafts, history, membership, replicas
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Level, group, machine
from clusters.naming import authorship_label, entry_label, mode_label, mode_labels
from clusters.refusals import REFUSALS
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


GONE = "7d0c9a52-1f6e-4a0e-9d51-6f0f6f3c2b11"

REFUSED: list[Callable[[Cluster], object]] = [
    lambda c: c.state.mode_name(group(GONE)),
    lambda c: c.state.mode_named(Level.GROUP, "Nowhere"),
    lambda c: c.state.mode_named(Level.MACHINE, "nowhere.example.com"),
    lambda c: drafts.edit(c.replica_id, "alice", group(GONE), "routes", rows("a")),
    lambda c: drafts.rebase(c.replica_id, "alice", settings_at(c.paris, "routes"), CommitId("M1", 1)),
    lambda c: drafts.edit_entry(c.replica_id, "alice", Address(Kind.GROUP, c.paris.id), None),
    lambda c: commits.conflict_at(c.replica_id, settings_at(c.paris, "routes")),
    lambda c: commits.settle(c.replica_id, settings_at(c.paris, "routes"), user="alice", host="mx1"),
    lambda c: commits.revert(
        c.replica_id, "alice", c.put(CLUSTER, "routes", rows("a")), only=settings_at(c.paris, "x")
    ),
    lambda c: catalogue()["nothing"],
    lambda c: catalogue().check("interfaces", c.paris, {}),
    lambda c: CommitId.parse("nonsense"),
    lambda c: Address.parse(f"settings/{GONE}"),
]


@pytest.mark.parametrize("ask", REFUSED)
def test_refusals_name_things_as_people_call_them(cluster: Cluster, ask: Callable[[Cluster], object]) -> None:
    """TRL-27: no UUID of a group, no raw address, none of Python's quotes; a whole sentence."""
    with pytest.raises(REFUSALS) as refused:
        ask(cluster)
    told = str(refused.value).replace(f"settings/{GONE}", "what was typed")
    assert not any(raw in told for raw in (GONE, cluster.paris.id, "settings/", "group:", "'"))
    assert told.endswith(".")


def test_group_that_is_gone_has_its_name_in_the_history(cluster: Cluster) -> None:
    """TRL-27: and no UUID where nothing knows its name any more."""
    told = {"user": "alice", "host": "mx1.example.com"}
    cluster.put(cluster.paris, "routes", rows("a"))
    made = membership.delete_group(
        cluster.replica_id, cluster.paris.id, target_id=cluster.state.initial_group.id, **told
    )
    detail = history.detail(cluster.replica_id, made.id)
    labels = [entry_label(detail.state, entry.address) for entry in detail.entries]
    assert "Group Paris" in labels
    assert "routes (Group Paris)" in labels
    assert entry_label(cluster.state, settings_at(cluster.paris, "routes")) == "routes (a group that is gone)"
