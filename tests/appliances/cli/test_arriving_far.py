"""`commit --wait` in a cluster of 21, where each machine has links with eight others only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from appliances.cli import arriving
from appliances.links.errors import LinkLost, Unreachable
from appliances.links.neighbours import neighbours
from appliances.links.peer import Caller, PeerIdentity, Wire
from appliances.machine import requests, routes
from appliances.machine.status import LinkStatus, MachineStatus
from clusters import membership, replicas
from clusters.commits import last
from clusters.state import Machine
from tests.appliances.cli.hosts import KEY, Person, QuietHost, clustered_host

SERIALS = [f"MX{number}" for number in range(1, 22)]


@dataclass
class Member:
    """A machine as far as requests pass it: its links, what it has heard, what it says of itself.

    One that is stopped holds its links and answers nothing.
    """

    serial: str
    mesh: Mesh
    stopped: bool = False

    def __post_init__(self) -> None:
        self.view: Any = SimpleNamespace(state=SimpleNamespace(machines=self.mesh.members))
        self.table: Any = SimpleNamespace(link=self._link, reach=self._reach)
        self.heard_statuses: Any = SimpleNamespace(all=self.heard)

    @property
    def near(self) -> frozenset[str]:
        return neighbours(SERIALS, self.serial)

    def heard(self) -> Mapping[str, MachineStatus]:
        return {serial: self.mesh.members[serial].said() for serial in self.near}

    def said(self) -> MachineStatus:
        """What it told last: before the commit, if it was stopped then."""
        return MachineStatus(
            serial=self.serial,
            vector=self.mesh.before if self.stopped else self.mesh.vector,
            wanted="f",
            enforced="f",
            links=tuple(LinkStatus(serial=serial, state="connected") for serial in sorted(self.near)),
            as_of=1000,
        )

    async def status(self) -> MachineStatus:
        return self.said()

    def _link(self, serial: str) -> Link | None:
        return Link(self, self.mesh.members[serial]) if serial in self.near else None

    async def _reach(self, serial: str) -> Link:
        raise Unreachable("a firewall lets only neighbours through")


@dataclass
class Link:
    """From one member to another. That nothing comes back of who is stopped is known here at once."""

    here: Member
    there: Member

    async def run(self, request: Wire, user: str) -> AsyncIterator[Wire]:
        self.here.mesh.asked.append((self.here.serial, self.there.serial))
        if self.there.stopped:
            raise LinkLost("nothing came back")
        who = Caller(PeerIdentity(self.here.serial, self.here.serial), user)
        for piece in await requests.answer(self.there, request, who):  # type: ignore[arg-type]  # as far as needed
            yield piece


@dataclass
class Mesh(QuietHost):
    """MX1 in a cluster of 21; the requests of its command line pass real relays between the others."""

    members: dict[str, Member] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    vector: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by = {"user": "admin", "host": self.name}
        for number, serial in list(enumerate(SERIALS, 1))[2:]:
            name = f"{serial.lower()}.example.com"
            one = Machine(serial, name, "", f"127.0.0.{number}", 22, None, KEY, KEY)
            membership.enrol_machine(self.replica_id, machine=one, settings={}, **by)
        self.before = replicas.vector(self.replica_id)
        self.members.update({serial: Member(serial, self) for serial in SERIALS})

    def heard(self) -> Mapping[str, MachineStatus]:
        self._commit_is_everywhere()
        return self.members["MX1"].heard()

    def links(self) -> Sequence[LinkStatus]:
        near = self.members["MX1"].near
        return [
            LinkStatus(serial=serial, state="connected" if serial in near else "unknown", via="mx")
            for serial in SERIALS[1:]
        ]

    def statuses_through(self, serials: Collection[str], seconds: float) -> Mapping[str, MachineStatus]:
        self._commit_is_everywhere()
        return asyncio.run(routes.statuses(self.members["MX1"], serials, seconds))  # type: ignore[arg-type]  # as above

    def _commit_is_everywhere(self) -> None:
        # Read in the thread of the command: on the event loop nothing reads the database.
        self.vector = replicas.vector(self.replica_id)

    def missing(self, found: list[arriving.Standing]) -> dict[str, str]:
        """Who has not enforced the commit, and what is said of them."""
        return {each.serial: each.arrival for each in found if each.arrival != "enforced"}


@pytest.fixture
def mesh(db: None) -> Mesh:
    return Mesh(clustered_host().replica_id)


@pytest.fixture
def script(mesh: Mesh) -> Person:
    person = Person.at(mesh, interactive=False)
    assert person.types("clustermode cluster; unsubscribe add a@example.com --empty") == 0
    return person


NEAR = neighbours(SERIALS, "MX1")
FAR = [serial for serial in SERIALS[1:] if serial not in NEAR]


def test_commit_wait_waits_for_all_of_21_members(mesh: Mesh, script: Person) -> None:
    """TRL-32: twelve of them have no link with this machine, and are up."""
    assert script.types("commit -m why --wait 60 --json") == 0

    found = json.loads(script.said)["machines"]
    assert {each["serial"]: each["arrival"] for each in found} == dict.fromkeys(SERIALS, "enforced")
    assert [each["serial"] for each in found if not each["directly"]] == FAR
    assert len(FAR) == 12
    assert {there for here, there in mesh.asked if here == "MX1"} <= NEAR


@pytest.mark.parametrize(("stopped", "said"), [(min(NEAR), "not yet"), (FAR[0], "cannot be heard")])
def test_commit_wait_fails_for_the_one_of_21_that_is_stopped(
    mesh: Mesh, script: Person, stopped: str, said: str
) -> None:
    """TRL-32: with and without a link."""
    mesh.members[stopped].stopped = True

    assert script.types("commit -m why --wait 1") == 1

    assert "In force on 20 of 21" in script.said
    assert f"  {stopped.lower()}.example.com: {said}" in script.said


def test_only_who_is_stopped_is_missing_whoever_it_is(mesh: Mesh, script: Person) -> None:
    """TRL-32: also where others would be asked over the one that hangs."""
    assert script.types("commit -m why") == 0
    made = last(mesh.replica_id)
    for stopped in SERIALS[1:]:
        mesh.members[stopped].stopped = True
        answers = mesh.statuses_through(FAR, 60)
        found = arriving.standings(script.session, made, answers)
        assert mesh.missing(found) == {stopped: "waiting" if stopped in NEAR else "unheard"}
        mesh.members[stopped].stopped = False
