"""The portal as the links of one cluster see it (`links.peer.Holder`).

After a commit a thousand links ask the same at the same moment: what they all lack is read once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from appliances.following import forks, identity
from appliances.following.merging import Shared
from appliances.links.errors import Reason, Refused
from appliances.links.peer import Caller, Identity, Newcomer, PeerIdentity, Refusal, Wire
from appliances.machine.status import now
from appliances.machine.threads import in_thread
from clusters import models, replicas
from clusters.replication import Absorbed, Snapshot, Trail
from clusters.versions import Commit

Heard = Callable[[str, Wire], None]


class PortalHolder:
    """Satisfies `links.peer.Holder`: gives and takes commits, hears statuses, answers nothing else."""

    def __init__(self, replica_id: int, heard: Heard) -> None:
        self.replica_id = replica_id
        self._heard = heard
        self._vector = Shared(lambda: in_thread(replicas.vector, replica_id))
        self._own_end = Shared(lambda: in_thread(replicas.own_end, replica_id))
        self._missing: dict[tuple[object, ...], Shared[list[Wire]]] = {}

    async def identity(self) -> Identity:
        return await in_thread(self._identity)

    def _identity(self) -> Identity:
        rows = models.Replica.objects.filter(pk=self.replica_id)
        ident, name = rows.values_list("cluster_id", "name").get()
        return identity.identity(str(ident), name)

    async def vector(self) -> dict[str, int]:
        return dict(await self._vector.get())

    async def commits_after(self, vector: dict[str, int], limit: int) -> list[Wire]:
        key = (limit, *sorted(vector.items()))
        if key not in self._missing:
            self._missing[key] = Shared(lambda: in_thread(self._commits_after, vector, limit))
        asked = self._missing[key]
        try:
            return await asked.get()
        finally:
            if asked.idle:
                self._missing.pop(key, None)

    def _commits_after(self, vector: dict[str, int], limit: int) -> list[Wire]:
        return [commit.to_wire() for commit in replicas.missing(self.replica_id, vector, limit)]

    async def snapshot(self) -> Wire:
        return await in_thread(lambda: replicas.snapshot(self.replica_id).to_wire())

    async def own_end(self) -> Trail:
        return await self._own_end.get()

    async def trail(self, said: Trail) -> Trail | None:
        return await in_thread(replicas.trail, self.replica_id, said)

    async def compare(self, theirs: Trail) -> bool:
        return await in_thread(forks.settle, self.replica_id, theirs)

    async def absorb(self, commits: list[Wire]) -> Absorbed:
        return await in_thread(self._absorb, commits)

    def _absorb(self, commits: list[Wire]) -> Absorbed:
        return replicas.absorb(self.replica_id, [Commit.from_wire(commit) for commit in commits])

    async def absorb_snapshot(self, snapshot: Wire) -> Absorbed:
        return await in_thread(
            lambda: replicas.absorb_snapshot(self.replica_id, Snapshot.from_wire(snapshot))
        )

    async def status(self) -> Wire:
        here = await self.identity()
        return {
            "serial": here.serial,
            "name": here.host,
            "release": here.release,
            "cluster": here.cluster,
            "cluster_name": here.cluster_name,
            "vector": await self.vector(),
            "as_of": now(),
        }

    async def heard_status(self, serial: str, status: Wire) -> None:
        self._heard(serial, status)

    async def peer_by_key(self, public_key: str) -> PeerIdentity | Refusal:
        return Refusal(Reason.NOT_ALLOWED, "the portal dials; it is never dialled")

    async def run(self, request: Wire, caller: Caller) -> AsyncIterator[Wire]:
        raise Refused(Reason.NOT_ALLOWED, "the portal answers no requests of machines")
        yield {}  # makes this an iterator, as the protocol wants

    async def enrol(self, request: Wire, newcomer: Newcomer) -> Wire:
        raise Refused(Reason.NOT_ALLOWED, "a machine joins at a member, not at the portal")
