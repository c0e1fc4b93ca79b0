"""The way to another holder's service: socket, greeting, host key, login, channel."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import asyncssh

from appliances.links import names
from appliances.links.channel import Channel
from appliances.links.errors import (
    CLOSED_AT_ONCE,
    AuthenticationFailed,
    HostKeyChanged,
    HostKeyRejected,
    LinkError,
    LinkLost,
    Reason,
    Refused,
    Silent,
    Unreachable,
    WrongService,
)
from appliances.links.identity import fingerprint, public_text
from appliances.links.ssh import CIPHERS, KEX, MACS, REFUSAL_MARK, SUBSYSTEM, ServiceKind
from appliances.links.timing import Pace
from clusters.system_words import cause

logger = logging.getLogger(__name__)

SSH_GREETING = b"SSH-2.0-"

_REFUSAL = re.compile(rf"^{REFUSAL_MARK} \(([a-z-]+)(?: ([^ )]+))?\): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to call. `source` is the own address to call from, when it matters."""

    address: str
    port: int
    source: str = ""

    def __str__(self) -> str:
        return f"{self.address} port {self.port}"


class Client(asyncssh.SSHClient):
    """Judges the service before anything secret is sent, and keeps why it said no."""

    def __init__(self, target: Target, pinned: str | None, wanted: ServiceKind | None) -> None:
        self.target = target
        self.kind: ServiceKind | None = None
        self.seen = ""
        self.error: LinkError | None = None
        self.greeting = ""
        self._pinned = pinned
        self._wanted = wanted
        self._conn: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._conn = conn

    def abandon(self, sock: socket.socket) -> None:
        """Lets go of a connection that came to nothing."""
        if self._conn is not None:
            self._conn.abort()
        else:
            sock.close()

    def judge_greeting(self) -> None:
        """Whether the SSH greeting is that of the service we want; else `error` says so."""
        self.greeting = str(self._conn.get_extra_info("server_version", "")) if self._conn else ""
        self.kind = next((k for k in ServiceKind if self.greeting == f"SSH-2.0-{k.version}"), None)
        if self.kind is None and self.greeting:
            text = f"{self.target} answers as {self.greeting[:80]!r}, it is no service of Gatefold"
            self.error = WrongService(text)
        elif self.kind is not None and self._wanted not in (None, self.kind):
            self.error = WrongService(f"{self.target} is a {self.kind} service; {self._wanted} is wanted")

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.judge_greeting()
        self.seen = public_text(key)
        if self.error is None and self._pinned is None:
            self.error = HostKeyRejected("not asked yet")
        elif self.error is None and self.seen != self._pinned:
            self.error = HostKeyChanged(str(self.target), _shown(self._pinned), fingerprint(self.seen))
        return self.error is None

    def auth_banner_received(self, msg: str, lang: str) -> None:
        found = _REFUSAL.search(msg.replace("\r", ""))
        if found and found[1] in list(Reason):
            self.error = Refused(Reason(found[1]), found[3], unquote(found[2] or ""))


def _shown(pinned: str | None) -> str:
    try:
        return fingerprint(pinned or "")
    except ValueError:
        return "an unreadable key"


async def connect(
    client: Client,
    user: str,
    secret: asyncssh.SSHKey | str | None,
    timeout: float,
    room: asyncio.Semaphore | None = None,
) -> asyncssh.SSHClientConnection:
    """Logs in. `room` bounds the handshakes at a time: all at once, none of many would end within `timeout`.

    Whoever answers to nothing takes no room; and who is called does not wait for the caller to get some.
    """
    sock = await _socket(client.target, timeout)
    if room is None:
        return await _log_in(client, sock, user, secret, timeout)
    if room.locked():
        sock.close()
    async with room:
        if sock.fileno() < 0:
            sock = await _socket(client.target, timeout)
        return await _log_in(client, sock, user, secret, timeout)


async def _log_in(
    client: Client, sock: socket.socket, user: str, secret: asyncssh.SSHKey | str | None, timeout: float
) -> asyncssh.SSHClientConnection:
    try:
        async with asyncio.timeout(timeout):
            await _hear(client, sock)
            return await _handshake(client, sock, user, secret)
    except (TimeoutError, asyncssh.Error, OSError) as error:
        client.abandon(sock)
        raise _translated(client, error) from None
    except BaseException:
        client.abandon(sock)
        raise


