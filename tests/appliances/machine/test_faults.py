"""Broken machines: a full disk, a taken port, a stranger at a member's address, one that was removed."""

from __future__ import annotations

import os
import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.appliances.machine.machines import SMTP_PORT, Machine, Machines, listener, until

OTHER_PORT = 2530
SETTINGS = {"listenerconfig": listener()}


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path], Path]]:
    """Mounts a few megabytes at a directory; gives the file that fills it up once it is written."""
    mounted: list[Path] = []

    def mount(path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs", str(path)], check=True)
        mounted.append(path)
        return path / "filler"

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(filler: Path) -> None:
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def greeted(machine: Machine, port: int = SMTP_PORT) -> bool:
    try:
        with smtplib.SMTP(machine.address, port, timeout=20) as client:
            return client.noop()[0] == 250
    except ConnectionRefusedError:
        return False


def error_of(machine: Machine) -> str:
    found = machine.status["error"]
    return str(found["text"]) if found else ""


def test_value_refused_on_one_machine_only_leaves_its_old_settings(machines: Machines) -> None:
    first, second = machines.cluster("mx1", "mx2", settings=SETTINGS)
    old = second.settled()["enforced"]
    taken = socket.create_server((second.address, OTHER_PORT))

    first.does(f"clustermode cluster; listenerconfig set incoming port={OTHER_PORT}; commit -m move")

    refused = until(lambda: error_of(second), "mx2 says that it refused")
    assert f"port {OTHER_PORT}" in refused
    assert second.status["enforced"] == old != second.status["wanted"]
    assert greeted(second)
    assert first.settled()["error"] is None
    assert greeted(first, OTHER_PORT)
    taken.close()
    second.does("tryagain")
    assert second.settled()["error"] is None
    assert greeted(second, OTHER_PORT)


def test_disk_full_while_settings_are_switched(
    machines: Machines, small_disk: Callable[[Path], Path]
) -> None:
    (machine,) = machines.made("mx1", settings=SETTINGS)
    filler = small_disk(machine.home / "postfix")
    machine.start()
    before = machine.settled()["enforced"]
    fill(filler)

    machine.does("smtproutes set example.net 127.0.0.9; commit -m full")

    assert "disk is full" in until(lambda: error_of(machine), "the machine says that its disk is full")
    assert machine.status["enforced"] == before
    assert greeted(machine)
    filler.unlink()
    machine.does("tryagain")
    assert machine.settled()["enforced"] != before
    assert greeted(machine)


def test_disk_full_while_absorbing(machines: Machines, small_disk: Callable[[Path], Path]) -> None:
    first, second = machines.new("mx1"), machines.new("mx2")
    filler = small_disk(second.home)
    for machine in (first, second):
        assert machine.init(SETTINGS).returncode == 0
        machine.start("--ping", "1")
    first.does("clusterconfig new Americas --by-address")
    assert second.join(first).code == 0
    old = second.settled()["enforced"]
    fill(filler)

    first.does("clustermode cluster; smtproutes set example.net 127.0.0.9; commit -m full")

    until(lambda: "could not be stored" in first.does("connstatus --json"), "mx1 knows why mx2 lacks it")
    assert second.status["enforced"] == old
    assert greeted(second)
    refused = second.ssh("unsubscribe add a@example.com")
    assert refused.code == 1
    assert "full" in refused.err
    filler.unlink()
    until(lambda: second.status["vector"] == first.status["vector"], "mx2 has taken it")
    assert second.settled()["enforced"] != old


def test_stranger_at_the_address_of_a_member_gets_nothing(machines: Machines) -> None:
    first, second = machines.cluster("mx1", "mx2")
    second.kill()
    impostor = machines.new("evil", address=second.address)
    assert impostor.init().returncode == 0
    impostor.start()

    line = until(
        lambda: (text := first.does("connstatus")) and "is pinned" in text and text,
        "mx1 sees another host key",
    )

    assert impostor.fingerprint in line
    first.does("clustermode cluster; smtproutes set example.net 127.0.0.9; commit -m secret")
    assert impostor.status["cluster"] == ""
    assert "host key" in first.log


def test_removed_machine_that_comes_back_stays_out_and_goes_on_alone(machines: Machines) -> None:
    """RM-06: also when it has changed something of its own meanwhile; it can join again."""
    first, second = machines.cluster("mx1", "mx2", settings=SETTINGS)
    before = second.settled()
    second.kill()
    first.does("clusterconfig removemachine mx2.example.com")

    second.start()

    until(lambda: second.status["cluster"] == "", f"mx2 goes on alone\n{second.log}")
    assert "MX2" not in first.does("clusterconfig list")
    assert "says that MX1/" in second.log
    assert second.settled()["enforced"] == before["enforced"]
    second.does("smtproutes set example.net 127.0.0.9; commit -m alone")
    assert "example.net" not in first.does("clustermode cluster; smtproutes")
    assert greeted(second)
    assert second.join(first).code == 0
    until(lambda: "mx2.example.com (machine): connected" in first.does("connstatus"), "mx2 is a member again")
    second.kill()
    second.start()
    until(lambda: "mx1.example.com (machine): connected" in second.does("connstatus"), "and stays one")
    assert second.status["cluster"] == first.status["cluster"]


def test_removed_machine_goes_on_alone_with_what_it_had(machines: Machines) -> None:
    """RM-01, RM-04."""
    first, second = machines.cluster("mx1", "mx2", settings=SETTINGS)
    first.does("clustermode cluster; smtproutes set example.net 127.0.0.9; commit -m route --wait 60")
    before = second.settled()

    first.does("clusterconfig removemachine mx2.example.com")

    until(lambda: second.status["cluster"] == "", "mx2 goes on alone")
    after = second.settled()
    assert after["enforced"] == before["enforced"]
    assert after["generation"] == before["generation"]
    assert "example.net" in second.does("smtproutes")
    assert first.does("clusterconfig list").count("Machine ") == 1
    assert os.path.exists(second.home / "ready.json")
