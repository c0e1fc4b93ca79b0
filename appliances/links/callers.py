"""Who calls a service, and which sessions a caller may open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import asyncssh

from appliances.links.channel import Channel
from appliances.links.errors import Reason
from appliances.links.hello import Credential, clip
from appliances.links.identity import public_text
from appliances.links.peer import Login, Refusal
from appliances.links.ssh import CLUSTER_USER, REFUSAL_MARK, SUBSYSTEM

if TYPE_CHECKING:
    from appliances.links.server import Service

logger = logging.getLogger(__name__)

ProcessFactory = Callable[["asyncssh.SSHServerProcess[Any]", Login], Awaitable[None]]
"""What a person gets: called for a shell (`process.command` is None) or one command line."""


class Standing(StrEnum):
    """What a connection is, for the limits."""

    NOBODY = "nobody"
    """Not logged in yet."""
    PERSON = "person"
    PEER = "peer"


class Connection(asyncssh.SSHServer):
    """One caller: who it is, and which sessions it may open."""

    def __init__(self, service: Service) -> None:
        self.credential: Credential | None = None
        self._service = service
        self._conn: asyncssh.SSHServerConnection | None = None
        self._proven: tuple[str, Credential] | None = None
        self._wrong = self._offered = self._sessions = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        if not self._service.opened(self):
            # Nothing is said: a word before the version line is garbage to the caller, and costs us more.
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.closed(self)

    def hang_up(self) -> None:
        """Ends the connection."""
        if self._conn is not None:
            self._conn.close()

    async def end(self) -> None:
        """Ends the connection and waits until it has ended."""
        if self._conn is not None:
            self._conn.close()
            await self._conn.wait_closed()

    @property
    def standing(self) -> Standing:
        """What this connection is."""
        if self.credential is None:
            return Standing.NOBODY
        return Standing.PERSON if self.credential.peer is None else Standing.PEER

    # who is it?

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return self._service.takes_people

    def kbdint_auth_supported(self) -> bool:
        return False

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        guesses = self._service.gate.guesses
        begun = guesses.begin(username, self.address)
        if begun is None:
            # Not even looked at, whoever it is: an answer would tell whether it was the right one.
            self._disconnect("too many wrong passphrases; try again in some minutes, or log in with a key")
            return False
        login = None
        if username != CLUSTER_USER:
            login = await self._service.logins.by_passphrase(username, password)
        if login is None:
            await self._guessed(username)
            return False
        guesses.right(username, self.address, begun)
        return self._prove(username, Credential(login=login))

    async def _guessed(self, username: str) -> None:
        """A wrong passphrase costs time, more with each one, and after some the connection."""
        self._wrong += 1
        logger.warning("wrong passphrase for %r from %s", username, self.address)
        await asyncio.sleep(self._service.gate.guesses.wrong(username, self.address))
        if self._wrong >= self._service.limits.wrong_passphrases:
            self._disconnect("too many wrong passphrases")

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._offered += 1
        if self._offered > self._service.limits.offered_keys:
            self._disconnect("too many keys")
            return False
        public = public_text(key)
        if username == CLUSTER_USER:
            return await self._validate_peer(public)
        login = await self._service.logins.by_key(username, public)
        return login is not None and self._prove(username, Credential(login=login, public_key=public))

    async def _validate_peer(self, public: str) -> bool:
        peer = await self._service.holder.peer_by_key(public)
        if isinstance(peer, Refusal):
            logger.info("peer at %s refused: %s %s", self.address, peer.reason, peer.text)
            by = f" {quote(peer.commit)}" if peer.commit else ""
            self._tell(f"{REFUSAL_MARK} ({peer.reason}{by}): {clip(peer.text)}")
            return False
        return self._prove(CLUSTER_USER, Credential(peer=peer, public_key=public))

    def _prove(self, username: str, credential: Credential) -> bool:
        """A key is looked at twice: when it is offered, and with its signature; only then it counts."""
        if not self._service.has_room(credential):
            self._tell(f"{REFUSAL_MARK} ({Reason.BUSY}): too many connections")
            return False
        self._proven = (username, credential)
        return True

    def auth_completed(self) -> None:
        if self._conn is None or self._proven is None:
            return
        username, credential = self._proven
        if username == self._conn.get_extra_info("username"):
            self.credential = credential
            self._service.gate.passed(self, self.address, peer=credential.peer is not None)

    def _tell(self, text: str) -> None:
        if self._conn is not None:
            self._conn.send_auth_banner(text + "\r\n")

    def _disconnect(self, text: str) -> None:
        if self._conn is not None:
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, text)

    @property
    def address(self) -> str:
        """Where the caller is."""
        peer = self._conn.get_extra_info("peername") if self._conn is not None else None
        return str(peer[0]) if peer else ""

    # what may it do?

    def session_requested(self) -> tuple[asyncssh.SSHServerChannel[Any], Session] | bool:
        if self.credential is None or self._sessions >= self._service.limits.sessions:
            return False
        self._sessions += 1
        return self._channel(), Session(self)

    def _channel(self) -> asyncssh.SSHServerChannel[Any]:
        """A channel on which bytes that are no UTF-8 end no connection: who reads them says what is wrong.

        The library refuses a command line of such bytes without a word, and ends the connection with a
        decoder's where they come on standard input.
        """
        assert self._conn is not None  # only a connection asks for sessions
        channel = self._conn.create_server_channel(errors="surrogateescape")

        def exec_requested(packet: asyncssh.packet.SSHPacket) -> bool:
            line = packet.get_string().decode("utf-8", "surrogateescape")
            packet.check_end()
            return channel._start_session(command=line)

        channel._process_exec_request = exec_requested  # type: ignore[method-assign]  # it has no hook
        return channel

    def session_ended(self) -> None:
        """One session of this connection has ended."""
        self._sessions -= 1

    def may_talk(self) -> bool:
        """Whether this caller may open the subsystem of cluster traffic."""
        credential = self.credential
        if credential is None:
            return False
        return credential.peer is not None or bool(credential.login and credential.login.administrator)

    def may_work(self) -> bool:
        """Whether this caller may open a shell or run a command line."""
        credential = self.credential
        return (
            credential is not None
            and credential.login is not None
            and credential.peer is None
            and self._service.process_factory is not None
        )

    async def run(self, process: asyncssh.SSHServerProcess[Any]) -> None:
        """Whatever goes on in one session."""
        if self.credential is None:
            process.exit(1)
        elif process.subsystem == SUBSYSTEM:
            channel = Channel(process.stdin, process.stdout, self.hang_up, self.address)
            await self._service.serve(channel, self.credential)
        elif self._service.process_factory is not None and self.credential.login is not None:
            await _work(self._service.process_factory, process, self.credential.login)


async def _work(factory: ProcessFactory, process: asyncssh.SSHServerProcess[Any], login: Login) -> None:
    try:
        await factory(process, login)
        process.exit(0)
    except (OSError, asyncssh.Error):
        process.close()  # the person has gone
    except Exception:
        logger.exception("the session of %s failed", login.user)
        process.stderr.write("An internal error has ended this session; the log of this machine has it.\n")
        process.exit(70)


class Session(asyncssh.SSHServerProcess[Any]):
    """One session: the subsystem of cluster traffic in bytes, or a person's shell or command in text."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.run, None, 3, False)
        self._connection = connection

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        return self._connection.may_work()

    def shell_requested(self) -> bool:
        return self._connection.may_work()

    def exec_requested(self, command: str) -> bool:
        return self._connection.may_work()

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == SUBSYSTEM and self._connection.may_talk()

    def session_started(self) -> None:
        if self.channel.get_subsystem() == SUBSYSTEM:
            self.channel.set_encoding(None)
            self._encoding = None
        super().session_started()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.session_ended()
        super().connection_lost(exc)
