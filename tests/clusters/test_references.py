"""References resolved per machine, what selectors offer, and the ways out."""

from clusters import replicas
from clusters.catalogue import Reference
from clusters.modes import CLUSTER, machine
from clusters.references import choices, holders, newly_broken, unresolved, uses
from clusters.state import Machine
from clusters.versions import Change, settings_at
from tests.clusters.catalogues import CATALOGUE
from tests.clusters.conftest import Cluster, rows

ONE, TWO, THREE = machine("M1"), machine("M2"), machine("M3")


def broken(cluster: Cluster):
    return [(u.serial, u.feature, u.mode, u.reference.item) for u in unresolved(cluster.state, CATALOGUE)]


def test_reference_is_resolved_on_each_machine_by_inheritance(cluster: Cluster) -> None:
    """DEP-01."""
    cluster.put(CLUSTER, "listeners", rows("in", text="disclaimer", interface="public"))
    cluster.put(cluster.main, "texts", rows("disclaimer"))

    assert broken(cluster) == [
        ("M3", "listeners", CLUSTER, "public"),
        ("M3", "listeners", CLUSTER, "disclaimer"),
    ]


def test_reference_appears_when_the_interface_is_deleted(cluster: Cluster) -> None:
    """DEP-05."""
    cluster.put(cluster.main, "listeners", rows("in", interface="public"))
    assert broken(cluster) == []
    before = cluster.state

    cluster.put(ONE, "ports", rows("other"))

    assert broken(cluster) == [("M1", "listeners", cluster.main, "public")]
    assert [u.serial for u in newly_broken(before, cluster.state, CATALOGUE)] == ["M1"]
    assert newly_broken(cluster.state, cluster.state, CATALOGUE) == []


def test_reference_to_a_feature_nobody_knows_leads_nowhere(cluster: Cluster, monkeypatch) -> None:
    listeners = CATALOGUE["listeners"]
    lost = Reference("rows.0.x", "gone", "x")
    monkeypatch.setitem(listeners.__dict__, "refer", lambda document: [lost])

    found = unresolved(cluster.state, CATALOGUE)

    assert [(u.serial, u.mode) for u in found] == [("M1", None), ("M2", None), ("M3", None)]
    assert holders(cluster.state, lost, CATALOGUE) == []


def test_reference_on_a_standalone_machine(standalone: int) -> None:
    change = Change(settings_at(CLUSTER, "listeners"), rows("in", interface="nowhere"))
    state = replicas.state(standalone).changed([change])

    assert unresolved(state, CATALOGUE) == []
    assert [u.serial for u in unresolved(state, CATALOGUE, [Machine("M1")])] == ["M1"]


def test_choices_name_the_machines_that_lack_an_item(cluster: Cluster) -> None:
    cluster.put(CLUSTER, "texts", rows("everywhere"))
    cluster.put(THREE, "texts", rows("here"))

    def offered(mode):
        found = choices(cluster.state, mode, "texts", CATALOGUE)
        return {choice.item: [m.serial for m in choice.missing] for choice in found}

    assert offered(CLUSTER) == {"everywhere": ["M3"], "here": ["M1", "M2"]}
    assert offered(THREE) == {"here": []}
    assert offered(cluster.paris) == {"everywhere": ["M3"], "here": []}


def test_uses_tell_who_refers_to_what_and_where_it_is_missing(cluster: Cluster) -> None:
    """DEP-01, DEP-02."""
    cluster.put(CLUSTER, "listeners", rows("in", text="disclaimer", interface="public"))
    cluster.put(THREE, "listeners", rows("in", interface="inside"))
    cluster.put(ONE, "texts", rows("disclaimer"))

    told = [
        (u.mode, u.reference.item, [m.serial for m in u.has], [m.serial for m in u.lacks], u.holders)
        for u in uses(cluster.state, CATALOGUE)
    ]

    assert next(u.place for u in uses(cluster.state, CATALOGUE)) == "rows[in].interface"
    assert told == [
        (CLUSTER, "public", ["M1", "M2"], [], (ONE, TWO)),
        (CLUSTER, "disclaimer", ["M1"], ["M2"], (ONE,)),
        (THREE, "inside", ["M3"], [], (THREE,)),
    ]
