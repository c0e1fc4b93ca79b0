"""What the command line asks of the machine on which a person has logged in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from appliances.links.client import Probe
from appliances.machine.alerts import Alerts
from appliances.machine.engine import Engine
from appliances.machine.saved import SavedFiles
from appliances.machine.sessions import Sessions
from appliances.machine.status import LinkStatus, MachineStatus
from appliances.machine.suspension import Suspension
from appliances.machine.upgrading import Upgrading
from clusters.membership import JoinPreview
from clusters.replication import Snapshot
from clusters.state import Machine

Consent = Callable[[JoinPreview], Collection[str] | None]
"""The features whose present values are kept as overrides of this machine, or None to give up."""


@dataclass(frozen=True)
class JoinRequest:
    """What a person said to join a cluster (JN-03). `group` empty: the initial one (T9).

    `prepared`: with this machine's own key, which a member was told of before (JN-15, JN-16), instead of a
    passphrase; `ccs`: the port is a CCS port (JN-11).
    """

    address: str
    port: int = 22
    user: str = "admin"
    passphrase: str = ""
    group: str = ""
    prepared: bool = False
    ccs: bool = False


class LoginHost(Protocol):
    """The running machine. Every call may block and comes from a thread of its own."""

    @property
    def replica_id(self) -> int:
        """The row of this machine's replica."""
        ...

    @property
    def serial(self) -> str: ...

    @property
    def name(self) -> str:
        """The main host name."""
        ...

    @property
    def release(self) -> str: ...

    def status(self) -> MachineStatus:
        """This machine now."""
        ...

    def heard(self) -> Mapping[str, MachineStatus]:
        """The last status of each other member, by serial number."""
        ...

    def statuses_through(self, serials: Collection[str], seconds: float) -> Mapping[str, MachineStatus]:
        """What members say of themselves now, asked over others; who is silent is left out."""
        ...

    def links(self) -> Sequence[LinkStatus]:
        """The table of links."""
        ...

    def own_keys(self) -> tuple[str, str]:
        """Public host key and public user key."""
        ...

    def as_machine(self, *, by_address: bool) -> Machine:
        """This machine as the entry of a cluster: where others reach it, and its keys."""
        ...

    def join(self, request: JoinRequest, accept_key: Callable[[str], bool], consent: Consent) -> str:
        """Makes this machine a member and returns the cluster's name.

        `accept_key` is asked with the fingerprint of the member's host key, then `consent` with what the
        join would do. Raises LinkError, CommandError for a person who does not consent, and the refusals of
        clusters.membership; nothing has changed here then.
        """
        ...

    def probe(self, address: str, port: int) -> Probe:
        """What answers there, seen from this machine, without logging in; raises LinkError."""
        ...

    @property
    def engine(self) -> Engine:
        """Postfix, its queue and its log."""
        ...

    @property
    def alerts(self) -> Alerts:
        """The incidents of this machine with others."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Who is and was logged in here."""
        ...

    @property
    def saved(self) -> SavedFiles:
        """The configuration files that are kept here."""
        ...

    @property
    def upgrading(self) -> Upgrading:
        """The releases here, a download and a guided run under way."""
        ...

    def fetch(self, release: str, *, wait: bool) -> None:
        """Downloads a release, in the background unless `wait`; raises ReleaseError (UPG-07)."""
        ...

    def restart_with(self, release: str, disconnecting: Sequence[str], user: str) -> None:
        """Disconnects these members and restarts with an installed release; raises ReleaseError."""
        ...

    def guide(self, release: str, user: str) -> None:
        """Begins a guided upgrade in the background; raises ReleaseError, CommandError."""
        ...

    def release_of(self, serial: str) -> str:
        """The release that another member runs now, asked afresh; raises LinkError (UPG-08)."""
        ...

    def unreached(self, serials: Sequence[str], seconds: float) -> Mapping[str, str]:
        """Waits for links with members that were taken back: why there is none yet, by serial number.

        For this machine itself: with nobody else. Members with which it keeps no link are left out.
        """
        ...

    def suspend(self, change: Callable[[Suspension], Suspension]) -> None:
        """Suspends and resumes listeners and deliveries, until mail sees it; raises CommandError."""
        ...

    def digest_of(self, serial: str) -> str:
        """The digest of all entries that a member holds, this one or another; raises LinkError (SYN-10)."""
        ...

    def entries_of(self, serial: str) -> Snapshot:
        """All that a member holds; raises LinkError."""
        ...

    def drafting(self, serial: str) -> Sequence[str]:
        """Who has uncommitted changes on a member, this one or another; raises LinkError."""
        ...

    def follow(self) -> None:
        """Waits until this machine has followed what its replica says: a removal of itself, for instance."""
        ...

    def settled(self, seconds: float) -> bool:
        """Waits until the settings that hold now are in force or refused here; whether that came in time."""
        ...

    def try_again(self) -> None:
        """Tries once more to put the settings in force that Postfix refused."""
        ...

    def role_of(self, user: str) -> str | None:
        """The role of a user now; None for one who is gone."""
        ...

    def run_on(self, serial: str, words: Sequence[str], user: str, role: str) -> list[Any]:
        """Runs a machine-mode command on another member: what it said, warned, and its code.

        Raises LinkError.
        """
        ...
