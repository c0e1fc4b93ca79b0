"""The doors of a machine follow its interfaces; one that cannot be opened locks nobody out."""

from __future__ import annotations

import socket
import subprocess

import pytest

from tests.appliances.machine.machines import SSH_PORT, Machine, Machines, until

CCS_PORT = 2222


@pytest.fixture(scope="module")
def machine(shared_machines: Machines) -> Machine:
    return shared_machines.started("mx1")[0]


def greeting(machine: Machine, port: int) -> str:
    """What answers at a port; empty where nothing does."""
    try:
        with socket.create_connection((machine.address, port), timeout=10) as connection:
            return connection.makefile("r").readline().strip()
    except ConnectionRefusedError:
        return ""


def test_ccs_opens_and_closes_with_its_setting_and_takes_no_logins(machine: Machine) -> None:
    """COM-14, T6."""
    assert greeting(machine, CCS_PORT) == ""

    machine.does("interfaceconfig set Management ccs.enabled=yes ccs.port=2222; commit -m ccs")

    until(lambda: "Gatefold_CCS" in greeting(machine, CCS_PORT), "CCS answers")
    words = [str(CCS_PORT) if word == str(SSH_PORT) else word for word in machine.ssh_words("whoami")]
    done = subprocess.run(
        words,
        env=machine.asking(machine.passphrase),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 255
    machine.does("interfaceconfig set Management ccs.enabled=no; commit -m 'no ccs'")
    until(lambda: greeting(machine, CCS_PORT) == "", "CCS is closed")


def test_port_of_logins_moves(machine: Machine) -> None:
    machine.does("interfaceconfig set Management ssh.port=2201; commit -m move")

    until(lambda: "Gatefold_SSH" in greeting(machine, 2201), "the new port answers")
    until(lambda: greeting(machine, SSH_PORT) == "", "the old port is closed")

    words = ["2201" if word == str(SSH_PORT) else word for word in machine.ssh_words()]
    back = "interfaceconfig set Management ssh.port=2200; commit -m back"
    subprocess.run(
        [*words, back],
        env=machine.asking(machine.passphrase),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    until(lambda: "Gatefold_SSH" in greeting(machine, SSH_PORT), "the first port answers again")
    until(lambda: greeting(machine, 2201) == "", "the other is closed")


def test_port_that_is_taken_leaves_the_old_door_open(machine: Machine) -> None:
    """COM-12: a port that another program has."""
    with socket.create_server((machine.address, 2202)):
        machine.does("interfaceconfig set Management ssh.port=2202; commit -m taken")

        found = until(
            lambda: [note for note in machine.status["notes"] if "port 2202" in note], "the status says it"
        )

    assert "cannot listen" in found[0]
    machine.does("interfaceconfig set Management ssh.port=2200; commit -m back")
    until(lambda: not any("2202" in note for note in machine.status["notes"]), "all is well again")


def test_members_follow_a_port_that_moves(machines: Machines) -> None:
    """CL-15."""
    first, second = machines.cluster("mx1", "mx2")

    second.does(
        "clustermode machine mx2.example.com; interfaceconfig set Management ssh.port=2201; commit -m x"
    )

    until(lambda: "port 2201" in first.does("clusterconfig listdetail"), "mx1 knows the new port")
    until(lambda: greeting(second, SSH_PORT) == "", "the old port is closed")
    until(lambda: "mx2.example.com (machine): connected" in first.does("connstatus"), "mx2 is linked")
    first.does("clustermode cluster; smtproutes set example.net 127.0.0.9; commit -m after --wait 60")
