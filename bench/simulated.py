"""A process of simulated machines, for `bench.fleet`: real SSH services on loopback, replicas in memory.

Lines of JSON: it prints the machines as entries of a cluster; reads the cluster that they are members of;
prints `ready` when all of them answer. From then on each line that it reads names a commit, and is answered
with how many hold it, and when the last one took it.

A machine says hello, synchronises, pings and reports as a real one does, and relays what it takes. It calls
nobody. It has no mail: what it reports as enforced is what it wanted a moment ago. The links that it would
keep with other simulated machines are told in its reports, and not there.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from appliances.links.memory import MemoryHolder, wall
from appliances.links.neighbours import neighbours
from appliances.links.peer import Identity, Kind, PeerIdentity, Wire
from appliances.links.server import Service
from appliances.links.ssh import ServiceKind
from appliances.links.table import Table
from appliances.machine.release import release
from appliances.machine.reporting import link_status
from appliances.machine.status import LinkStatus, MachineStatus, PostfixStatus, now
from clusters import modes
from clusters.effective import effective
from clusters.installed import catalogue
from clusters.memory import MemoryStore
from clusters.replication import Absorbed, Replica, Snapshot
from clusters.state import ClusterState, Machine
from clusters.versions import Clock
from portal.demo.plan import NET, SSH_PORT

APPLY = 1.0
"""Seconds from new settings to those in force."""
ROUND = 60.0
"""Seconds between two reports of a machine on which nothing happens."""


@dataclass
class Cluster:
    """What all machines of this process share: the first state, who may call, and what was read of it."""

    ident: str
    name: str
    store: MemoryStore
    directory: dict[str, PeerIdentity]
    members: dict[str, str]
    taken: dict[str, list[float]] = field(default_factory=dict)
    _read: tuple[dict[str, int], ClusterState] | None = None

    @classmethod
    def of(cls, told: Wire) -> Cluster:
        """The cluster as the one who starts this process tells it."""
        store = MemoryStore()
        first = Replica(store, "", Clock(wall))
        first.absorb_snapshot(Snapshot.from_wire(told["snapshot"]))
        state = ClusterState.of(store.all_heads())
        machines = {m.user_key: PeerIdentity(m.serial, m.name) for m in state.machines.values()}
        portals = {p.user_key: PeerIdentity(p.serial, p.name, Kind.PORTAL) for p in state.portals.values()}
        return cls(
            told["cluster"],
            state.name,
            store,
            machines | portals,
            {m.serial: m.name for m in state.machines.values()},
        )

    def state(self, replica: Replica) -> ClusterState:
        """What that replica holds, read once for all that hold the same."""
        vector = replica.vector
        if self._read is None or self._read[0] != vector:
            self._read = (vector, ClusterState.of(replica.store.all_heads()))
        return self._read[1]


@dataclass
class Gateway(MemoryHolder):
    """A simulated machine."""

    cluster: Cluster | None = None
    address: str = ""
    wanted: str = ""
    enforced: str = ""
    since: int = 0
    told_links: tuple[LinkStatus, ...] = ()

    def entry(self) -> Machine:
        """The machine as its cluster knows it."""
        host, user = self.keys.host_public, self.keys.user_public
        return Machine(self.who.serial, self.who.host, "", self.address, SSH_PORT, None, host, user)

    async def join(self, cluster: Cluster) -> None:
        """Be a member of the cluster, and answer."""
        self.cluster = cluster
        self.who = Identity(
            self.who.serial, self.who.host, release(), cluster=cluster.ident, cluster_name=cluster.name
        )
        self.directory = dict(cluster.directory)
        self.replica = Replica(cluster.store.copy(), self.who.serial, Clock(wall))
        self.table = Table(self, self.who.serial, self.keys.user)
        self.wanted = self.enforced = self._fingerprint()
        self.started = self.since = now()
        self.told_links = tuple(self._told(cluster.members))
        self.service = Service(ServiceKind.SSH, self.address, SSH_PORT, self.keys, self, self.table)
        await self.service.start()

    def _told(self, members: dict[str, str]) -> Iterator[LinkStatus]:
        for serial in sorted(neighbours(members, self.who.serial)):
            if serial.startswith(SERIAL):
                yield LinkStatus(
                    serial=serial, name=members[serial], state="connected", service="SSH", since=self.started,
                    round_trip=0.5,
                )  # fmt: skip

    def _fingerprint(self) -> str:
        assert self.cluster is not None
        state = self.cluster.state(self.replica)
        return effective(state, modes.machine(self.who.serial), catalogue()).fingerprint

    async def absorb(self, commits: list[Wire]) -> Absorbed:
        result = await super().absorb(commits)
        if result.taken and self.cluster is not None:
            for ident in result.taken:
                self.cluster.taken.setdefault(str(ident), []).append(time.time())
            self.wanted = self._fingerprint()
            self.table.status_changed()
            asyncio.get_running_loop().call_later(APPLY, self._apply)
        return result

    def _apply(self) -> None:
        if self.enforced != self.wanted:
            self.enforced, self.since = self.wanted, now()
        self.table.status_changed()

    async def status(self) -> Wire:
        linked = tuple(link_status(view, "SSH") for view in self.table.views())
        return MachineStatus(
            serial=self.who.serial, name=self.who.host, release=self.who.release, cluster=self.who.cluster,
            cluster_name=self.who.cluster_name, vector=self.replica.vector, wanted=self.wanted,
            enforced=self.enforced, enforced_since=self.since, generation=1,
            postfix=PostfixStatus(running=True, since=self.started), links=(*linked, *self.told_links),
            started=self.started, as_of=now(),
        ).to_wire()  # fmt: skip


SERIAL = "SIM-"


def gateway(number: int) -> Gateway:
    """The simulated machine of that number."""
    who = Identity(f"{SERIAL}{number:04}", f"sim{number}.gw.bench.example", release())
    return Gateway(who, address=f"{NET}.{10 + number // 250}.{number % 250 + 1}")


def main(first: int, count: int) -> None:
    """Run so many machines; Django is set up."""
    asyncio.run(live(first, count))


async def live(first: int, count: int) -> None:
    """The life of this process, up to the end of its input."""
    gateways = [gateway(number) for number in range(first, first + count)]
    entries = [{"serial": g.who.serial, "value": g.entry().to_value()} for g in gateways]
    _say(entries)
    cluster = Cluster.of(json.loads(await asyncio.to_thread(sys.stdin.readline)))
    for each in gateways:
        await each.join(cluster)
    rounds = asyncio.ensure_future(_go_round(gateways))
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        times = cluster.taken.get(line.strip(), [])
        _say({"held": len(times), "last": max(times, default=0.0)})
    rounds.cancel()


async def _go_round(gateways: list[Gateway]) -> None:
    while True:
        for each in gateways:
            await asyncio.sleep(ROUND / len(gateways))
            each.table.status_changed()


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)
