"""A holder in memory: for tests, and for fleets of simulated machines that speak the real protocol."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from appliances.links.errors import Reason, Refused
from appliances.links.identity import Keys
from appliances.links.peer import Caller, Identity, Newcomer, PeerIdentity, Refusal, Wire
from clusters.memory import MemoryStore
from clusters.replication import Absorbed, Replica, Snapshot, Trail, parting
from clusters.versions import Change, Clock, Commit


def wall() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass
class MemoryHolder:
    """A replica that is gone with the process. `directory` maps the user keys of peers to who they are."""

    who: Identity
    keys: Keys = field(default_factory=Keys.make)
    directory: dict[str, PeerIdentity | Refusal] = field(default_factory=dict)
    statuses: dict[str, Wire] = field(default_factory=dict)
    newcomers: list[tuple[Wire, Newcomer]] = field(default_factory=list)
    own_status: Wire = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.replica = Replica(MemoryStore(), self.who.serial, Clock(wall))

    def commit(self, changes: Sequence[Change], user: str = "admin", comment: str = "") -> Commit:
        """A commit made on this machine."""
        return self.replica.commit(changes, user=user, host=self.who.host, comment=comment)

    async def identity(self) -> Identity:
        return self.who

    async def vector(self) -> dict[str, int]:
        return self.replica.vector

    async def commits_after(self, vector: dict[str, int], limit: int) -> list[Wire]:
        return [commit.to_wire() for commit in self.replica.missing(vector, limit)]

    async def snapshot(self) -> Wire:
        return self.replica.snapshot().to_wire()

    async def own_end(self) -> Trail:
        return self.replica.trail(self.replica.origin, 0)

    async def trail(self, said: Trail) -> Trail | None:
        here = self.replica.trail(said.origin)
        return None if here.end == said else here

    async def compare(self, theirs: Trail) -> bool:
        number = parting(self.replica.trail(theirs.origin), theirs)
        if number is not None:
            self.replica.resign(number, f"{self.who.serial}#{number}")
        return number is not None

    async def absorb(self, commits: list[Wire]) -> Absorbed:
        return self.replica.absorb([Commit.from_wire(commit) for commit in commits])

    async def absorb_snapshot(self, snapshot: Wire) -> Absorbed:
        return self.replica.absorb_snapshot(Snapshot.from_wire(snapshot))

    async def status(self) -> Wire:
        return {"vector": self.replica.vector, **self.own_status}

    async def heard_status(self, serial: str, status: Wire) -> None:
        self.statuses[serial] = status

    async def peer_by_key(self, public_key: str) -> PeerIdentity | Refusal:
        return self.directory.get(public_key, Refusal(Reason.UNKNOWN, "this key is not of this cluster"))

    async def run(self, request: Wire, caller: Caller) -> AsyncIterator[Wire]:
        """Answers `{"echo": [...]}` with each of its items."""
        items = request.get("echo")
        if not isinstance(items, list):
            raise Refused(Reason.NOT_ALLOWED, "only echo is known here")
        for item in items:
            yield {"item": item, "for": caller.user}

    async def enrol(self, request: Wire, newcomer: Newcomer) -> Wire:
        """Takes everybody who comes with a `user_key`."""
        if not isinstance(request.get("user_key"), str):
            raise Refused(Reason.INVALID, "the request has no user_key")
        self.newcomers.append((request, newcomer))
        self.directory[request["user_key"]] = PeerIdentity(
            newcomer.identity.serial, newcomer.identity.host, newcomer.identity.kind
        )
        return {"cluster": self.who.cluster, "snapshot": await self.snapshot()}
