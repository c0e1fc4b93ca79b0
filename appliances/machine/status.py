"""What a machine says of itself, and keeps of what others say: the one document that pages and lines show.

Times are milliseconds since 1970 UTC. `enforced` is the fingerprint of the settings that Postfix really runs
with; `wanted` the one of the settings in force in the cluster. They differ while new settings are tried out,
and when Postfix refused them: then `error` says why (design, idea 5).
"""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliances.links.neighbours import CEILING
from appliances.links.states import State


class _Part(BaseModel):
    # Another release may say more; what it says beyond this is left alone.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Trouble(_Part):
    """Something that goes wrong now: the first line is for people, `detail` holds Postfix's own words."""

    text: str
    detail: str = ""
    since: int


class PostfixStatus(_Part):
    """Postfix itself. `restarts` counts how often the daemon had to start it again."""

    running: bool = False
    since: int | None = None
    restarts: int = 0


class Queue(_Part):
    """How many messages wait, by queue."""

    incoming: int = 0
    active: int = 0
    deferred: int = 0
    hold: int = 0

    @property
    def total(self) -> int:
        return self.incoming + self.active + self.deferred + self.hold


class Suspended(_Part):
    """What a person has suspended on this machine: listeners by name, deliveries."""

    listeners: tuple[str, ...] = ()
    deliveries: bool = False


class LinkStatus(_Part):
    """How this machine sees one other member or portal. `round_trip` is in milliseconds.

    `service` is what carries a live link with a machine: SSH or CCS. `via`: without a link, the members over
    which requests go there, separated by spaces.
    """

    serial: str
    name: str = ""
    kind: str = "machine"
    state: str = "unknown"
    service: str = ""
    since: int | None = None
    reason: str = ""
    remedy: str = ""
    round_trip: float | None = None
    via: str = ""


class TrafficCounts(_Part):
    """What became of mail here, counted from nothing at `since`: the start of the program, or a reset.

    Hand-ins are accepted or rejected; each recipient of a message is delivered, deferred (each time anew),
    bounced or expired.
    """

    since: int = 0
    accepted: int = 0
    rejected: int = 0
    delivered: int = 0
    deferred: int = 0
    bounced: int = 0
    expired: int = 0


class LoginCounts(_Part):
    """Who tries to log in, over SSH and CCS; counts since the start of the program.

    `half_open`: connections without a login now. `turned_away`: there was no room. `refused`: passphrases
    that were not even looked at. `guessed`: whose passphrases are refused now.
    """

    half_open: int = 0
    turned_away: int = 0
    wrong_passphrases: int = 0
    refused: int = 0
    guessed: Trouble | None = None


class OpenAlert(_Part):
    """An incident with a peer that lasts (SYN-01, SYN-15); `count` tells how often it was repeated."""

    kind: str
    severity: str = ""
    serial: str = ""
    name: str = ""
    text: str = ""
    since: int = 0
    count: int = 1


class MachineStatus(_Part):
    """One machine at one moment (`as_of`). `disconnected`: on purpose, as it knows itself.

    `returned`: it went back to the interfaces and the name of before, because a change had cut it off.
    """

    serial: str
    name: str = ""
    release: str = ""
    cluster: str = ""
    cluster_name: str = ""
    vector: dict[str, int] = Field(default_factory=dict)
    wanted: str = ""
    enforced: str = ""
    enforced_since: int | None = None
    generation: int | None = None
    error: Trouble | None = None
    notes: tuple[str, ...] = ()
    returned: Trouble | None = None
    postfix: PostfixStatus = PostfixStatus()
    queue: Queue = Queue()
    suspended: Suspended = Suspended()
    disconnected: bool = False
    traffic: TrafficCounts = TrafficCounts()
    logins: LoginCounts = LoginCounts()
    links: tuple[LinkStatus, ...] = ()
    alerts: tuple[OpenAlert, ...] = ()
    started: int = 0
    as_of: int = 0

    @property
    def settled(self) -> bool:
        """Whether mail sees the settings that hold in the cluster."""
        return bool(self.wanted) and self.wanted == self.enforced

    @property
    def told(self) -> MachineStatus:
        """What peers hear: of a large cluster not those of whom nothing is known here.

        Above twenty members a machine keeps links with a few; reports must not grow with all the others.
        """
        if len(self.links) <= CEILING:
            return self
        known = tuple(link for link in self.links if link.state != State.UNKNOWN)
        return self.model_copy(update={"links": known})

    def to_wire(self) -> dict[str, Any]:
        """The status as JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def from_wire(cls, raw: object) -> MachineStatus | None:
        """A status that a peer sent; None if it is none."""
        try:
            return cls.model_validate(raw)
        except ValidationError:
            return None


def now() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
