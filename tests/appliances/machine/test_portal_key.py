"""A portal is let in by an administrator's passphrase, follows as a peer, and can be sent away."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from appliances.links.calling import Target
from appliances.links.client import Enrolment, Passphrase, dial, enrol
from appliances.links.errors import AuthenticationFailed, Reason, Refused, RequestFailed
from appliances.links.identity import Keys
from appliances.links.memory import MemoryHolder
from appliances.links.peer import Identity, Kind
from appliances.machine.release import release
from tests.appliances.machine.machines import SSH_PORT, Machine, Machines, until


@pytest.fixture(scope="module")
def machine(shared_machines: Machines) -> Machine:
    return shared_machines.cluster("mx1")[0]


def adopt(machine: Machine, keys: Keys, user: str, passphrase: str) -> Enrolment:
    async def accept(public_key: str) -> bool:
        return True

    identity = Identity("PORTAL", "portal.example.com", release(), Kind.PORTAL)
    told = {"serial": "PORTAL", "name": "portal.example.com", "user_key": keys.user_public}
    target = Target(machine.address, SSH_PORT)
    work = enrol(target, identity, Passphrase(user, passphrase), accept, {"portal": told})
    return asyncio.run(work)


def test_portal_adopts_follows_and_is_sent_away(machine: Machine) -> None:
    keys = Keys.make()

    enrolment = adopt(machine, keys, "admin", machine.passphrase)

    assert enrolment.answer["name"] == "Americas"
    assert enrolment.answer["cluster"] == machine.status["cluster"]
    listed = machine.ssh("clusterconfig list --json").json
    assert listed["portals"] == [{"serial": "PORTAL", "name": "portal.example.com"}]
    assert "settings/machine:MX1/sethostname" in enrolment.answer["snapshot"]["entries"]
    machine.does("clusterconfig removeportal portal.example.com")
    assert machine.ssh("clusterconfig list --json").json["portals"] == []
    with pytest.raises(Refused) as refused:
        call(machine, keys, enrolment)
    assert refused.value.reason is Reason.REMOVED


def call(machine: Machine, keys: Keys, enrolment: Enrolment) -> None:
    async def work() -> None:
        holder = MemoryHolder(
            Identity("PORTAL", "portal.example.com", release(), Kind.PORTAL, enrolment.answer["cluster"])
        )
        link = await dial(Target(machine.address, SSH_PORT), holder, keys.user, enrolment.host_key)
        link.start()
        await link.close()

    asyncio.run(work())


def test_portal_needs_the_passphrase_of_an_administrator(machine: Machine) -> None:
    machine.does("clustermode cluster; userconfig add otto role=operator; commit -m otto --wait 60")
    machine.does("passwd otto --passphrase-stdin", stdin="an operator's own\n")

    with pytest.raises(AuthenticationFailed):
        adopt(machine, Keys.make(), "admin", "wrong")
    with pytest.raises(Refused):
        adopt(machine, Keys.make(), "otto", "an operator's own")

    assert machine.ssh("clusterconfig list --json").json["portals"] == []


def asked(
    machine: Machine, who: Identity, keys: Keys, host_key: str, words: list[str], role: str
) -> dict[str, Any]:
    """What the machine answers that peer to a command."""

    async def work() -> dict[str, Any]:
        link = await dial(
            Target(machine.address, SSH_PORT), MemoryHolder(who, keys=keys), keys.user, host_key,
            purpose="errand" if who.kind is Kind.PORTAL else "member",
        )  # fmt: skip
        link.start()
        try:
            (piece,) = [piece async for piece in link.run({"command": words, "role": role}, "alice")]
            return piece
        finally:
            await link.close()

    return asyncio.run(work())


def test_portal_may_ask_for_upgrades_and_other_members_may_not(machines: Machines) -> None:
    """UPG-09, RES-03: these are for the login host, and for a portal's administrators; so is reconnecting."""
    first, second = machines.cluster("mx1", "mx2")
    keys = Keys.make()
    enrolment = adopt(first, keys, "admin", first.passphrase)
    cluster = str(enrolment.answer["cluster"])
    portal = Identity("PORTAL", "portal.example.com", release(), Kind.PORTAL, cluster)
    there = (first, portal, keys, enrolment.host_key)

    told = asked(*there, ["upgrade", "check", "--json"], "readonly")
    assert told["code"] == 0
    assert json.loads("".join(told["said"]))["release"] == release()
    assert asked(*there, ["upgrade", "guided", "9.9.9", "--yes"], "operator")["code"] == 1
    assert "administrator" in asked(*there, ["revert", "--yes"], "operator")["warned"][0]
    unknown = asked(*there, ["upgrade", "guided", "9.9.9", "--yes"], "administrator")
    assert "no release 9.9.9" in unknown["warned"][0]
    others = (
        ["clusterconfig", "list"],
        ["clusterconfig"],
        ["clusterconfig", "removemachine", "mx2.example.com"],
    )
    for words in (*others, ["userconfig"], ["commit"], ["tail"], ["resetconfig"], []):
        with pytest.raises(RequestFailed, match="only machine-mode commands"):
            asked(*there, words, "administrator")

    first.does("clusterconfig disconnect mx2.example.com")
    until(lambda: second.status["disconnected"], "mx2 is away")
    again = ["clusterconfig", "reconnect", "mx2.example.com"]
    assert asked(*there, again, "operator")["code"] == 1
    assert asked(*there, again, "administrator")["code"] == 0
    until(lambda: not second.status["disconnected"], "mx2 is taken back")

    second.stop()
    member = Identity("MX2", "mx2.example.com", release(), Kind.MACHINE, cluster)
    own = Keys.of_home(second.home / "keys")
    for words in (["upgrade", "status"], ["revert", "--yes"]):
        with pytest.raises(RequestFailed, match="only machine-mode commands"):
            asked(first, member, own, enrolment.host_key, words, "administrator")
    assert asked(first, member, own, enrolment.host_key, ["queue", "--json"], "guest")["code"] == 0
    assert asked(first, member, own, enrolment.host_key, ["queue", "list"], "guest")["code"] == 1
    assert asked(first, member, own, enrolment.host_key, ["queue", "hold", "all"], "readonly")["code"] == 1
