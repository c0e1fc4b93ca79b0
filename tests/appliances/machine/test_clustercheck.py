"""`clustercheck` on real machines: a value changed on one machine's disk is found over the links."""

from __future__ import annotations

import sqlite3

import pytest

from tests.appliances.machine.machines import Machine, Machines, until


@pytest.fixture(scope="module")
def pair(shared_machines: Machines) -> list[Machine]:
    return shared_machines.cluster("mx1", "mx2")


def test_damaged_replica_is_found_and_repaired_from_another(pair: list[Machine]) -> None:
    """SYN-10, SYN-11, SYN-13, CL-16."""
    one, two = pair
    one.does('clustermode cluster; unsubscribe add a@example.com; commit -m "list" --wait')
    until(lambda: "a@example.com" in two.does("unsubscribe --json"), "mx2 has heard")
    assert "No inconsistencies found." in one.does("clustercheck")
    with sqlite3.connect(two.home / "state.sqlite3") as disk:
        changed = disk.execute(
            "update clusters_head set value = replace(value, 'a@example.com', 'b@example.com')"
            " where address = 'settings/cluster/unsubscribe'"
        )
        assert changed.rowcount == 1

    found = one.ssh("clustercheck --json").json

    (finding,) = found["findings"]
    assert finding["entry"] == "settings/cluster/unsubscribe"
    assert {name for held in finding["versions"] for name in held["holders"]} == {
        one.hostname,
        two.hostname,
    }
    assert {held["made"]["host"] for held in finding["versions"]} == {one.hostname}
    said = two.does(f"clustercheck --force {one.hostname}")
    assert "Changes committed" in said
    until(lambda: "No inconsistencies found." in one.does("clustercheck"), "all the same again")
    assert "a@example.com" in two.does("unsubscribe --json")


def test_member_that_is_away_is_not_checked(pair: list[Machine]) -> None:
    """SYN-10."""
    one, two = pair
    two.stop()

    until(lambda: "Not checked: mx2" in one.ssh("clustercheck").err, "mx2 is away")
    two.start()
    until(lambda: "Not checked" not in one.ssh("clustercheck").err, "mx2 is back")