async def _hear(client: Client, sock: socket.socket) -> None:
    """Waits for the first bytes and leaves them there; whoever speaks SSH greets first, unasked.

    Raises WrongService and LinkLost: something else has the port, or the connection was closed at once. While
    nothing is said the caller's time runs out: `client.error` says then that the program there is silent.
    """
    client.error = Silent(f"{client.target} takes connections and says nothing")
    first = await _first_bytes(sock)
    client.error = None
    if not first:
        raise LinkLost(f"{client.target} closed the connection before it said anything", CLOSED_AT_ONCE)
    if not first.startswith(SSH_GREETING[: len(first)]):
        raise WrongService(f"{client.target} does not speak SSH, it is no service of Gatefold")


async def _first_bytes(sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock)
    return sock.recv(len(SSH_GREETING), socket.MSG_PEEK)


async def _handshake(
    client: Client, sock: socket.socket, user: str, secret: asyncssh.SSHKey | str | None
) -> asyncssh.SSHClientConnection:
    by_key = isinstance(secret, asyncssh.SSHKey)
    return await asyncssh.connect(
        client.target.address,
        client.target.port,
        sock=sock,
        username=user,
        client_keys=[secret] if by_key else None,
        password=None if by_key else secret,
        preferred_auth="publickey" if by_key else "password",
        client_factory=lambda: client,
        known_hosts=([], [], []),
        server_host_key_algs=["ssh-ed25519"],
        config=None,
        agent_path=None,
        gss_host=None,
        compression_algs=None,
        kex_algs=KEX,
        encryption_algs=CIPHERS,
        mac_algs=MACS,
    )


def _translated(client: Client, error: Exception) -> LinkError:
    """What went wrong, as one of our errors; a service that is not ours explains all else."""
    if client.error is None and not client.seen:
        client.judge_greeting()
    if client.error is not None:
        return client.error
    if isinstance(error, asyncssh.PermissionDenied):
        return AuthenticationFailed(f"{client.target} does not accept this user and passphrase or key")
    if isinstance(error, TimeoutError):
        return Silent(f"{client.target} stopped answering while connecting")
    return LinkLost(f"{client.target} broke the connection off: {why(error)}")


def why(error: Exception) -> str:
    """Why a connection failed, in our words; those of the library are for the log (TRL-27)."""
    logger.info("a connection failed: %s: %s", type(error).__name__, error)
    return cause(error) if isinstance(error, OSError | TimeoutError) else "the other end closed it"


async def _socket(target: Target, timeout: float) -> socket.socket:
    try:
        async with asyncio.timeout(timeout):
            return await _connected(target)
    except TimeoutError:
        raise Unreachable(f"{target} does not answer within {timeout:g} seconds") from None


async def _connected(target: Target) -> socket.socket:
    """A connected socket to the first of the name's addresses that answers."""
    loop = asyncio.get_running_loop()
    places = await names.places_of(target.address, target.port)
    trouble: OSError = OSError("no address")
    for family, kind, protocol, _, place in places:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            if target.source:
                sock.bind((target.source, 0))
            await loop.sock_connect(sock, place)
            return sock
        except OSError as error:
            sock.close()
            trouble = error
        except BaseException:
            sock.close()
            raise
    raise Unreachable(f"{target} cannot be reached: {cause(trouble)}")


async def open_channel(conn: asyncssh.SSHClientConnection, target: Target, pace: Pace) -> Channel:
    opened: Any
    try:
        async with asyncio.timeout(pace.answer):
            opened = await conn.open_session(subsystem=SUBSYSTEM, encoding=None)
    except asyncssh.ChannelOpenError:
        raise Refused(Reason.NOT_ALLOWED, f"{target} does not let this user talk for a machine") from None
    except (TimeoutError, asyncssh.Error, OSError) as error:
        raise LinkLost(f"{target} broke the connection off: {why(error)}") from None
    writer, reader, _ = opened
    return Channel(reader, writer, conn.close, target.address)
