"""How links stand, in the words that people see: a state, since when, why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from appliances.links.peer import Kind


class Wanted(StrEnum):
    """Whether a member is to be linked; DISCONNECTED is a person's decision (UPG-02)."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Member:
    """An entry of the cluster, as the table of links needs it.

    Without `address` or `port` the peer cannot be dialled; it dials us, as the portal does.
    """

    serial: str
    name: str
    address: str = ""
    port: int = 0
    host_key: str = ""
    wanted: Wanted = Wanted.CONNECTED
    kind: Kind = Kind.MACHINE

    @property
    def dialable(self) -> bool:
        """Whether we can call it."""
        return bool(self.address and self.port and self.host_key)


class State(StrEnum):
    """How a peer stands, seen from here.

    CONNECTED     a live link
    SUSPECT       no link from here, but another peer reaches it, or it is too early to say
    DOWN          nobody who can be asked reaches it: one log line, one alert, repeated ever more rarely
    DISCONNECTED  on purpose, or because releases differ
    REMOVED       one of the two is no member any more
    UNKNOWN       no news yet, or not among those with which this end keeps links
    """

    CONNECTED = "connected"
    SUSPECT = "suspect"
    DOWN = "down"
    DISCONNECTED = "disconnected"
    REMOVED = "removed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PeerView:
    """A line of the table of links. `since` and `heard_at` in seconds since 1970 UTC, `round_trip` in s.

    `trouble` says why a connected peer does not take what it lacks. `attempts` have failed in a row.
    """

    serial: str
    name: str
    kind: Kind
    state: State
    since: float
    reason: str
    remedy: str
    heard_at: float | None
    round_trip: float | None
    attempts: int
    address: str
    port: int
    dialled_by: str
    trouble: str


class EventKind(StrEnum):
    """What the table reports as it happens."""

    CHANGED = "changed"
    """A state, or its reason, is another one."""
    DOWN = "down"
    """Alert: nobody reaches the peer (SYN-01); repeated with growing intervals (SYN-16)."""
    UP = "up"
    """The end of DOWN: something was heard of the peer. Who is no longer watched, or wanted, is not up."""
    REFUSED = "refused"
    """Alert: the peer refuses us, for instance because we were removed or run another release (SYN-15)."""
    HOST_KEY = "host-key"
    """Alert: the peer shows another host key than the pinned one."""


ALERTS = frozenset({EventKind.DOWN, EventKind.REFUSED, EventKind.HOST_KEY})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has just happened with a peer; `repeated` counts equal alerts before this one.

    `commit`: with the state REMOVED, the commit by which this end was removed, as the peer has it.
    """

    kind: EventKind
    serial: str
    name: str
    state: State
    text: str
    at: float
    repeated: int = 0
    commit: str = ""
