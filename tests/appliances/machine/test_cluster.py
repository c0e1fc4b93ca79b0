"""A cluster of three real machines: commits made anywhere reach all, and mail follows; no portal is there."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.appliances.machine.machines import Machine, Machines, listener, until
from tests.appliances.machine.sinks import Sink, send


@pytest.fixture(scope="module")
def cluster(shared_machines: Machines) -> list[Machine]:
    return shared_machines.cluster("mx1", "mx2", "mx3", settings={"listenerconfig": listener()})


@pytest.fixture
def sinks() -> Iterator[tuple[Sink, Sink]]:
    found = Sink().start(), Sink().start()
    yield found
    for sink in found:
        sink.stop()


def commits(machine: Machine, commands: str) -> None:
    """Edits and commits, and waits until all connected machines have it in force."""
    machine.does(f"{commands}; commit -m test --wait 60")


def test_members_see_one_cluster(cluster: list[Machine]) -> None:
    """GRP-09."""
    lists = [machine.does("clusterconfig list") for machine in cluster]

    assert lists[0] == lists[1] == lists[2]
    assert lists[0].splitlines() == [
        "cluster = Americas",
        "Group Main_Group:",
        "    Machine mx1.example.com (Serial #: MX1)",
        "    Machine mx2.example.com (Serial #: MX2)",
        "    Machine mx3.example.com (Serial #: MX3)",
    ]


def test_joiner_keeps_its_own_network_and_takes_the_cluster_settings(cluster: list[Machine]) -> None:
    """JN-05."""
    second = cluster[1]

    own = second.ssh("interfaceconfig --json").json
    shared = second.ssh("listenerconfig --json").json

    assert own["origin"] == "machine:MX2"
    assert own["value"]["interfaces"][0]["ip"] == second.address
    assert shared["origin"] == "cluster"


def test_commit_on_one_machine_reaches_mail_on_all(cluster: list[Machine], sinks: tuple[Sink, Sink]) -> None:
    """CL-06: whichever machine it is made on."""
    old, new = sinks
    commits(cluster[0], f"clustermode cluster; smtproutes set example.com {old.route}")
    for machine in cluster:
        send(machine.address, f"before {machine.serial}")
        old.wait_for(f"before {machine.serial}")

    commits(cluster[2], f"clustermode cluster; smtproutes set example.com {new.route}")

    for machine in cluster:
        status = machine.status
        assert status["enforced"] == status["wanted"]
        send(machine.address, f"after {machine.serial}")
        new.wait_for(f"after {machine.serial}")
    assert len(old.subjects) == len(new.subjects) == 3


def test_machine_with_its_own_route_is_named_and_does_not_follow(
    cluster: list[Machine], sinks: tuple[Sink, Sink]
) -> None:
    own, shared = sinks
    first, second, _third = cluster
    commits(first, f"clustermode machine mx2.example.com; smtproutes set --empty example.com {own.route}")

    edit = first.ssh(f"clustermode cluster; smtproutes set example.com {shared.route}; showchanges --json")

    assert "Machines: mx2.example.com" in edit.err
    shown = edit.out[edit.out.index("{") :]
    assert '"name": "mx1.example.com"' in shown
    assert '"name": "mx2.example.com"' not in shown
    commits(first, "clustermode cluster")
    send(second.address, "to mx2")
    own.wait_for("to mx2")
    send(first.address, "to mx1")
    shared.wait_for("to mx1")
    commits(first, "clustermode machine mx2.example.com; smtproutes inherit")
    assert second.ssh("smtproutes --json").json["origin"] == "cluster"


def test_second_committer_is_told_and_keeps_the_change(cluster: list[Machine]) -> None:
    """CMT-04, CMT-05, SYN-09."""
    first, _second, third = cluster
    first.does("clustermode cluster; unsubscribe set action=bounce")
    third.does(
        "clustermode cluster; unsubscribe set action=bounce; unsubscribe add a@example.com; commit -m 1"
    )
    until(
        lambda: "a@example.com" in first.does("clustermode cluster; showchanges"),
        "the other commit has come",
    )

    refused = first.ssh("commit -m mine")

    assert refused.code == 3
    assert "admin on mx3.example.com" in refused.err
    assert "unsubscribe" in first.does("showchanges")
    first.does("clear")
    assert first.does("showchanges").strip() == "There are no pending changes."


def test_commit_detail_names_every_machine(cluster: list[Machine]) -> None:
    """CMT-02."""
    second = cluster[1]
    commits(second, "clustermode cluster; destconfig set slow.example.net concurrency=3")

    detail = second.ssh("commitdetail --json").json

    assert set(detail["machines"]) == {"MX1", "MX2", "MX3"}
    assert all(found["features"] == ["destconfig"] for found in detail["machines"].values())
    assert (detail["user"], detail["host"], detail["comment"]) == ("admin", "mx2.example.com", "test")


def test_passphrase_changed_on_one_machine_holds_on_all(cluster: list[Machine]) -> None:
    """CL-07, RES-04."""
    first, _second, third = cluster
    first.does("clustermode cluster; userconfig add eve role=guest; commit -m eve --wait 60")
    first.does("passwd eve --passphrase-stdin", stdin="the first passphrase\n")
    until(
        lambda: third.ssh("whoami", user="eve", passphrase="the first passphrase").code == 0,
        "eve logs in on mx3",
    )

    changed = third.ssh(
        "passwd --passphrase-stdin; whoami --json",
        user="eve",
        passphrase="the first passphrase",
        stdin="the first passphrase\nthe second passphrase\n",
    )

    assert changed.code == 0, changed
    assert '"mode": "machine:MX3"' in changed.out
    until(
        lambda: first.ssh("whoami", user="eve", passphrase="the second passphrase").code == 0,
        "the new passphrase works on mx1",
    )
    assert first.ssh("whoami", user="eve", passphrase="the first passphrase").code == 255


def test_postfix_that_dies_is_started_again(cluster: list[Machine]) -> None:
    machine = cluster[1]
    before = machine.settled()
    pid = int((machine.home / "postfix/spool/pid/master.pid").read_text())

    os.kill(pid, signal.SIGKILL)

    found = until(
        lambda: (s := machine.status)["postfix"]["restarts"] > before["postfix"]["restarts"] and s,
        "Postfix was started again",
    )
    assert found["postfix"]["running"]
    send(machine.address, "after a restart")


def test_status_of_another_member_is_shown_with_its_age(cluster: list[Machine]) -> None:
    """RES-03."""
    first, second, _third = cluster
    wanted = second.settled()["enforced"]

    found = first.ssh("clustermode machine mx2.example.com; status --json").json

    assert (found["serial"], found["enforced"]) == ("MX2", wanted)
    assert found["as_of"] > found["started"] > 0


def test_disconnected_member_neither_hears_nor_tells_until_it_is_back(cluster: list[Machine]) -> None:
    """SYN-06, SYN-08, SYN-14, UPG-05."""
    first, second, third = cluster
    first.does("clusterconfig disconnect mx3.example.com")
    until(lambda: links(third) == {"MX1": "disconnected", "MX2": "disconnected"}, "mx3 is alone")
    first.does("clustermode cluster; unsubscribe add here@example.com; commit -m here")
    third.does("clustermode cluster; aliasconfig set there@example.com bob@example.com; commit -m there")
    until(lambda: first.status["vector"] == second.status["vector"], "mx1 and mx2 agree")

    assert "here@" not in third.does("unsubscribe")
    assert "there@" not in second.does("aliasconfig")
    assert "MX3" in first.does("clusterconfig list")

    second.does("clusterconfig reconnect mx3.example.com")

    until(lambda: third.status["vector"] == first.status["vector"] == second.status["vector"], "all agree")
    assert "here@" in third.does("unsubscribe")
    assert "there@" in second.does("aliasconfig")
    assert until(lambda: set(links(third).values()) == {"connected"}, "mx3 has its links")


def links(machine: Machine) -> dict[str, str]:
    return {link["serial"]: link["state"] for link in machine.ssh("connstatus --json").json}
