"""What links ask of the one who holds a replica, and of the one who knows the people who log in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from appliances.links.errors import Reason
from clusters.replication import Absorbed, Trail

Wire = dict[str, Any]
"""JSON values as they travel: a commit, a snapshot, a status, a request."""


class Kind(StrEnum):
    """What holds a replica."""

    MACHINE = "machine"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who one end of a link is. `cluster` is its id (UUID), empty while standalone."""

    serial: str
    host: str
    release: str
    kind: Kind = Kind.MACHINE
    cluster: str = ""
    cluster_name: str = ""


class Standing(StrEnum):
    """What a key may do: everything of a member, or only ask to become one."""

    MEMBER = "member"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Whom a key belongs to. PENDING is a machine that waits in the list of `prepjoin` (JN-12)."""

    serial: str
    host: str
    kind: Kind = Kind.MACHINE
    standing: Standing = Standing.MEMBER


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a key is not accepted; `text` is shown at the other end. `commit` is what removed its owner."""

    reason: Reason
    text: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for something: the peer at the other end, and the user there in whose name it asks."""

    peer: PeerIdentity
    user: str


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who asks to be made a member: proven by an admin's passphrase (`user`) or a key (`public_key`)."""

    identity: Identity
    user: str = ""
    public_key: str = ""
    address: str = ""


class Holder(Protocol):
    """One holder of a replica, as its links see it: a machine's daemon, or the portal for one cluster."""

    async def identity(self) -> Identity:
        """Who this end is now."""
        ...

    async def vector(self) -> dict[str, int]:
        """What this replica holds."""
        ...

    async def commits_after(self, vector: dict[str, int], limit: int) -> list[Wire]:
        """At most `limit` commits that a peer with that vector lacks, in an order that it can take.

        Raises clusters.replication.SnapshotNeeded when some are not kept here any more.
        """
        ...

    async def snapshot(self) -> Wire:
        """The whole state, for a peer that is too far behind."""
        ...

    async def own_end(self) -> Trail:
        """The last commit that this holder has made itself."""
        ...

    async def trail(self, said: Trail) -> Trail | None:
        """The links of that origin's commits here; None where the last one is the one that was said."""
        ...

    async def compare(self, theirs: Trail) -> bool:
        """A peer knows these commits as ours; whether other ones are here, which it will never take.

        A holder that can goes on under another origin then.
        """
        ...

    async def absorb(self, commits: list[Wire]) -> Absorbed:
        """Takes a peer's commits, all or none. Raises clusters.versions.MalformedCommit."""
        ...

    async def absorb_snapshot(self, snapshot: Wire) -> Absorbed:
        """Joins a peer's state with this one. Raises clusters.versions.MalformedCommit."""
        ...

    async def status(self) -> Wire:
        """What this holder says of itself: fingerprint, generation, error, links, as-of ..."""
        ...

    async def heard_status(self, serial: str, status: Wire) -> None:
        """A peer's own status has come over a link."""
        ...

    async def peer_by_key(self, public_key: str) -> PeerIdentity | Refusal:
        """Whose user key that is (`ssh-ed25519 AAAA...`, no comment), or why it is not accepted now."""
        ...

    def run(self, request: Wire, caller: Caller) -> AsyncIterator[Wire]:
        """Answers a peer's request piece by piece. Raises Refused for what it may not ask."""
        ...

    async def enrol(self, request: Wire, newcomer: Newcomer) -> Wire:
        """Makes a newcomer a member (machine joining, portal adopting) and answers what it needs.

        Raises Refused, changing nothing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Login:
    """A person who has logged in. Only an administrator may enrol machines with their passphrase."""

    user: str
    role: str
    administrator: bool = False


class Logins(Protocol):
    """Who may log in; given by the machine. Both take equally long for users that do not exist."""

    async def by_passphrase(self, user: str, passphrase: str) -> Login | None:
        """The login of that user with that passphrase."""
        ...

    async def by_key(self, user: str, public_key: str) -> Login | None:
        """The login of that user with that key (`ssh-ed25519 AAAA...`, no comment)."""
        ...


class NoLogins:
    """A service on which nobody logs in."""

    async def by_passphrase(self, user: str, passphrase: str) -> Login | None:
        return None

    async def by_key(self, user: str, public_key: str) -> Login | None:
        return None
