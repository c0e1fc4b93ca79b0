"""kill -9 at every named moment: mail goes on, and the next start leaves the old state or the new one."""

from __future__ import annotations

import smtplib

import pytest

from tests.appliances.machine.machines import SMTP_PORT, Machine, Machines, listener, until

ABSORBING = ("absorbing", "absorbed")
SWITCHING = ("written", "begun", "flipped", "confirmed")


@pytest.fixture(scope="module")
def pair(shared_machines: Machines) -> list[Machine]:
    """Two members, both with a listener."""
    return shared_machines.cluster("mx1", "mx2", settings={"listenerconfig": listener()})


def greets(machine: Machine) -> bool:
    with smtplib.SMTP(machine.address, SMTP_PORT, timeout=20) as client:
        return client.noop()[0] == 250


@pytest.mark.parametrize("point", [*ABSORBING, *SWITCHING])
def test_member_killed_at_a_point_comes_back_with_all_it_missed(pair: list[Machine], point: str) -> None:
    """SYN-03."""
    first, second = pair
    second.settled()
    second.kill()
    second.start(GATEFOLD_KILL_AT=point)
    until(lambda: "mx2.example.com (machine): connected" in first.does("connstatus"), "mx2 is connected")

    first.does(f"clustermode cluster; smtproutes set {point}.example.net 127.0.0.9; commit -m {point}")
    second.wait_killed()

    assert greets(second)
    second.start()
    until(lambda: first.status["vector"] == second.status["vector"], "both hold the same")
    assert second.settled()["error"] is None
    assert f"{point}.example.net" in second.does("smtproutes show")
    transport = (second.home / "postfix/etc/maps/transport").read_text()
    assert f"{point}.example.net" in transport
    assert greets(second)
