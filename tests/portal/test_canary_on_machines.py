"""A change tried first on a real machine: good for all; refused by Postfix, and nobody else saw it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.appliances.machine.machines import Machine, Machines, listener
from tests.portal.following import PEOPLE, adopt, rows
from tests.portal.installation import Installation, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.timeout(600),
]

TRY = """
from django.contrib.auth.models import User
from clusters import drafts
from clusters.modes import CLUSTER
from portal.proposals.deciding import Wish, submit
from portal.proposals.stop_rule import Canary
from portal.tenants import ManagedCluster, Role
one, alice = ManagedCluster.everything.get(), User.objects.get(username="alice")
drafts.edit(one.replica_id, "alice", CLUSTER, {feature!r}, {document!r})
canary = Canary(machines=({serial!r},), minutes={minutes}, enforce_within=120)
made = submit(one, alice, Role.ADMINISTRATOR, Wish(comment={comment!r}, canary=canary), "portal")
print(made.pk)
"""
TAKEN = 2531
ROUTES = {"routes": [{"domain": "moved.example", "hosts": [{"host": "127.0.0.9", "port": 25}]}]}


@pytest.fixture(scope="module")
def pair(machines: Machines) -> list[Machine]:
    """A cluster of two real machines with a listener each."""
    return machines.cluster("one", "two", settings={"listenerconfig": listener()})


@pytest.fixture(scope="module")
def portal(pair: list[Machine]) -> Iterator[Installation]:
    """It follows the pair."""
    with Installation() as found:
        found.prepare(PEOPLE)
        assert "acme follows" in adopt(found, pair[0]).lower()
        yield found


@pytest.fixture(scope="module")
def worker(portal: Installation) -> list[Any]:
    """The worker that runs now, with its clock."""
    started = portal.start_worker("-B", "-s", str(portal.var / "beat"))
    until(lambda: settled(portal), "both machines are connected and report", 120)
    return [started]


def settled(portal: Installation) -> bool:
    found = rows(portal).values()
    good = (row["connection"] == "connected" and row["enforced"] and not row["error"] for row in found)
    return all(good) and all(row["enforced"] == row["wanted"] for row in found)


def changed(portal: Installation, before: dict[str, str]) -> bool:
    return all(row["enforced"] != before[name] for name, row in rows(portal).items())


def attempt(portal: Installation, machine: Machine, feature: str, document: Any, comment: str) -> int:
    said = {"feature": feature, "document": document, "serial": machine.serial, "comment": comment}
    return int(portal.python(TRY.format(minutes=0, **said)))


def proposal(portal: Installation, number: int) -> dict[str, Any]:
    return portal.rows(f"SELECT * FROM portal_proposal WHERE id = {number}")[0]


def log(portal: Installation, number: int) -> list[str]:
    query = f"SELECT text FROM portal_proposalline WHERE proposal_id = {number}"
    return [row["text"] for row in portal.rows(query)]


def own_routes(portal: Installation) -> list[str]:
    """The machines that define something of their own that a try gave them."""
    query = "SELECT address, value FROM clusters_head WHERE address LIKE 'settings/machine:%' AND rank = 0"
    tried = ("/smtproutes", "/listenerconfig")
    return [
        r["address"]
        for r in portal.rows(query)
        if r["address"].endswith(tried) and r["value"] not in (None, "null")
    ]


def test_change_that_a_machine_runs_well_comes_to_all(
    portal: Installation, worker: list[Any], pair: list[Machine]
) -> None:
    """One machine alone gets it; the worker dies and another one goes on; then both run it."""
    first, second = pair
    before = {name: row["enforced"] for name, row in rows(portal).items()}
    heard = portal.rows("SELECT max(id) AS last FROM appliances_applied")[0]["last"]
    number = attempt(portal, first, "smtproutes", ROUTES, "Moved")
    portal.end(worker.pop())
    worker.append(portal.start_worker("-B", "-s", str(portal.var / "beat")))
    until(lambda: proposal(portal, number)["state"] == "committed", f"it goes on: {log(portal, number)}", 180)
    until(lambda: settled(portal) and changed(portal, before), "both enforce it", 120)
    assert own_routes(portal) == []
    query = f"SELECT serial, enforced FROM appliances_applied WHERE id > {heard} ORDER BY id"
    applies = [(row["serial"], row["enforced"]) for row in portal.rows(query)]
    assert applies[0][0] == first.serial
    assert {found for serial, found in applies if serial == second.serial} == {second.settled()["enforced"]}


def test_change_that_postfix_refuses_goes_back_and_others_never_saw_it(
    portal: Installation, worker: list[Any], pair: list[Machine]
) -> None:
    """A port that another program holds on the machine: Postfix cannot listen there, and the try ends."""
    first, second = pair
    until(lambda: settled(portal), "both are in order", 120)
    before = {name: row["enforced"] for name, row in rows(portal).items()}
    generation = second.status["generation"]
    with socket.create_server((first.address, TAKEN)):
        number = attempt(portal, first, "listenerconfig", listener(port=TAKEN), "Another port")
        until(lambda: proposal(portal, number)["state"] == "stopped", f"it stops: {log(portal, number)}", 180)
        assert f"port {TAKEN}" in proposal(portal, number)["reason"]
        until(lambda: settled(portal), "the machine is as it was", 120)
    assert {name: row["enforced"] for name, row in rows(portal).items()} == before
    assert second.status["generation"] == generation
    assert own_routes(portal) == []
    (draft,) = portal.rows("SELECT user, address FROM clusters_draft")
    assert (draft["user"], draft["address"]) == ("alice", "settings/cluster/listenerconfig")
    assert "Traceback" not in portal.log("worker")
