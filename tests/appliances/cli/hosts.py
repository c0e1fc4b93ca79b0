"""A login host without a daemon: the replica is real, links and Postfix are not there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from appliances.cli.dialogue import Scripted
from appliances.cli.errors import CommandError
from appliances.cli.login_host import Consent, JoinRequest, LoginHost
from appliances.cli.running import run_text
from appliances.cli.session import Session
from appliances.links.client import Probe
from appliances.links.errors import HostKeyRejected, Unreachable
from appliances.machine.beginning import Beginning, checked, make_replica
from appliances.machine.people import hashed
from appliances.machine.saved import SavedFiles
from appliances.machine.sessions import Sessions
from appliances.machine.status import LinkStatus, MachineStatus, now
from clusters import drafts, membership, replicas
from clusters.membership import JoinPreview
from clusters.replication import Replica, Snapshot
from clusters.state import Machine

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIF2DjWI17P2kuy9wiUJO6VQAxwxV3WITBBM1Nprgvao"
FINGERPRINT = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
PASSPHRASE = "correct horse battery"


@dataclass
class QuietHost:
    """Satisfies `login_host.LoginHost` from a replica alone."""

    replica_id: int
    serial: str = "MX1"
    name: str = "mx1.example.com"
    release: str = "0.1.0"
    heard_statuses: dict[str, MachineStatus] = field(default_factory=dict)
    peers: list[LinkStatus] = field(default_factory=list)
    through: dict[str, MachineStatus] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    engine: Any = None
    sessions: Sessions = field(default_factory=Sessions)
    saved: SavedFiles = field(default_factory=lambda: SavedFiles(Path("/nonexistent")))
    upgrading: Any = field(
        default_factory=lambda: SimpleNamespace(run=None, shelf=SimpleNamespace(last_switch=lambda: None))
    )
    others: dict[str, Replica] = field(default_factory=dict)
    asked_to_join: JoinRequest | None = None
    drafters: dict[str, list[str]] = field(default_factory=dict)
    kept: Collection[str] | None = None
    seen: dict[int, Probe] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    preview: JoinPreview = field(
        default_factory=lambda: JoinPreview("Americas", "Main_Group", ("mx2.example.com",), ())
    )

    def status(self) -> MachineStatus:
        held: dict[str, Any] = {"vector": replicas.vector(self.replica_id), "wanted": "f", "enforced": "f"}
        return MachineStatus(serial=self.serial, name=self.name, release=self.release, as_of=now(), **held)

    def heard(self) -> Mapping[str, MachineStatus]:
        return self.heard_statuses

    def statuses_through(self, serials: Collection[str], seconds: float) -> Mapping[str, MachineStatus]:
        """What `self.through` says, as often as it is asked."""
        return {serial: self.through[serial] for serial in serials if serial in self.through}

    def links(self) -> Sequence[LinkStatus]:
        return self.peers

    def own_keys(self) -> tuple[str, str]:
        return KEY, KEY

    def as_machine(self, *, by_address: bool) -> Machine:
        address = "127.0.0.1" if by_address else self.name
        return Machine(self.serial, self.name, "", address, 22, None, KEY, KEY)

    def probe(self, address: str, port: int) -> Probe:
        """What `self.seen` says answers there."""
        if port not in self.seen:
            raise Unreachable(f"{address} port {port} cannot be reached")
        return self.seen[port]

    def join(self, request: JoinRequest, accept_key: Callable[[str], bool], consent: Consent) -> str:
        """As the machine does it, with a member that is not there: `self.cluster` is what it would show."""
        self.asked_to_join = request
        if not accept_key(FINGERPRINT):
            raise HostKeyRejected("the host key was not accepted")
        self.kept = consent(self.preview)
        if self.kept is None:
            raise CommandError("Not joined; nothing was changed.")
        by = {"user": "admin", "host": self.name}
        here = self.as_machine(by_address=True)
        membership.create(self.replica_id, name=self.preview.cluster, machine=here, by_address=True, **by)
        return self.preview.cluster

    def digest_of(self, serial: str) -> str:
        return self._held(serial).digest()

    def entries_of(self, serial: str) -> Snapshot:
        return self._held(serial).snapshot()

    def _held(self, serial: str) -> Replica:
        if serial == self.serial:
            return replicas._reading(self.replica_id)
        if serial not in self.others:
            raise Unreachable(f"{serial} is far away")
        return self.others[serial]

    def drafting(self, serial: str) -> Sequence[str]:
        if serial == self.serial:
            return drafts.people(self.replica_id)
        if serial not in self.drafters:
            raise Unreachable(f"{serial} is far away")
        return self.drafters[serial]

    def follow(self) -> None:
        if membership.is_removed(self.replica_id):
            membership.leave(self.replica_id, self.serial)
        self.sessions.followed()

    def settled(self, seconds: float) -> bool:
        return True

    def try_again(self) -> None:
        return

    def role_of(self, user: str) -> str | None:
        return self.roles.get(user)

    def release_of(self, serial: str) -> str:
        if serial not in self.releases:
            raise Unreachable(f"{serial} is far away")
        return self.releases[serial]

    def unreached(self, serials: Sequence[str], seconds: float) -> Mapping[str, str]:
        gone = [link for link in self.peers if link.state != "connected"]
        return {link.serial: link.reason for link in gone if link.serial in serials}

    def run_on(self, serial: str, words: Sequence[str], user: str, role: str) -> list[Any]:
        raise Unreachable(f"{serial} is far away")


@dataclass
class Interrupted(Scripted):
    """A person before whose answer something happens."""

    happens: Callable[[], None] = lambda: None

    def ask(self, question: str, default: str = "") -> str:
        self.happens()
        return super().ask(question, default)


@dataclass
class Person:
    """Someone at a terminal of that host, or a script (`interactive` False)."""

    session: Session
    dialogue: Scripted

    @classmethod
    def at(
        cls, host: QuietHost, role: str = "administrator", user: str = "admin", *, interactive: bool = True
    ) -> Person:
        host.roles[user] = role
        dialogue = Scripted(interactive=interactive)
        return cls(Session.begun(user, role, cast(LoginHost, host), dialogue), dialogue)

    def types(self, text: str, *answers: str, stdin: str = "") -> int:
        """Runs a line, with the answers to its questions; all of them must have been asked for."""
        dialogue = self.dialogue
        dialogue.answers, dialogue.stdin = list(answers), stdin
        dialogue.said, dialogue.warned, dialogue.asked = [], [], []
        code = run_text(self.session, text)
        assert dialogue.answers == [], f"not asked: {dialogue.asked}"
        return code

    @property
    def said(self) -> str:
        return "\n".join(self.dialogue.said)

    @property
    def warned(self) -> str:
        return "\n".join(self.dialogue.warned)

    @property
    def asked(self) -> list[str]:
        return self.dialogue.asked

    @property
    def prompt(self) -> str:
        return self.session.prompt()


_hash = hashed(PASSPHRASE)


def standalone_host() -> QuietHost:
    """A new standalone machine mx1."""
    told = Beginning("MX1", "mx1.example.com", "127.0.0.1", passphrase_hash=_hash)
    return QuietHost(make_replica("MX1", checked(told)))


def clustered_host() -> QuietHost:
    """mx1 in the cluster Americas with mx2; groups Main_Group and Paris."""
    host = standalone_host()
    by: Any = {"user": "admin", "host": host.name}
    membership.create(
        host.replica_id, name="Americas", machine=host.as_machine(by_address=True), by_address=True, **by
    )
    membership.add_group(host.replica_id, "Paris", **by)
    second = Machine("MX2", "mx2.example.com", "", "127.0.0.2", 22, None, KEY, KEY)
    membership.enrol_machine(host.replica_id, machine=second, settings={}, **by)
    return host
