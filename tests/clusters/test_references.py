"""References resolved per machine, what selectors offer, and the ways out."""

import pytest

from clusters import replicas
from clusters.catalogue import Reference
from clusters.modes import CLUSTER, machine
from clusters.references import WayOut, choices, newly_broken, unresolved, ways_out
from clusters.state import Machine
from clusters.versions import Change, settings_at
from tests.clusters.catalogues import CATALOGUE
from tests.clusters.conftest import Cluster, rows

ONE, THREE = machine("M1"), machine("M3")


def broken(cluster: Cluster):
    return [(u.serial, u.feature, u.mode, u.reference.item) for u in unresolved(cluster.state, CATALOGUE)]


def test_reference_is_resolved_on_each_machine_by_inheritance(cluster: Cluster) -> None:
    cluster.put(CLUSTER, "listeners", rows("in", text="disclaimer", interface="public"))
    cluster.put(cluster.main, "texts", rows("disclaimer"))

    assert broken(cluster) == [
        ("M3", "listeners", CLUSTER, "public"),
        ("M3", "listeners", CLUSTER, "disclaimer"),
    ]


def test_reference_appears_when_the_interface_is_deleted(cluster: Cluster) -> None:
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
    assert ways_out(cluster.state, found[0], CATALOGUE) == []


def test_ways_out_of_a_factory_default_only_promote(cluster: Cluster, monkeypatch) -> None:
    wanted = Reference("rows.0.x", "texts", "x")
    monkeypatch.setitem(CATALOGUE["listeners"].__dict__, "refer", lambda document: [wanted])
    cluster.put(THREE, "texts", rows("x"))

    first = unresolved(cluster.state, CATALOGUE)[0]

    assert (first.serial, first.mode) == ("M1", None)
    assert ways_out(cluster.state, first, CATALOGUE) == [WayOut(True, "texts", THREE, CLUSTER)]


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


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        (THREE, [WayOut(True, "texts", THREE, CLUSTER), WayOut(False, "listeners", CLUSTER, THREE)]),
        (None, []),
    ],
)
def test_ways_out_promote_the_item_or_demote_what_refers_to_it(cluster: Cluster, holder, expected) -> None:
    cluster.put(CLUSTER, "listeners", rows("in", text="disclaimer"))
    if holder:
        cluster.put(holder, "texts", rows("disclaimer"))

    first = unresolved(cluster.state, CATALOGUE)[0]

    assert ways_out(cluster.state, first, CATALOGUE) == expected


def test_ways_out_leave_machine_only_items_where_they_are(cluster: Cluster) -> None:
    cluster.put(CLUSTER, "listeners", rows("in", interface="inside"))

    first = unresolved(cluster.state, CATALOGUE)[0]

    assert ways_out(cluster.state, first, CATALOGUE) == [WayOut(False, "listeners", CLUSTER, THREE)]


def test_ways_out_do_not_lift_what_the_cluster_has(cluster: Cluster) -> None:
    cluster.put(CLUSTER, "texts", rows("disclaimer"))
    cluster.put(THREE, "texts", rows())
    cluster.put(THREE, "listeners", rows("in", text="disclaimer"))

    (only,) = unresolved(cluster.state, CATALOGUE)

    assert ways_out(cluster.state, only, CATALOGUE) == []
