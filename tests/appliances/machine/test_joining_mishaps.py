"""Joins that meet something else: a wire that breaks, another join, an upgrade; and what a join costs."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from appliances.releases.artifact import build
from tests.appliances.machine.machines import (
    ROOT,
    SSH_PORT,
    Answer,
    Machine,
    Machines,
    free_address,
    listener,
    until,
)
from tests.appliances.machine.sinks import send
from tests.appliances.machine.test_joining import own
from tests.appliances.machine.upgrading import connected, over, runs

NEW = "7.3.0"


class Fuse:
    """A wire to a machine that breaks after so many bytes of its `turn`-th connection have come back."""

    def __init__(self, machine: Machine, turn: int, most: int) -> None:
        self.address = free_address()
        self.blown = False
        self._target = (machine.address, SSH_PORT)
        self._turn, self._most = turn, most
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server((self.address, SSH_PORT))
        self._begin(self._serve)

    def _begin(self, work: Callable[..., None], *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _serve(self) -> None:
        with suppress(OSError):
            for count in itertools.count(1):
                caller, _peer = self._listening.accept()
                called = socket.create_connection(self._target)
                self._ends += [caller, called]
                self._begin(self._pass_on, caller, called, 1 << 40)
                self._begin(self._pass_on, called, caller, self._most if count == self._turn else 1 << 40)

    def _pass_on(self, here: socket.socket, there: socket.socket, most: int) -> None:
        with suppress(OSError):
            while most > 0 and (data := here.recv(min(most, 4096))):
                there.sendall(data)
                most -= len(data)
        self.blown = self.blown or most <= 0
        _shut(here, there)

    def close(self) -> None:
        _shut(self._listening, *self._ends)
        for thread in self._threads:
            thread.join(20)
        for end in (self._listening, *self._ends):
            end.close()


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def member(shared_machines: Machines) -> Machine:
    """A cluster of one."""
    return shared_machines.cluster("mx1")[0]


@pytest.fixture
def joiner(machines: Machines) -> Machine:
    return machines.started("mx2")[0]


CUTS = [(1, 300), (2, 1500), (2, 4500), (3, 1500), (3, 3500), (3, 6500)]
"""The first connection looks at the host key, the second asks what the cluster holds, the third joins."""


def test_link_cut_in_the_middle_of_a_join_leaves_nothing_half_done(member: Machine, joiner: Machine) -> None:
    """JN-04: wherever it breaks, the joiner is as before, and joining once more mends the rest."""
    before, settings = own(joiner), member.does("clustermode cluster; smtproutes --json")
    for turn, most in CUTS:
        fuse = Fuse(member, turn, most)
        try:
            answer = joiner.ssh(
                f"clusterconfig join {fuse.address} --port {SSH_PORT} --fingerprint {member.fingerprint}"
                " --passphrase-stdin",
                stdin=member.passphrase,
            )
        finally:
            fuse.close()
        assert fuse.blown, f"connection {turn} has less than {most} bytes"
        assert answer.code == 1, (turn, most, answer)
        assert answer.err.strip()
        assert "Traceback" not in answer.err
        assert "a fault of this program" not in answer.err
        assert own(joiner) == before, (turn, most)
        assert member.does("clustermode cluster; smtproutes --json") == settings

    assert joiner.join(member).code == 0
    until(lambda: joiner.status["vector"] == member.status["vector"], "both hold the same")
    assert joiner.does("clusterconfig list") == member.does("clusterconfig list")
    leave(member, joiner)


def test_machines_that_join_at_once_at_two_members_are_all_taken_in(machines: Machines) -> None:
    """JN-09: who joins sees the progress of the others in LIST and CONNSTATUS."""
    one, two, three, four = machines.started("mx1", "mx2", "mx3", "mx4")
    one.does("clusterconfig new Americas --by-address")
    assert two.join(one).code == 0
    for door in (one, two):
        door.fingerprint  # noqa: B018 - logs in before all do so at once
    pairs = [(three, one), (four, two)]

    with ThreadPoolExecutor(2) as threads:
        answers: list[Answer] = list(threads.map(lambda pair: pair[0].join(pair[1]), pairs))

    assert [answer.code for answer in answers] == [0, 0], answers
    everybody = [one, two, three, four]
    until(lambda: len({str(sorted(m.status["vector"].items())) for m in everybody}) == 1, "all hold the same")
    lists = {machine.does("clusterconfig list") for machine in everybody}
    assert len(lists) == 1
    assert all(f"(Serial #: MX{number})" in next(iter(lists)) for number in range(1, 5))
    for machine in everybody:
        until(lambda m=machine: m.does("connstatus").count(": connected") == 3, "all are linked")


@pytest.mark.timeout(300)
def test_machines_join_while_another_member_is_upgraded(machines: Machines, tmp_path: Path) -> None:
    """CL-12, JN-04, SYN-06, UPG-05, UPG-08: while it drains, and while it is down before its new release.

    It takes nobody in itself meanwhile. Once all are upgraded, all are members of one cluster.
    """
    releases = tmp_path / "releases"
    build(ROOT, NEW, releases)
    members = one, two, three, four = machines.made(
        "mx1", "mx2", "mx3", "mx4", settings={"listenerconfig": listener()}
    )
    for machine in members:
        point = {"GATEFOLD_KILL_AT": "switched"} if machine is two else {}
        machine.start("--releases", str(releases), wait=False, **point)
    for machine in members:
        machine.wait_ready()
    one.does("clusterconfig new Americas --by-address")
    assert two.join(one).code == 0
    with socket.create_server((free_address(), 2526)) as silent:
        address, port = silent.getsockname()
        route = f"smtproutes set example.com [{address}]:{port}"
        one.does(f"clustermode cluster; {route}; commit -m 'to one that says nothing' --wait 60")
        send(two.address, "it cannot leave")
        two.does(f"upgrade guided {NEW} --yes")
        until(lambda: step(two) == "drain", "mx2 drains")
        before = own(three)

        refused = three.join(two)

        assert (refused.code, "mx2.example.com is disconnected from its cluster" in refused.err) == (1, True)
        assert own(three) == before
        assert "MX3" not in two.does("clusterconfig list")
        assert three.join(one).code == 0
        assert step(two) == "drain"
    two.wait_killed()
    assert four.join(three).code == 0
    agree(one, three, four)

    two.start("--releases", str(releases))

    runs(two, NEW)
    assert over(two)["failed"] == ""
    assert "MX3" not in two.does("clusterconfig list"), "it hears of them when it is reconnected"
    again = one.ssh("clusterconfig reconnect mx2.example.com")
    assert (again.code, NEW in again.err) == (1, True), again
    for machine in (one, three, four):
        machine.does(f"upgrade install {NEW} --yes")
    for machine in (one, three, four):
        runs(machine, NEW)
    one.does(f"clusterconfig reconnect {' '.join(machine.hostname for machine in members)}")
    agree(*members)
    assert "No inconsistencies" in four.does("clustermode cluster; clustercheck")


def step(machine: Machine) -> str:
    """Where its guided run stands."""
    return str(machine.ssh("upgrade status --json").json["run"]["step"])


def agree(*members: Machine) -> None:
    """They are linked, hold the same, and know the same members."""
    for machine in members:
        connected(machine, len(members) - 1)
    until(lambda: len({str(sorted(m.status["vector"].items())) for m in members}) == 1, "all hold the same")
    assert len({machine.does("clusterconfig list") for machine in members}) == 1


def test_join_costs_settings_and_users_and_removal_does_not_bring_them_back(
    member: Machine, machines: Machines
) -> None:
    """JN-06, JN-21, RM-02, RM-05: what was its own goes with each join."""
    (joiner,) = machines.started("mx7")
    secret = "a passphrase of the past"
    joiner.does("userconfig add olaf role=readonly; unsubscribe add mine@example.com; commit -m mine")
    joiner.does("passwd olaf --passphrase-stdin", stdin=f"{secret}\n")
    until(lambda: joiner.ssh("whoami", user="olaf", passphrase=secret).code == 0, "olaf logs in")

    assert joiner.join(member).code == 0

    until(lambda: joiner.ssh("whoami", user="olaf", passphrase=secret).code == 255, "olaf is gone")
    assert joiner.ssh("whoami").code == 0
    assert "mine@example.com" not in joiner.does("unsubscribe")
    leave(member, joiner)
    assert "mine@example.com" not in joiner.does("unsubscribe")
    assert joiner.ssh("whoami", user="olaf", passphrase=secret).code == 255
    joiner.does("unsubscribe add again@example.com; commit -m again")
    assert joiner.join(member).code == 0
    assert "again@example.com" not in joiner.does("unsubscribe")
    leave(member, joiner)


def leave(member: Machine, gone: Machine) -> None:
    member.does(f"clusterconfig removemachine {gone.hostname}")
    until(lambda: gone.status["cluster"] == "", f"{gone.serial} goes on alone")


def test_administrator_without_a_passphrase_is_told_to_join_with_a_key(
    member: Machine, joiner: Machine
) -> None:
    """JN-18: here logins need more than a passphrase where a user has none but a key."""
    member.does("clustermode cluster; userconfig add keyed role=administrator; commit -m keyed")
    before = own(joiner)

    answer = joiner.join(member, user="keyed")

    assert answer.code == 1
    assert "where a second factor is required, join with keys" in answer.err
    assert own(joiner) == before
    told = joiner.ssh("clusterconfig prepjoin print --json").json
    line = f"clusterconfig prepjoin new {told['host']} {told['serial']} {told['user_key']}"
    member.does(f"clustermode cluster; {line}; commit -m prepared")
    options = f"--port {SSH_PORT} --fingerprint {member.fingerprint} --prepared"
    assert joiner.ssh(f"clusterconfig join {member.address} {options}").code == 0
    leave(member, joiner)
