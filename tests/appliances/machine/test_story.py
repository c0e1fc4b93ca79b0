"""The life of a cluster, all of it typed through OpenSSH's client on four real machines."""

from __future__ import annotations

import smtplib
import sqlite3
import subprocess
from pathlib import Path

import pytest

from appliances.releases.artifact import build
from tests.appliances.machine.machines import (
    ROOT,
    SMTP_PORT,
    SSH_PORT,
    Machine,
    Machines,
    greeting,
    listener,
    until,
)
from tests.appliances.machine.namespaces import Wire
from tests.appliances.machine.sinks import Sink
from tests.appliances.machine.terminals import Terminal
from tests.appliances.machine.upgrading import connected, mail_through, over, runs

NEW = "7.5.0"
CCS_PORT = 2222


def gateways(machines: Machines, wire: Wire) -> list[Machine]:
    """Three in one place. The fourth is elsewhere: its first address is for administrators alone."""
    three = [wire.addresses[0], wire.add(0, "10.99.0.3"), wire.add(0, "10.99.0.4")]
    places = [(0, address) for address in three] + [(1, wire.add(1, "10.98.0.1", device="lo"))]
    return machines.at_home(
        [
            machines.new(
                f"mx{number}",
                address=address,
                prefix=wire.prefix(side),
                beside=lambda side=side: wire.within(side),
            )
            for number, (side, address) in enumerate(places, 1)
        ],
        {"listenerconfig": listener()},
    )


def typed(machine: Machine, *pairs: str) -> None:
    """A person answers these questions at a terminal, then leaves."""
    terminal = Terminal(machine)
    try:
        terminal.answers(*pairs)
        terminal.sees(">")
        terminal.types("exit\r")
        assert terminal.ended() == 0
    finally:
        terminal.close()


def same(machines: list[Machine]) -> None:
    """All hold the same and have it in force."""
    first, *others = machines
    until(lambda: all(m.status["vector"] == first.status["vector"] for m in others), "all hold the same")
    for machine in machines:
        machine.settled()


def meet_over_ccs_alone(four: Machine, address: str) -> None:
    """COM-11: SSH stays on its first address; members have another one, with CCS."""
    four.does(
        f"interfaceconfig set Data ip={address} hostname=data.mx4.example.com ssh.enabled=no"
        f" ccs.enabled=yes ccs.port={CCS_PORT}; commit -m 'members meet it here'"
    )


