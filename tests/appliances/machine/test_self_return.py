"""A machine that changes its own address or name is not lost: others follow it, or it goes back by itself."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from tests.appliances.machine.machines import (
    SSH_PORT,
    Answer,
    Machine,
    Machines,
    free_address,
    greeting,
    until,
)

OTHER_PORT = 2201
WINDOW = "4"
"""Seconds; shorter ones would end before the doors of before are shut."""


def at_port(machine: Machine, port: int, command: str) -> Answer:
    """A command over a login of its own at another port."""
    words = [str(port) if word == str(SSH_PORT) else word for word in machine.ssh_words(command)]
    env = machine.asking(machine.passphrase)
    done = subprocess.run(
        words, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def kept(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((machine.home / "ground.json").read_text())
    return found


def open_alerts(machine: Machine) -> list[tuple[str, str]]:
    return [(alert["kind"], alert["severity"]) for alert in machine.ssh("alerts --json").json]


def test_machine_that_nobody_reaches_goes_back_also_when_it_was_killed(machines: Machines) -> None:
    """TRL-15: the decision that waits is on disk; it says so everywhere, and tries nothing by itself."""
    (machine,) = machines.made("mx1")
    machine.start("--confirm", WINDOW)
    machine.does(f"interfaceconfig set Management ssh.port={OTHER_PORT}; commit -m lost")
    until(lambda: greeting(machine.address, OTHER_PORT), "the new door is open")
    assert kept(machine)["trial"] is not None
    machine.kill()

    machine.start("--confirm", WINDOW)

    until(lambda: "Gatefold_SSH" in greeting(machine.address, SSH_PORT), "the old door is open again")
    status = until(lambda: machine.status["returned"] and machine.status, "it says that it went back")
    assert "went back to its former interfaces" in status["returned"]["text"]
    assert "by admin on mx1.example.com" in status["returned"]["text"]
    assert status["returned"]["text"] in status["notes"]
    assert "went back to its former interfaces" in machine.does("status")
    assert open_alerts(machine) == [("returned", "critical")]
    assert "nobody had come through" in machine.does("history 1")
    assert kept(machine)["trial"] is None
    until(lambda: greeting(machine.address, OTHER_PORT) == "", "the new door is shut")

    warned = machine.ssh(f"interfaceconfig set Management ssh.port={OTHER_PORT}; commit -m again").err
    assert "Nothing answers any more at SSH" in warned
    until(lambda: at_port(machine, OTHER_PORT, "whoami").code == 0, "a person comes through")
    until(lambda: kept(machine)["trial"] is None, "that proves the new settings")
    told = at_port(machine, OTHER_PORT, "status --json").json
    assert (told["returned"], told["alerts"]) == (None, [])


def test_machine_without_any_door_at_its_start_goes_back_at_once(machines: Machines) -> None:
    """TRL-15: it would not come up at all, and nobody could change that."""
    (machine,) = machines.made("mx1")
    machine.start()
    machine.does("interfaceconfig set Management ssh.enabled=no; commit -m closed")
    until(lambda: greeting(machine.address, SSH_PORT) == "", "nobody can log in")
    machine.kill()

    machine.start()

    assert machine.status["returned"], "it went back before the window of ten minutes had passed"


@pytest.fixture
def pair(machines: Machines) -> tuple[Machine, Machine]:
    """A cluster by address of mx1 and mx2; mx2 waits for a few seconds only."""
    first, second = machines.made("mx1", "mx2")
    first.start(wait=False)
    second.start("--confirm", WINDOW, wait=False)
    for machine in (first, second):
        machine.wait_ready()
    first.does("clusterconfig new Americas --by-address")
    joined = second.join(first)
    assert joined.code == 0, joined
    return first, second


def test_others_follow_a_member_that_changes_its_address_and_its_name(pair: tuple[Machine, Machine]) -> None:
    """TRL-34, TRL-16: over the links that still stand; and alone it goes back, with its entry."""
    first, second = pair
    moved = replace(second, address=free_address())
    lost = free_address()

    said = second.ssh(
        f"interfaceconfig add Data ip={moved.address} hostname=data.mx2.example.com; interfaceconfig show"
    )
    assert said.out.count(f"port: {SSH_PORT}") == 2, "SSH is on the machine's port there too"
    second.does("commit -m add")
    warned = second.ssh("interfaceconfig delete Management; sethostname mx9.example.com; commit -m move").err

    assert f"The other members call it at {second.address} port {SSH_PORT}" in warned
    assert "The member mx2.example.com is called mx9.example.com then" in warned
    until(
        lambda: f"address {moved.address} port {SSH_PORT}" in first.does("clusterconfig listdetail"),
        "mx1 knows the new address",
    )
    until(lambda: "Machine mx9.example.com" in first.does("clusterconfig list"), "mx1 knows the new name")
    until(lambda: "mx9.example.com (machine): connected" in first.does("connstatus"), "mx2 is linked")
    until(lambda: kept(second)["trial"] is None, "the link has proven the new address")
    assert (kept(second)["returned"], kept(second)["proven"]["sethostname"]["hostname"]) == (
        None,
        "mx9.example.com",
    )
    assert first.ssh("clustermode machine mx9.example.com; version").code == 0

    first.stop()
    moved.does(f"interfaceconfig set Data ip={lost}; commit -m lost")

    until(lambda: kept(second)["returned"], "it went back")
    until(lambda: ("returned", "critical") in open_alerts(moved), "it says so where it was before")
    until(
        lambda: f"address {moved.address} port {SSH_PORT}" in moved.does("clusterconfig listdetail"),
        "its entry is back too",
    )
