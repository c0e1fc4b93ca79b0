"""The portal as the links of one cluster see it (`links.peer.Holder`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from appliances.following import identity
from appliances.links.errors import Reason, Refused
from appliances.links.peer import Caller, Identity, Newcomer, PeerIdentity, Refusal, Wire
from appliances.machine.status import now
from appliances.machine.threads import in_thread
from clusters import models, replicas
from clusters.replication import Absorbed, Snapshot
from clusters.versions import Commit

Heard = Callable[[str, Wire], None]


class PortalHolder:
    """Satisfies `links.peer.Holder`: gives and takes commits, hears statuses, answers nothing else."""

    def __init__(self, replica_id: int, heard: Heard) -> None:
        self.replica_id = replica_id
        self._heard = heard

    async def identity(self) -> Identity:
        row = await in_thread(lambda: models.Replica.objects.get(pk=self.replica_id))
        return identity.identity(str(row.cluster_id), row.name)

    async def vector(self) -> dict[str, int]:
        return await in_thread(replicas.vector, self.replica_id)

    async def commits_after(self, vector: dict[str, int], limit: int) -> list[Wire]:
        return await in_thread(self._commits_after, vector, limit)

    def _commits_after(self, vector: dict[str, int], limit: int) -> list[Wire]:
        return [commit.to_wire() for commit in replicas.missing(self.replica_id, vector, limit)]

    async def snapshot(self) -> Wire:
        return await in_thread(lambda: replicas.snapshot(self.replica_id).to_wire())

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
