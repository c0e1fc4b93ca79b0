"""The queue of a real machine under an administrator's hands: suspend, resume, return, delete, counters."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.appliances.machine.machines import Machine, Machines, listener, until
from tests.appliances.machine.sinks import Sink, send


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    found = Sink().start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def pair(shared_machines: Machines, sink: Sink) -> list[Machine]:
    """mx1, from which mx2 is worked on too."""
    machines = shared_machines.cluster(
        "mx1",
        "mx2",
        settings={"listenerconfig": listener(), "aliasconfig": {"postmaster": "post@example.com"}},
    )
    line = f"clustermode cluster; smtproutes set example.com {sink.route}; commit -m routes --wait 60"
    machines[0].does(line)
    until(lambda: machines[1].settled() and "connected" in machines[0].does("connstatus"), "both")
    return machines


def waiting(machine: Machine) -> int:
    found = machine.ssh("workqueue --json").json
    return int(sum(found[name] for name in ("incoming", "active", "deferred")))


def test_suspended_listener_is_closed_until_it_is_resumed(pair: list[Machine], sink: Sink) -> None:
    """RES-02: suspendlistener and resumelistener, also as the table spells it."""
    machine = pair[0]
    machine.does("suspendlistener incoming")
    with pytest.raises((ConnectionRefusedError, smtplib.SMTPServerDisconnected)):
        send(machine.address, "while suspended")
    assert "Listener incoming is suspended" in "\n".join(machine.status["notes"])
    machine.stop()
    machine.start()
    machine.settled()
    with pytest.raises((ConnectionRefusedError, smtplib.SMTPServerDisconnected)):
        send(machine.address, "after a restart")

    machine.does("resumelister incoming")

    send(machine.address, "resumed")
    sink.wait_for("resumed")
    assert machine.status["notes"] == []
    assert machine.ssh("suspendlistener nobody").code == 1


def test_suspended_deliveries_wait_on_another_member(pair: list[Machine], sink: Sink) -> None:
    """RES-03: typed on mx1 in the machine mode of mx2."""
    first, second = pair
    there = f"clustermode machine {second.hostname}"
    until(lambda: "mx2.example.com (machine): connected" in first.does("connstatus"), "the link is up")
    assert "Deliveries are suspended" in first.does(f"{there}; suspenddel")
    send(second.address, "held back")
    until(lambda: waiting(second) == 1, "it waits")
    assert "held back" not in sink.subjects
    assert "1  example.com" in first.does(f"{there}; tophosts")
    assert first.ssh(f"{there}; hoststatus example.com --json").json["waiting"] == 1
    assert first.ssh(f"{there}; tail").code == 1
    assert "runs only on the login host" in first.ssh(f"{there}; tail").err

    first.does(f"{there}; resumedel")

    sink.wait_for("held back")
    until(lambda: waiting(second) == 0, "the queue is empty")


def test_queued_mail_is_returned_and_deleted_after_agreement(pair: list[Machine], sink: Sink) -> None:
    """RES-02: bouncerecipients, deleterecipients, delivernow."""
    machine = pair[0]
    machine.does("suspenddel")
    send(machine.address, "one", "one@example.com")
    send(machine.address, "two", "two@example.com")
    until(lambda: waiting(machine) == 2, "both wait")

    asked = machine.ssh("deleterecipients to one@example.com")

    assert asked.code == 1
    assert "1 message" in asked.err
    assert "--yes" in asked.err
    assert waiting(machine) == 2
    assert "1 message done" in machine.does("deleterecipients to one@example.com --yes")
    assert waiting(machine) == 1
    assert machine.ssh("deleterecipients to").code == 2
    assert "No message" in machine.does("bouncerecipients from nobody@example.org --yes")
    machine.does("resumedel; delivernow all")
    sink.wait_for("two")
    assert "one" not in sink.subjects


def listed(machine: Machine, selection: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = machine.ssh(f"queue list {selection} --json").json["messages"]
    return found


def test_queue_is_searched_and_each_verb_does_its_work(pair: list[Machine], sink: Sink) -> None:
    """RES-02: `queue` with list, hold, release, retry, delete, bounce, on a real Postfix."""
    machine = pair[0]
    machine.does("suspenddel")
    for name in ("ann", "ben", "cid"):
        send(machine.address, f"for {name}", f"{name}@example.com")
    until(lambda: waiting(machine) == 3, "all wait")
    status = machine.ssh("queue --json").json
    assert status["counts"]["deferred"] == 3
    assert status["oldest"] == listed(machine)[0]["arrived"]
    assert status["oldest"] > 1_600_000_000_000

    assert [m["recipients"][0]["address"] for m in listed(machine, "recipient=BEN")] == ["ben@example.com"]
    assert len(listed(machine, "sender=alice@ host=example.com state=deferred --limit 2")) == 2
    assert listed(machine, "older=3600") == []
    assert listed(machine, "reason=no-such-reason") == []
    ann, ben, cid = (listed(machine, f"recipient={name}")[0]["id"] for name in ("ann", "ben", "cid"))

    assert machine.ssh(f"queue hold id={ann},{ben} --json").json == {"matching": 2, "done": 2}
    assert {m["id"] for m in listed(machine, "state=hold")} == {ann, ben}
    assert machine.ssh("queue hold state=hold --json").json == {"matching": 2, "done": 0}
    asked = machine.ssh(f"queue delete id={ben}")
    assert (asked.code, "1 message" in asked.err, "--yes" in asked.err) == (1, True, True)
    assert len(listed(machine)) == 3
    assert machine.ssh(f"queue delete id={ben} --yes --json").json == {"matching": 1, "done": 1}
    machine.does("resumedel")
    sink.wait_for("for cid")
    assert machine.ssh(f"queue retry id={ann} --json").json == {"matching": 1, "done": 0}, "it is on hold"
    assert machine.ssh(f"queue release id={ann} --json").json == {"matching": 1, "done": 1}
    sink.wait_for("for ann")
    assert "for ben" not in sink.subjects
    assert machine.ssh(f"queue delete id={cid} --yes --json").json == {"matching": 0, "done": 0}
    assert machine.ssh("queue --json").json["oldest"] is None

    send(machine.address, "held for its sender", "dan@example.com")
    sink.wait_for("held for its sender")
    machine.does("suspenddel")
    send(machine.address, "comes back", "dan@example.com")
    until(lambda: waiting(machine) == 1, "it waits")
    assert machine.ssh("queue bounce recipient=dan@ --yes --json").json == {"matching": 1, "done": 1}
    until(lambda: listed(machine, "recipient=dan@") == [], "it is gone to its sender")
    machine.does("queue delete all --yes; resumedel")


@pytest.mark.parametrize("line", ["list nonsense", "list state=nowhere", "list older=soon", "delete", "fly"])
def test_queue_says_what_it_does_not_understand(pair: list[Machine], line: str) -> None:
    answer = pair[0].ssh(f"queue {line}")
    assert answer.code == 2
    assert answer.err


def test_suspension_is_part_of_the_status(pair: list[Machine]) -> None:
    machine = pair[0]
    machine.does("suspend")
    assert machine.status["suspended"] == {"listeners": ["incoming"], "deliveries": True}
    machine.does("resume")
    assert machine.status["suspended"] == {"listeners": [], "deliveries": False}


def test_counters_tell_what_went_through_and_begin_again(pair: list[Machine], sink: Sink) -> None:
    """CL-18, RES-02: rate, hostrate, topin, resetcounters; the other member has its own."""
    first, second = pair
    first.does("resetcounters")
    second.does("resetcounters")
    send(first.address, "counted")
    sink.wait_for("counted")

    def delivered(machine: Machine) -> int:
        return int(machine.ssh("rate --json").json["totals"].get("delivered", 0))

    until(lambda: delivered(first) == 1, "it is counted")
    assert delivered(second) == 0
    assert first.ssh("hostrate example.com --json").json["delivered"]["1 min"] == 1
    assert "1  " in first.does("topin")
    first.does("resetcounters")
    assert delivered(first) == 0


def test_status_carries_the_counters(pair: list[Machine], sink: Sink) -> None:
    machine = pair[0]
    machine.does("resetcounters")
    send(machine.address, "counted in the status")
    sink.wait_for("counted in the status")
    until(lambda: machine.status["traffic"]["delivered"] == 1, "the status tells it")
    before = machine.status["traffic"]
    assert before["accepted"] == 1

    machine.does("resetcounters")

    until(lambda: machine.status["traffic"]["since"] > before["since"], "the counters began anew")
    assert machine.status["traffic"]["delivered"] == 0


def test_tools_work_on_the_machine(pair: list[Machine], sink: Sink) -> None:
    """RES-02, RES-03: trace, diagnostic, tail, who, last, rollovernow, techsupport."""
    machine = pair[0]
    assert sink.address in machine.does("trace bob@example.com")
    assert f"port {sink.port} answers" in machine.does(f"diagnostic {sink.address} {sink.port}")
    refused = machine.ssh(f"diagnostic {sink.address} 1")
    assert refused.code == 1
    assert "nothing listens there" in refused.err
    assert len(machine.does("tail -n 5").splitlines()) == 5
    assert "admin" in machine.does("who")
    assert "still logged in" in machine.does("last")
    assert "new file" in machine.does("rollovernow")
    send(machine.address, "after the rollover")
    sink.wait_for("after the rollover")
    said = machine.does("techsupport")
    bundle = next((machine.home / "support").iterdir())
    assert bundle.name in said
    assert "argon2" not in bundle.read_text()
    assert bundle.stat().st_mode & 0o077 == 0
