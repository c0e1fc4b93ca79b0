"""Two machines cut apart: each side changes the same setting; healed, both agree and nothing is lost."""

from __future__ import annotations

from tests.appliances.machine.machines import Machine, Machines, until
from tests.appliances.machine.namespaces import Wire


def states(machine: Machine) -> list[str]:
    return [link["state"] for link in machine.ssh("connstatus --json").json]


def commit_route(machine: Machine, host: str) -> None:
    machine.does(f"clustermode cluster; smtproutes set example.com {host}; commit -m 'by {machine.serial}'")


def test_changes_on_both_sides_of_a_cut_agree_after_it(machines: Machines, wire: Wire) -> None:
    """SYN-03, SYN-08."""
    left, right = (
        machines.new(name, address=wire.addresses[side], prefix=wire.prefix(side))
        for side, name in enumerate(("mx1", "mx2"))
    )
    for machine in (left, right):
        assert machine.init().returncode == 0
        machine.start("--ping", "1")
    left.does("clusterconfig new Americas --by-address")
    assert right.join(left).code == 0
    commit_route(left, "127.0.0.1")
    until(lambda: right.status["vector"] == left.status["vector"], "both hold the same")

    wire.cut()
    until(lambda: states(left) != ["connected"] != states(right), "both see the cut")
    commit_route(left, "127.0.0.2")
    commit_route(right, "127.0.0.3")
    assert left.settled()["vector"] != right.settled()["vector"]
    wire.mend()

    until(lambda: left.status["vector"] == right.status["vector"], "both hold the same again")
    shown = [machine.does("clustermode cluster; smtproutes; showconflicts") for machine in (left, right)]
    assert shown[0] == shown[1]
    assert "hosts: 127.0.0.3:25" in shown[0]
    in_force = next(line for line in shown[0].splitlines() if "in force:" in line)
    kept = next(line for line in shown[0].splitlines() if "kept:" in line)
    assert "by MX2" in in_force
    assert "by MX1" in kept
    for machine in (left, right):
        machine.settled()
        assert "127.0.0.3" in (machine.home / "postfix/etc/maps/transport").read_text()