def is_closed_to_members(four: Machine, address: str, member: Machine) -> None:
    """COM-14: from where the members are nothing of it answers but CCS, which lets nobody log in."""
    with four.beside():
        assert "Gatefold_SSH" in greeting(four.address, SSH_PORT)
    with member.beside():
        assert [greeting(each, SSH_PORT) for each in (four.address, address)] == ["", ""]
        until(lambda: "Gatefold_CCS" in greeting(address, CCS_PORT), "CCS answers")
    words = ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    login = subprocess.run(
        [*member.prefix, *words, "-p", str(CCS_PORT), f"admin@{address}", "whoami"],
        env=four.asking(four.passphrase),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (login.returncode, "Permission denied" in login.stderr) == (255, True), login


def create_and_join(one: Machine, two: Machine, three: Machine, four: Machine) -> None:
    """By passphrase, by a pre-shared key, and over CCS."""
    typed(
        one,
        ">", "clusterconfig",
        "Join an existing cluster over CCS.", "2",
        "Enter the name of the new cluster.", "Americas",
        "by IP address", "2",
        "New cluster committed", "",
        ">", "",
    )  # fmt: skip
    typed(
        two,
        ">", "clusterconfig",
        "Join an existing cluster over CCS.", "3",
        "Enter the IP address of a machine in the cluster.", one.address,
        "Enter the remote port to connect to.", str(SSH_PORT),
        "using pre-shared keys?", "N",
        "Enter the admin passphrase for the cluster.", one.passphrase,
        "Is this a valid key for this host?", "",
        "Features whose present settings", "",
        "Join?", "",
        "Choose the operation you want to perform", "list",
        "Machine mx2.example.com (Serial #: MX2)", "",
    )  # fmt: skip
    join_by_key(three, one)
    join_over_ccs(four, two)
    same([one, two, three, four])
    for machine in (one, two, three, four):
        connected(machine, 3)
    shown = one.does("connstatus")
    assert "mx3.example.com (machine): connected over SSH" in shown, shown


def prepare(joiner: Machine, member: Machine) -> None:
    """On a member, before: host, serial number and key of the joiner; waits for `commit`."""
    told = joiner.ssh("clusterconfig prepjoin print --json").json
    typed(
        member,
        ">", "clustermode cluster",
        ">", "clusterconfig prepjoin",
        "No host entries waiting to be added to the cluster.", "new",
        "Enter the hostname of the system you want to add.", told["host"],
        f"Enter the serial number of the host {told['host']}.", told["serial"],
        "an empty line ends it", f"{told['user_key']}\r",
        f"1. {told['host']} ({told['serial']})", "",
        ">", "commit",
        "Comment", "prepared",
        "Keep the present configuration", "",
        "Changes committed", "",
    )  # fmt: skip


def join_by_key(three: Machine, one: Machine) -> None:
    """The terminal of the joiner waits at a question while the member is prepared."""
    terminal = Terminal(three)
    try:
        terminal.answers(
            ">", "clusterconfig join",
            "Cluster Communication Service on mx3.example.com?", "",
            "Enter the IP address of a machine in the cluster.", one.address,
            "Enter the remote port to connect to.", str(SSH_PORT),
            "using pre-shared keys?", "Y",
        )  # fmt: skip
        terminal.sees("Would you like to continue?")
        prepare(three, one)
        terminal.types("\r")
        terminal.answers(
            one.fingerprint, "",
            "Features whose present settings", "",
            "Join?", "",
            "Cluster Communication Service on the interface Management", "",
        )  # fmt: skip
        terminal.sees("(Cluster Americas)>")
    finally:
        terminal.close()


def join_over_ccs(four: Machine, two: Machine) -> None:
    """Choice 4."""
    prepare(four, two)
    typed(
        four,
        ">", "clusterconfig",
        "Join an existing cluster over CCS.", "4",
        "Enter the IP address of a machine in the cluster.", two.address,
        "Enter the remote CCS port to connect to.", "",
        two.fingerprint, "",
        "Features whose present settings", "",
        "Join?", "",
        "Cluster Communication Service on the interface Management", "",
        "Choose the operation you want to perform", "",
    )  # fmt: skip


def arrange_groups(one: Machine, three: Machine, four: Machine) -> None:
    """Two groups beside the first; a machine in each."""
    one.does("clustermode cluster; clusterconfig addgroup Paris; clusterconfig addgroup Rome")
    one.does("clusterconfig setgroup mx3.example.com Paris; clusterconfig setgroup mx4.example.com Rome")
    shown = three.does("clusterconfig list")
    until(lambda: "Paris" in four.does("clusterconfig list"), shown)


def takes(machine: Machine, recipient: str) -> bool:
    """Whether the listener of that machine takes mail for that recipient."""
    with machine.beside(), smtplib.SMTP(machine.address, SMTP_PORT, timeout=20) as client:
        client.ehlo()
        client.mail("alice@example.org")
        return client.rcpt(recipient)[0] == 250


def experiment(one: Machine, three: Machine, four: Machine) -> None:
    """Copy down to one machine, edit, commit, test, once more; then move up, and nothing is left over."""
    lab, wait = "clustermode machine mx3.example.com", "--wait 60"
    assert "Machine mx3.example.com: No" in one.does("clustermode cluster; listenerconfig clustershow")
    one.does(
        f"clustermode cluster; listenerconfig clusterset copy machine mx3.example.com; {lab};"
        f" listenerconfig add --in incoming/rat/entries first.example; commit -m 'try it on one' {wait}"
    )
    assert takes(three, "bob@first.example")
    one.does(
        f"{lab}; listenerconfig add --in incoming/rat/entries second.example; commit -m 'and more' {wait}"
    )
    assert takes(three, "bob@second.example")
    assert not takes(one, "bob@first.example")
    assert not takes(four, "bob@second.example")
    edit = one.ssh("clustermode cluster; listenerconfig set incoming banner=x; clear")
    assert "Machines: mx3.example.com" in edit.err, edit
    one.does(f"{lab}; listenerconfig clusterset move cluster --yes; commit -m 'for all' {wait}")
    for machine in (one, three, four):
        machine.settled()
        assert takes(machine, "bob@second.example")
    assert "Machine mx3.example.com: No" in one.does("clustermode cluster; listenerconfig clustershow")


def disconnect_and_edit_on_both_sides(machines: list[Machine]) -> None:
    """Both sides change the same; after the return the newest holds everywhere and the loser is kept.

    While it is away it calls nobody: who takes it back calls its CCS.
    """
    one, _two, _three, four = machines
    one.does("clusterconfig disconnect mx4.example.com")
    until(lambda: "disconnected" in four.does("connstatus"), "mx4 is away")
    refused = four.ssh(
        "clustermode machine mx1.example.com; smtproutes set --empty example.org 127.0.0.1; commit -m no"
    )
    assert "is disconnected and cannot change mx1.example.com" in refused.err
    four.ssh("clear")
    four.does("clustermode cluster; smtproutes set example.org 127.0.0.44; commit -m 'on mx4'")
    one.does("clustermode cluster; smtproutes set example.org 127.0.0.11; commit -m 'on mx1'")
    assert "127.0.0.44" not in one.does("smtproutes")
    reconnected = one.ssh("clusterconfig reconnect mx4.example.com")
    assert (reconnected.code, "cannot be asked" in reconnected.err) == (0, False), reconnected
    same(machines)
    for machine in machines:
        shown = machine.does("clustermode cluster; smtproutes; showconflicts")
        assert "hosts: 127.0.0.11:25" in shown
        assert "on mx4" in shown


def damage_and_check(machines: list[Machine]) -> None:
    """A replica is damaged on its disk; at a terminal of another member it is found and made good."""
    one, two, *_others = machines
    one.does("clustermode cluster; unsubscribe add lab@example.net; commit -m unsubscribed")
    same(machines)
    with sqlite3.connect(two.home / "state.sqlite3") as disk:
        disk.execute(
            "update clusters_head set value = replace(value, 'lab@example.net', 'bad@example.net')"
            " where address = 'settings/cluster/unsubscribe'"
        )
    typed(
        one,
        ">", "clustercheck",
        "Would you like to switch to cluster mode?", "",
        "Do you want to check the config consistency across all machines in the cluster?", "",
        "-- more --", "",
        "How do you want to resolve this inconsistency?", "1",
        "Changes committed", "",
    )  # fmt: skip
    same(machines)
    until(lambda: "No inconsistencies" in one.does("clustermode cluster; clustercheck"), "repaired")
    shown = {machine.does("clustermode cluster; unsubscribe") for machine in machines}
    assert len(shown) == 1, shown


def upgrade_all(machines: list[Machine], sink: Sink) -> None:
    """Guided runs, one machine after the other, while mail flows; no message is lost."""
    with mail_through(machines, pause=0.5) as taken:
        for machine in machines:
            machine.does(f"upgrade guided {NEW} --yes")
            runs(machine, NEW)
            assert over(machine)["failed"] == ""
        for machine in machines:
            connected(machine, 3)
        until(lambda: len(taken) > 20, "mail flows")
    for subject in taken:
        sink.wait_for(subject)


def remove_each(machines: list[Machine]) -> None:
    """Each goes on alone with what it had; the others are as before; the last removal ends the cluster."""
    *leaving, last = machines
    for machine in leaving:
        before = machine.settled()["enforced"]
        last.does(f"clusterconfig removemachine {machine.hostname}")
        until(lambda one=machine: one.status["cluster"] == "", f"{machine.serial} goes on alone")
        assert machine.settled()["enforced"] == before
        assert machine.hostname not in last.does("clusterconfig list")
    typed(
        last,
        ">", "clustermode cluster",
        ">", f"clusterconfig removemachine {last.hostname}",
        "Remove it?", "Y",
        "is removed", "",
    )  # fmt: skip
    until(lambda: last.status["cluster"] == "", "the cluster is gone")


@pytest.mark.timeout(600)
def test_life_of_a_cluster_of_four(machines: Machines, wire: Wire, tmp_path: Path) -> None:
    """CR-01, CR-02, CR-05, JN-03, JN-11, JN-12, JN-16, CL-15, COM-02, COM-11, COM-14, GRP-01, GRP-03,
    EXP-01, EXP-02, SYN-03, SYN-06, SYN-08, SYN-10, SYN-12, UPG-01, UPG-06, RM-01, RM-03, RM-04: created,
    joined, tried out, parted, mended, upgraded and removed until nothing is left.
    """
    build(ROOT, NEW, tmp_path / "releases")
    meeting = wire.addresses[1]
    sink = Sink(wire.add(0, "10.99.0.9"))
    with wire.within(0):
        sink.start()
    try:
        found = gateways(machines, wire)
        for machine in found:
            machine.start("--releases", str(tmp_path / "releases"), wait=False)
        for machine in found:
            machine.wait_ready()
        one, two, three, four = found
        two.does(f"interfaceconfig set Management ccs.enabled=yes ccs.port={CCS_PORT}; commit -m ccs")
        meet_over_ccs_alone(four, meeting)
        is_closed_to_members(four, meeting, one)
        create_and_join(*found)
        is_closed_to_members(four, meeting, one)
        arrange_groups(one, three, four)
        one.does(f"clustermode cluster; smtproutes set example.com {sink.route}; commit -m mail --wait 60")
        experiment(one, three, four)
        disconnect_and_edit_on_both_sides(found)
        damage_and_check(found)
        upgrade_all(found, sink)
        remove_each(found)
    finally:
        sink.stop()
