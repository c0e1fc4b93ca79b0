"""Two members that cannot reach one another: changes and commands go over the third."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.appliances.machine.machines import Machine, Machines, until
from tests.appliances.machine.namespaces import Relay


@pytest.fixture
def relay() -> Iterator[Relay]:
    found = Relay()
    yield found
    found.remove()


def links(machine: Machine) -> dict[str, dict[str, str]]:
    return {link["serial"]: link for link in machine.ssh("connstatus --json").json}


def test_members_that_are_cut_apart_go_on_over_a_third(machines: Machines, relay: Relay) -> None:
    """COM-01, COM-03, COM-05: routes adapt; a change and a command pass through the third machine."""
    left, middle, right = (
        machines.new(name, address=relay.addresses[place], prefix=relay.prefix(place))
        for place, name in enumerate(("mx1", "mx2", "mx3"))
    )
    for machine in (left, middle, right):
        assert machine.init().returncode == 0
        machine.start("--ping", "1")
    left.does("clusterconfig new Americas --by-address")
    assert middle.join(left).code == 0
    assert right.join(left).code == 0
    until(lambda: links(left).get("MX3", {}).get("state") == "connected", "a full mesh")

    relay.cut()
    until(
        lambda: links(left)["MX3"]["state"] not in ("connected", "suspect") or links(left)["MX3"]["via"],
        "the cut",
    )
    until(lambda: links(left)["MX3"]["via"] == "mx2.example.com", f"a way over mx2: {links(left)}")

    left.does("clustermode cluster; unsubscribe add bad@example.net; commit -m 'over a third' --wait 60")
    until(lambda: right.status["vector"] == left.status["vector"], "the change came over mx2")
    shown = left.does("clustermode machine mx3.example.com; version")
    assert "MX3" in shown
    assert "Requests go over mx2.example.com" in left.does("connstatus")
    assert "mx3.example.com... done" in left.does("clustercheck") or "No inconsistencies" in left.does(
        "clustercheck"
    )
