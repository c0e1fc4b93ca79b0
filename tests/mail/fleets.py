"""A cluster of real gateways: commits at any mode, replicas that sync, settings that are applied."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from appliances.features.registry import CATALOGUE
from appliances.features.rendering import Rendered
from appliances.postfix.queue import Queue
from clusters import state as cluster_state
from clusters.catalogue import Document
from clusters.effective import Effective, effective
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER, Mode, group, machine
from clusters.replication import Replica
from clusters.state import ClusterState
from clusters.versions import Address, Change, Clock, Kind, settings_at
from tests.mail.gateways import SINK_PORT, SMTP_PORT, Gateway, Loop

MAIN, PARIS = group("main"), group("paris")


class Member:
    """One machine: a replica of the cluster's settings and the gateway that they are applied to."""

    def __init__(self, loop: Loop, name: str, group_id: str) -> None:
        self.name = name
        self.group_id = group_id
        self.replica = Replica(MemoryStore(), name, Clock(lambda: time.time_ns() // 1_000_000))
        self.gateway = Gateway(loop, name).start()
        self.enforced = ""
        self.rendered: Rendered | None = None

    @property
    def mode(self) -> Mode:
        return machine(self.name)

    @property
    def state(self) -> ClusterState:
        return ClusterState.of(self.replica.store.all_heads())

    @property
    def effective(self) -> Effective:
        return effective(self.state, self.mode, CATALOGUE)

    def forget_queue(self) -> None:
        """Delete what an earlier test left waiting."""
        queue = Queue(self.gateway.instance)
        if self.gateway.instance.running:
            queue.delete(message.queue_id for message in queue.each())

    def enforce(self, trial: bool = True) -> None:
        """Apply the effective settings, if they are others than before; first in a trial instance."""
        wanted = self.effective
        if wanted.fingerprint != self.enforced:
            self.rendered = self.gateway.apply(wanted.documents, trial=trial)
            self.enforced = wanted.fingerprint


class Fleet:
    """Two machines in Main_Group, one in Paris; with a listener, HAT, RAT and a route at the cluster."""

    def __init__(self, loop: Loop) -> None:
        self.london, self.leeds = Member(loop, "london", "main"), Member(loop, "leeds", "main")
        self.paris = Member(loop, "paris", "paris")
        self.members = (self.london, self.leeds, self.paris)
        self._threads = ThreadPoolExecutor(len(self.members))
        self._found()

    def _found(self) -> None:
        entries: list[tuple[Address, Document]] = [
            (Address(Kind.CLUSTER), {"name": "Europe"}),
            (Address(Kind.GROUP, "main"), cluster_state.Group("main", "Main_Group", True).to_value()),
            (Address(Kind.GROUP, "paris"), cluster_state.Group("paris", "Paris").to_value()),
        ]
        for member in self.members:
            record = cluster_state.Machine(member.name, member.gateway.hostname, member.group_id)
            entries.append((Address(Kind.MACHINE, member.name), record.to_value()))
        self._commit([Change(address, value) for address, value in entries])

    def reset(self, sink: str) -> None:
        """Nothing but the base settings, with all mail going to that sink and none waiting."""
        for member in self.members:
            member.forget_queue()
        state = self.london.state
        wanted = self._base(sink)
        extra = [
            (mode, feature)
            for mode, features in state.settings.items()
            for feature in features
            if (mode, feature) not in wanted
        ]
        self.change(
            *((mode, feature, document) for (mode, feature), document in wanted.items()),
            *((mode, feature, None) for mode, feature in extra),
            trial=False,
        )

    def _base(self, sink: str) -> dict[tuple[Mode, str], Document]:
        base: dict[tuple[Mode, str], Document] = {
            (CLUSTER, "listenerconfig"): {"listeners": [listener()]},
            (CLUSTER, "smtproutes"): routes(ALL=sink),
            (CLUSTER, "aliasconfig"): {"postmaster": "root@a.test"},
        }
        for member in self.members:
            gateway = member.gateway
            interface = {
                "name": "Data",
                "ip": gateway.ip,
                "hostname": gateway.hostname,
                "ssh": {"port": 2022},
            }
            base[member.mode, "interfaceconfig"] = {"interfaces": [interface]}
            base[member.mode, "sethostname"] = {"hostname": gateway.hostname}
        return base

    def commit(
        self, mode: Mode, feature: str, document: Document | None, *, on: Member | None = None
    ) -> None:
        """Commit a document (None: absent) on a member; all sync and apply."""
        self.change((mode, feature, document), on=on)

    def change(
        self, *changes: tuple[Mode, str, Document | None], on: Member | None = None, trial: bool = True
    ) -> None:
        """Several changes in one commit."""
        member = on or self.london
        made = []
        for mode, feature, document in changes:
            address = settings_at(mode, feature)
            heads = member.replica.store.heads([address]).get(address)
            value = None if document is None else CATALOGUE.check(feature, mode, document)
            if (heads[0].value if heads else None) != value:
                made.append(Change(address, value, heads[0].id if heads else None))
        if made:
            self._commit(made, member)
        self.enforce(trial)

    def _commit(self, changes: Sequence[Change], member: Member | None = None) -> None:
        author = member or self.london
        commit = author.replica.commit(changes, user="admin", host=author.name)
        for other in self.members:
            other.replica.absorb([commit])

    def enforce(self, trial: bool = True) -> None:
        """Every machine applies what holds on it."""
        for _done in self._threads.map(lambda member: member.enforce(trial), self.members):
            pass

    def stop(self) -> None:
        for member in self.members:
            member.gateway.stop()
        self._threads.shutdown()


def listener(**changes: Any) -> Document:
    """The listener of the base settings: accepts a.test and b.test, relays for 127.0.0.5."""
    base: Document = {
        "name": "Incoming",
        "interface": "Data",
        "port": SMTP_PORT,
        "hat": {
            "sender_groups": [
                {"name": "RELAYLIST", "hosts": ["127.0.0.5"], "policy": "RELAYED"},
                {"name": "ALL", "hosts": ["ALL"], "policy": "ACCEPTED"},
            ],
            "policies": [
                {"name": "RELAYED", "behaviour": "relay"},
                {"name": "ACCEPTED", "behaviour": "accept"},
            ],
        },
        "rat": {"entries": [{"recipient": "a.test"}, {"recipient": "b.test"}]},
    }
    return {**copy.deepcopy(base), **changes}


def listeners(*several: Document) -> Document:
    return {"listeners": list(several)}


def routes(**hosts: str) -> Document:
    """`routes(ALL=ip)`; a double underscore in a name is a dot."""
    table = [
        {"domain": domain.replace("__", "."), "hosts": [{"host": host, "port": SINK_PORT}]}
        for domain, host in hosts.items()
    ]
    return {"routes": table}
