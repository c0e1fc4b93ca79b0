"""Queues on real parts: two machines with Postfix, the portal's web server, worker and broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.appliances.machine.machines import Machine, Machines, listener
from tests.appliances.machine.sinks import Sink, send
from tests.portal.browsing import Browser, wait_for
from tests.portal.following import PEOPLE, adopt, states
from tests.portal.installation import Installation, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.timeout(400),
]


class Person(Browser):
    """Alice at the queues."""

    def queue(self, query: str = "") -> dict[str, Any]:
        """What all machines answer: how many messages match, and which."""

        def answered() -> dict[str, Any] | None:
            found: dict[str, Any] = self.json(f"/clusters/americas/queues/{query}")
            listed = self.json(f"/clusters/americas/queues/messages/{query}")
            return None if found["waits"] else {**found, "messages": listed["results"]}

        found: dict[str, Any] = wait_for(answered, "every machine answers")
        return found

    def fresh(self, fact: Callable[[dict[str, Any]], bool], what: str, query: str = "") -> dict[str, Any]:
        """The queues once a fact holds of them, asked anew until it does."""

        def shown() -> dict[str, Any] | None:
            found = self.queue(query)
            return found if fact(found) else None

        found: dict[str, Any] = wait_for(shown, what)
        return found


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    found = Sink().start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def pair(machines: Machines, sink: Sink) -> list[Machine]:
    found = machines.cluster("mx1", "mx2", settings={"listenerconfig": listener()})
    line = f"clustermode cluster; smtproutes set example.com {sink.route}; commit -m routes --wait 60"
    found[0].does(line)
    until(lambda: found[1].settled(), "both follow")
    return found


@pytest.fixture(scope="module")
def portal(pair: list[Machine]) -> Iterator[Installation]:
    """It follows the pair, with a worker."""
    with Installation() as found:
        found.prepare(PEOPLE)
        assert "follows" in adopt(found, pair[0])
        found.start_web()
        found.start_worker("-B", "-s", str(found.var / "beat"))
        until(lambda: states(found) == ["connected", "connected"], "both are connected")
        yield found


def ids(found: dict[str, Any], machine: Machine) -> list[str]:
    return [f"{m['serial']}:{m['id']}" for m in found["messages"] if m["machine"] == machine.hostname]


def test_held_mail_of_two_machines_is_found_deleted_on_one_and_released_on_the_other(
    portal: Installation, pair: list[Machine], sink: Sink
) -> None:
    """GUI-03, BP-10, RES-03: from the page to Postfix and back.

    1. Deliveries are suspended from the portal, mail comes in. 2. It is found on both machines and held.
    3. One machine's is deleted, the other's released after deliveries were resumed, and arrives.
    """
    first, second = pair
    alice = Person(portal)
    both = {"machine": [first.serial, second.serial]}
    warned = alice.post("/americas/suspend/", {"do": "suspend-deliveries", **both})
    assert "deliver nothing" in warned.text
    done = alice.job(
        alice.post("/americas/suspend/", {"do": "suspend-deliveries", "confirmed": "yes", **both})
    )
    assert done["state"] == "done", done
    for machine in pair:
        send(machine.address, f"through {machine.serial}", "bob@example.com")
        send(machine.address, f"other of {machine.serial}", "ann@example.com")

    found = alice.fresh(lambda f: f["matching"] == 4, "all four wait", "?host=example.com")
    assert {m["machine"] for m in found["messages"]} == {first.hostname, second.hostname}
    assert "delivery suspended" in alice.get("/americas/queues/").text
    to_bob = alice.queue("?recipient=bob@")
    marked = [*ids(to_bob, first), *ids(to_bob, second)]
    assert len(marked) == 2
    held = alice.job(alice.post("/americas/queues/", {"do": "hold", "message": marked}))
    assert (held["state"], held["message"]) == ("done", "2 of 2 message(s) done")
    on_hold = alice.fresh(lambda f: f["matching"] == 2, "both are on hold", "?state=hold")

    asked = alice.post("/americas/queues/", {"do": "delete", "message": ids(on_hold, first)})
    assert "deleted for ever" in asked.text
    assert first.hostname in asked.text
    told = {"do": "delete", "message": ids(on_hold, first), "confirmed": "yes"}
    assert alice.job(alice.post("/americas/queues/", told))["message"] == "1 of 1 message(s) done"
    assert alice.job(alice.post("/americas/suspend/", {"do": "resume", **both}))["state"] == "done"
    sink.wait_for("other of MX1")
    sink.wait_for("other of MX2")
    assert "through MX2" not in sink.subjects, "it is still on hold"
    released = alice.job(alice.post("/americas/queues/", {"do": "release", "message": ids(on_hold, second)}))
    assert released["message"] == "1 of 1 message(s) done"
    sink.wait_for("through MX2")
    alice.fresh(lambda f: f["matching"] == 0, "both queues are empty")
    assert "through MX1" not in sink.subjects
    again = alice.job(alice.post("/americas/queues/", {"do": "release", "message": ids(on_hold, second)}))
    assert again["message"] == "0 of 0 message(s) done", "the result is honest"


def test_machine_that_vanishes_fails_its_part_and_leaves_the_other_done(
    portal: Installation, pair: list[Machine]
) -> None:
    first, second = pair
    alice = Person(portal)
    second.stop()
    told = {"do": "retry", "scope": "matching"}
    done = alice.job(alice.post("/americas/queues/", told))
    assert done["state"] == "failed"
    assert second.hostname in done["message"]
    assert first.hostname not in done["message"]
    second.start()
    until(lambda: states(portal) == ["connected", "connected"], "it is back", 120)
    assert "Traceback" not in portal.log("worker")
