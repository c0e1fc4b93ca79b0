"""What the command line asks of the machine on which a person has logged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from appliances.machine.status import LinkStatus, MachineStatus
from clusters.state import Machine


@dataclass(frozen=True)
class JoinRequest:
    """What a person said to join a cluster over SSH (JN-03). `group` empty: the initial one (T9)."""

    address: str
    port: int = 22
    user: str = "admin"
    passphrase: str = ""
    group: str = ""


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

    def links(self) -> Sequence[LinkStatus]:
        """The table of links."""
        ...

    def own_keys(self) -> tuple[str, str]:
        """Public host key and public user key."""
        ...

    def as_machine(self, *, by_address: bool) -> Machine:
        """This machine as the entry of a cluster: where others reach it, and its keys."""
        ...

    def join(self, request: JoinRequest, accept_key: Callable[[str], bool]) -> str:
        """Makes this machine a member and returns the cluster's name.

        `accept_key` is asked with the fingerprint of the member's host key. Raises LinkError and the
        refusals of clusters.membership; nothing has changed here then.
        """
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
