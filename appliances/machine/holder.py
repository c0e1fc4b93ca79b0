"""This machine as its links see it (`links.peer.Holder`): the replica, the status, who may come in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

from django.db import transaction

from appliances.links.errors import Reason, Refused
from appliances.links.peer import Caller, Identity, Newcomer, PeerIdentity, Refusal, Wire
from appliances.machine import killpoints, peers
from appliances.machine.status import MachineStatus
from appliances.machine.threads import in_thread
from appliances.machine.view import View
from clusters import replicas
from clusters.replication import Absorbed, ForkedHistory, Snapshot, Trail, parting
from clusters.versions import Commit, CommitId

logger = logging.getLogger(__name__)


class Host(Protocol):
    """The daemon, as far as its holder needs it."""

    joining: asyncio.Lock

    @property
    def view(self) -> View: ...

    @property
    def release(self) -> str: ...

    async def status(self) -> MachineStatus: ...

    def heard(self, serial: str, status: Wire) -> None: ...

    def holds_back(self, ahead: Mapping[CommitId, int]) -> None: ...

    async def catch_up(self) -> None: ...


Findable = Callable[[View, Wire], Awaitable[None]]
Enrol = Callable[[View, Wire, Newcomer], Wire]
Answer = Callable[[Wire, Caller], Awaitable[list[Wire]]]


class MachineHolder:
    """Satisfies `links.peer.Holder`. `enrol` takes a newcomer in, in a thread; `answer` runs requests.

    `findable` refuses a newcomer whom the cluster would not find.
    """

    def __init__(self, host: Host, findable: Findable, enrol: Enrol, answer: Answer) -> None:
        self._host = host
        self._require_findable = findable
        self._enrol = enrol
        self._answer = answer
        self._named = False

    async def identity(self) -> Identity:
        view = self._host.view
        cluster = "" if view.state.standalone else view.cluster_id
        return Identity(
            view.serial, view.name, self._host.release, cluster=cluster, cluster_name=view.state.name
        )

    async def vector(self) -> dict[str, int]:
        return await in_thread(replicas.vector, self._host.view.replica_id)

    async def commits_after(self, vector: dict[str, int], limit: int) -> list[Wire]:
        return await in_thread(self._commits_after, vector, limit)

    def _commits_after(self, vector: dict[str, int], limit: int) -> list[Wire]:
        return [c.to_wire() for c in replicas.missing(self._host.view.replica_id, vector, limit)]

    async def snapshot(self) -> Wire:
        return await in_thread(lambda: replicas.snapshot(self._host.view.replica_id).to_wire())

    async def own_end(self) -> Trail:
        return await in_thread(replicas.own_end, self._host.view.replica_id)

    async def trail(self, said: Trail) -> Trail | None:
        return await in_thread(replicas.trail, self._host.view.replica_id, said)

    async def compare(self, theirs: Trail) -> bool:
        return await in_thread(self._compare, theirs)

    def _compare(self, theirs: Trail) -> bool:
        # What this machine runs goes by the numbers of its own commits too: it cannot take them back.
        try:
            if parting(replicas.own_trail(self._host.view.replica_id), theirs) is None:
                return False
        except ForkedHistory as error:
            logger.debug("%s", error)
        if not self._named:  # each link asks, and asks again each minute
            logger.error(
                "this machine came back from a backup and committed before it had heard of its later commits:"
                " its peers do not take what it commits; let it leave the cluster and join again"
            )
        self._named = True
        return True

    async def absorb(self, commits: list[Wire]) -> Absorbed:
        return await in_thread(self._absorb, commits)

    def _absorb(self, commits: list[Wire]) -> Absorbed:
        read = [Commit.from_wire(commit) for commit in commits]
        with transaction.atomic():
            result = replicas.absorb(self._host.view.replica_id, read)
            killpoints.passed("absorbing")
        killpoints.passed("absorbed")
        self._host.holds_back(result.held)
        return result

    async def absorb_snapshot(self, snapshot: Wire) -> Absorbed:
        return await in_thread(
            lambda: replicas.absorb_snapshot(self._host.view.replica_id, Snapshot.from_wire(snapshot))
        )

    async def status(self) -> Wire:
        return (await self._host.status()).told.to_wire()

    async def heard_status(self, serial: str, status: Wire) -> None:
        self._host.heard(serial, status)

    async def peer_by_key(self, public_key: str) -> PeerIdentity | Refusal:
        # The member that takes this machine in calls before the join has ended here.
        async with self._host.joining:
            pass
        return await in_thread(peers.peer_by_key, self._host.view, public_key)

    async def run(self, request: Wire, caller: Caller) -> AsyncIterator[Wire]:
        for piece in await self._answer(request, caller):
            yield piece

    async def enrol(self, request: Wire, newcomer: Newcomer) -> Wire:
        if newcomer.identity.release != self._host.release:
            raise Refused(
                Reason.OTHER_RELEASE,
                f"this cluster runs release {self._host.release}, the newcomer {newcomer.identity.release}",
            )
        await self._require_findable(self._host.view, request)
        answer = await in_thread(self._enrol, self._host.view, request, newcomer)
        # It calls with its key as soon as it has the answer, and is known then.
        await self._host.catch_up()
        return answer
