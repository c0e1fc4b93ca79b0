"""Joining that fails leaves nothing half done: wrong answers, other releases, kills of either side."""

from __future__ import annotations

from typing import Any

import pytest

from tests.appliances.machine.machines import SSH_PORT, Machine, Machines, until


@pytest.fixture(scope="module")
def member(shared_machines: Machines) -> Machine:
    """A cluster of one."""
    return shared_machines.cluster("mx1")[0]


@pytest.fixture(scope="module")
def joiner(shared_machines: Machines) -> Machine:
    """A standalone machine that nobody lets in."""
    return shared_machines.started("mx2")[0]


def own(machine: Machine) -> Any:
    """What a failed join must not change."""
    found = machine.status
    return found["cluster"], found["vector"], found["wanted"], machine.does("userconfig --json")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"passphrase": "not the passphrase"}, "does not accept this user and passphrase"),
        ({"user": "nobody"}, "does not accept this user and passphrase"),
        ({"fingerprint": "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, "was not accepted"),
        ({"port": "2199"}, "cannot be reached"),
        ({"group": "Paris"}, "Paris"),
    ],
)
def test_join_with_a_wrong_answer_changes_nothing(
    member: Machine, joiner: Machine, changed: dict[str, str], words: str
) -> None:
    """JN-04."""
    before, cluster = own(joiner), member.does("clusterconfig list")

    answer = joiner.join(member, **changed)

    assert answer.code == 1
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert own(joiner) == before
    assert member.does("clusterconfig list") == cluster


def test_join_without_a_fingerprint_tells_it_and_changes_nothing(member: Machine, joiner: Machine) -> None:
    before = own(joiner)

    answer = joiner.ssh(
        f"clusterconfig join {member.address} --port {SSH_PORT} --passphrase-stdin", stdin=member.passphrase
    )

    assert answer.code == 1
    assert member.fingerprint in answer.err
    assert own(joiner) == before


def test_join_with_pending_changes_is_refused(member: Machine, joiner: Machine) -> None:
    """CR-06."""
    joiner.does("unsubscribe add a@example.com")

    answer = joiner.join(member)

    assert answer.code == 1
    assert "Commit them or clear them first" in answer.err
    joiner.does("clear")


def test_join_of_another_release_is_refused_and_names_both(member: Machine, machines: Machines) -> None:
    """CL-12, JN-08."""
    (newer,) = machines.made("mx9")
    newer.start(GATEFOLD_RELEASE="99.0")

    answer = newer.join(member)

    assert answer.code == 1
    assert "99.0" in answer.err
    assert member.status["release"] in answer.err
    assert newer.status["cluster"] == ""


def test_joiner_killed_before_it_is_a_member_joins_once_more(member: Machine, machines: Machines) -> None:
    (joiner,) = machines.made("mx3")
    joiner.start(GATEFOLD_KILL_AT="enrolled")
    joiner.join(member)
    joiner.wait_killed()

    joiner.start()

    assert joiner.status["cluster"] == ""
    assert joiner.join(member).code == 0
    assert "MX3" in joiner.does("clusterconfig list")
    remove(member, joiner)


def test_joiner_killed_as_a_member_is_one(member: Machine, machines: Machines) -> None:
    (joiner,) = machines.made("mx4")
    joiner.start(GATEFOLD_KILL_AT="joined")
    joiner.join(member)
    joiner.wait_killed()

    joiner.start()

    assert joiner.status["cluster"] == member.status["cluster"]
    remove(member, joiner)


def test_member_killed_while_it_takes_a_joiner_in(machines: Machines) -> None:
    member, joiner = machines.started("mx5", "mx6")
    member.does("clusterconfig new Asia --by-address")
    member.fingerprint  # noqa: B018 - logs in while the machine lives
    member.kill()
    member.start(GATEFOLD_KILL_AT="taken-in")

    answer = joiner.join(member)

    member.wait_killed()
    assert answer.code == 1
    assert joiner.status["cluster"] == ""
    member.start()
    assert joiner.join(member).code == 0
    assert joiner.does("clusterconfig list") == member.does("clusterconfig list")


def remove(member: Machine, gone: Machine) -> None:
    """It hears of it by the commit, or later from the member that no longer lets it in."""
    member.does(f"clusterconfig removemachine {gone.hostname}")
    until(lambda: gone.status["cluster"] == "", f"{gone.serial} goes on alone")
