"""`commit --wait`: it waits for every member that the entries name, and says who is missing."""

from __future__ import annotations

import json

import pytest

from appliances.cli import arriving
from appliances.machine.status import LinkStatus, MachineStatus, Trouble
from clusters import membership, replicas
from clusters.state import Machine
from tests.appliances.cli.hosts import KEY, Person, QuietHost

EDIT = "clustermode cluster; unsubscribe add a@example.com"
SECOND = {"serial": "MX2", "name": "mx2.example.com"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "PAUSE", 0.0)


def linked(state: str = "connected", **told: str) -> LinkStatus:
    return LinkStatus(**SECOND, state=state, **told)


def status(host: QuietHost, *, commits: int = 1, wanted: str = "f", error: str = "") -> MachineStatus:
    """What mx2 says when it holds all that this machine holds, and so many commits more."""
    vector = replicas.vector(host.replica_id)
    vector[host.serial] += commits
    trouble = Trouble(text=error, since=1) if error else None
    return MachineStatus(**SECOND, vector=vector, wanted=wanted, enforced="f", error=trouble, as_of=1000)


def answer(person: Person) -> dict[str, object]:
    return json.loads(person.said[person.said.index("{") :])


def waits(person: Person, seconds: int = 0) -> int:
    person.types(EDIT)
    return person.types(f"commit -m why --wait {seconds} --json")


def arrival(person: Person) -> dict[str, object]:
    (found,) = [each for each in answer(person)["machines"] if each["serial"] == "MX2"]
    return found


def test_commit_wait_is_over_when_every_member_enforces_it(clustered: QuietHost, script: Person) -> None:
    clustered.peers = [linked()]
    clustered.heard_statuses["MX2"] = status(clustered)

    assert waits(script, 60) == 0

    assert answer(script)["enforced"] is True
    assert arrival(script)["arrival"] == "enforced"


@pytest.mark.parametrize("state", ["suspect", "down", "unknown", "removed"])
def test_commit_wait_counts_a_member_without_a_link(clustered: QuietHost, script: Person, state: str) -> None:
    """TRL-32: a member that is stopped loses its link; it has not enforced what it never got."""
    clustered.peers = [linked(state, reason="no answer to a ping")]
    clustered.heard_statuses["MX2"] = status(clustered, commits=0)

    assert waits(script) == 1

    assert answer(script)["enforced"] is False
    assert arrival(script) == {
        **SECOND,
        "arrival": "unheard",
        "reason": "no answer to a ping; over other members it did not answer either",
        "as_of": 1000,
        "directly": True,
    }


def test_commit_wait_counts_a_member_that_was_never_heard(clustered: QuietHost, script: Person) -> None:
    """TRL-32: connected and silent is not enforced."""
    clustered.peers = [linked()]

    assert waits(script) == 1

    assert arrival(script)["arrival"] == "unheard"


@pytest.mark.parametrize("seconds", [0, 60])
def test_commit_wait_asks_members_without_a_link_over_others(
    clustered: QuietHost, script: Person, seconds: int
) -> None:
    """TRL-32: in a large cluster most are no neighbours; what others pass on is called so."""
    clustered.peers = [linked("unknown", via="mx3.example.com")]
    clustered.through["MX2"] = status(clustered)

    assert waits(script, seconds) == 0

    assert (arrival(script)["arrival"], arrival(script)["directly"]) == ("enforced", False)


def test_commit_wait_does_not_wait_for_a_refusal_to_pass(clustered: QuietHost, script: Person) -> None:
    clustered.peers = [linked()]
    clustered.heard_statuses["MX2"] = status(clustered, wanted="new", error="postconf: bad value")

    assert waits(script, 60) == 1

    assert (arrival(script)["arrival"], arrival(script)["reason"]) == ("refused", "postconf: bad value")


def test_commit_wait_does_not_wait_for_who_is_disconnected_on_purpose(
    clustered: QuietHost, script: Person
) -> None:
    membership.set_disconnected(clustered.replica_id, ["MX2"], disconnected=True, user="admin", host="mx1")

    assert waits(script, 60) == 1

    assert arrival(script)["arrival"] == "disconnected"


def test_commit_wait_says_in_words_who_has_it_and_who_not(clustered: QuietHost, script: Person) -> None:
    """TRL-32."""
    clustered.peers = [linked("down", reason="connection refused")]
    script.types(EDIT)

    assert script.types("commit -m why --wait 0") == 1

    assert "In force on 1 of 2: mx1.example.com" in script.said
    silent = "connection refused; over other members it did not answer either"
    assert f"mx2.example.com: cannot be heard ({silent}); never heard" in script.said
    assert "not in force on every machine" in script.warned


def test_commit_calls_nobody_away_whom_others_reach(clustered: QuietHost, script: Person) -> None:
    """TRL-32: in a cluster of 21 twelve members have no link with this machine and are up."""
    third = Machine("MX3", "mx3.example.com", "", "127.0.0.3", 22, None, KEY, KEY)
    membership.enrol_machine(clustered.replica_id, machine=third, settings={}, user="admin", host="mx1")
    clustered.peers = [
        linked("unknown", via="mx9.example.com"),
        LinkStatus(serial="MX3", name="mx3.example.com", state="down"),
    ]
    script.types(EDIT)

    assert script.types("commit -m why") == 0

    assert "they follow when they are back: mx3.example.com" in script.warned
    assert "mx2" not in script.warned
