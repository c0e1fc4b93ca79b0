"""Promote an item to the cluster, or demote what names it (DEP-04)."""

import pytest

from clusters import commits, drafts
from clusters.catalogue import Reference
from clusters.modes import CLUSTER, machine
from clusters.references import unresolved
from clusters.ways_out import NoWayOut, demote, promote, with_item
from tests.clusters.catalogues import CATALOGUE, Table
from tests.clusters.conftest import BY, Cluster, rows

ONE, TWO, THREE = machine("M1"), machine("M2"), machine("M3")
TEXT = Reference("rows.0.text", "texts", "disclaimer")


def commit(cluster: Cluster) -> None:
    commits.commit_pending(cluster.replica_id, **BY)


def broken(cluster: Cluster) -> list[str]:
    return [found.serial for found in unresolved(cluster.state, CATALOGUE)]


@pytest.fixture
def listener(cluster: Cluster) -> Cluster:
    """A listener of the cluster with a disclaimer that only M3 has."""
    cluster.put(CLUSTER, "listeners", rows("in", text="disclaimer"))
    cluster.put(THREE, "texts", rows("disclaimer", wording="Hello"))
    return cluster


def test_promoted_item_is_at_the_cluster_beside_what_is_there(listener: Cluster) -> None:
    """DEP-04."""
    listener.put(CLUSTER, "texts", rows("other"))
    assert broken(listener) == ["M1", "M2"]

    promote(listener.replica_id, "alice", "texts", "disclaimer", THREE)

    assert broken(listener) == ["M1", "M2"], "nothing before the commit"
    commit(listener)
    assert broken(listener) == []
    assert listener.value(CLUSTER, "texts") == {
        "rows": [{"name": "other"}, {"name": "disclaimer", "wording": "Hello"}]
    }


@pytest.mark.parametrize(
    ("feature", "item", "source"),
    [("ports", "inside", THREE), ("texts", "gone", THREE), ("texts", "disclaimer", ONE)],
)
def test_item_that_cannot_be_promoted_is_refused(listener: Cluster, feature, item, source) -> None:
    with pytest.raises(NoWayOut):
        promote(listener.replica_id, "alice", feature, item, source)


def test_item_that_the_cluster_has_is_not_promoted_again(listener: Cluster) -> None:
    promote(listener.replica_id, "alice", "texts", "disclaimer", THREE)
    with pytest.raises(NoWayOut, match="already"):
        promote(listener.replica_id, "alice", "texts", "disclaimer", THREE)


def test_item_is_taken_out_of_the_list_that_has_it() -> None:
    source = {"rows": [{"name": "a"}, {"name": "b"}], "more": ["b"], "rate": 3, "odd": [{"n": 1}]}
    assert with_item({"rate": 1}, source, "b") == {"rate": 1, "rows": [{"name": "b"}]}


def test_demoted_settings_live_where_the_item_is_and_name_it_above_no_longer(listener: Cluster) -> None:
    """DEP-04."""
    listener.put(ONE, "texts", rows("disclaimer"))

    demote(listener.replica_id, "alice", "listeners", CLUSTER, TEXT)
    commit(listener)

    assert broken(listener) == []
    assert [listener.value(m, "listeners") for m in (ONE, THREE)] == [rows("in", text="disclaimer")] * 2
    assert listener.value(CLUSTER, "listeners") == rows("in", text="")
    assert listener.value(TWO, "listeners") is None


def test_group_is_demoted_to_once_for_its_machines(listener: Cluster) -> None:
    listener.put(listener.paris, "texts", rows("disclaimer"))
    demote(listener.replica_id, "alice", "listeners", CLUSTER, TEXT)
    commit(listener)
    assert listener.value(listener.paris, "listeners") == rows("in", text="disclaimer")
    assert listener.value(THREE, "listeners") is None


def test_reference_that_the_feature_needs_stays(listener: Cluster, monkeypatch) -> None:
    checked = Table.check

    def strict(self, document):
        found = checked(self, document)
        if any(row.get("text") == "" for row in found["rows"]):
            raise checked(self, {"rows": [{}]}) or AssertionError
        return found

    monkeypatch.setattr(Table, "check", strict)
    demote(listener.replica_id, "alice", "listeners", CLUSTER, TEXT)
    assert [change.address.mode for change in drafts.changes(listener.replica_id, "alice")] == [THREE]


@pytest.mark.parametrize(
    ("mode", "reference"),
    [
        (ONE, TEXT),
        (CLUSTER, Reference("rows.0.text", "texts", "other")),
    ],
)
def test_settings_that_name_it_no_longer_are_not_demoted(listener: Cluster, mode, reference) -> None:
    with pytest.raises(NoWayOut):
        demote(listener.replica_id, "alice", "listeners", mode, reference)


def test_nothing_below_to_demote_to_is_refused(listener: Cluster, monkeypatch) -> None:
    listener.put(THREE, "listeners", rows("own"))
    with pytest.raises(NoWayOut, match="No mode below"):
        demote(listener.replica_id, "alice", "listeners", CLUSTER, TEXT)
    lost = Reference("rows.0.x", "gone", "x")
    monkeypatch.setitem(CATALOGUE["listeners"].__dict__, "refer", lambda document: [lost])
    with pytest.raises(NoWayOut, match="No mode below"):
        demote(listener.replica_id, "alice", "listeners", CLUSTER, lost)


def test_reference_of_an_object_without_rows_is_emptied(cluster: Cluster, monkeypatch) -> None:
    wanted = Reference("main.text", "texts", "disclaimer")
    monkeypatch.setitem(CATALOGUE["listeners"].__dict__, "refer", lambda document: [wanted])
    cluster.put(CLUSTER, "listeners", {"rows": [], "main": {"text": "disclaimer"}})
    cluster.put(THREE, "texts", rows("disclaimer"))
    demote(cluster.replica_id, "alice", "listeners", CLUSTER, wanted)
    values = {c.address.mode: c.value for c in drafts.changes(cluster.replica_id, "alice")}
    assert values[CLUSTER] == {"rows": [], "main": {"text": ""}}
