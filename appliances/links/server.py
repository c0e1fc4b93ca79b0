"""The SSH services of a holder: logins of people, and cluster traffic of machines and portals.

A machine's or portal's key opens nothing but the subsystem of cluster traffic. A CCS service takes
nothing else at all: no logins, no file transfer (CL-15, COM-14).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

import asyncssh

from appliances.links.callers import Connection, ProcessFactory, Standing
from appliances.links.channel import Channel
from appliances.links.errors import Fault, LinkError, LinkLost, ProtocolError, Reason, Refused
from appliances.links.frames import encode
from appliances.links.gate import Gate
from appliances.links.hello import Credential, LookBack, answer, clip, nobody_looks, refuse
from appliances.links.identity import Keys
from appliances.links.link import Hooks, Link
from appliances.links.messages import Bye, Enrol, Enrolled, Hello, to_body
from appliances.links.outbox import pieces
from appliances.links.peer import Holder, Logins, Newcomer, NoLogins, Refusal
from appliances.links.ssh import CIPHERS, KEX, MACS, SIGNATURES, ServiceKind
from appliances.links.timing import Pace, RealTime, Timing, within
from clusters.system_words import cause

logger = logging.getLogger(__name__)


TURNS_UNTIL_KNOWN = 4
"""Turns of the event loop from accepting a caller until its connection is known here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one service allows."""

    login_seconds: float = 30.0
    keepalive_seconds: float = 60.0
    wrong_passphrases: int = 3
    offered_keys: int = 20
    people: int = 50
    """Connections of people who have."""
    peers: int = 500
    sessions: int = 10
    """Sessions on one connection."""


class LinkKeeper(Hooks, Protocol):
    """Who takes over the links that peers make (see `table`)."""

    def adopt(self, link: Link) -> None:
        """A peer has called; the link starts right after this."""
        ...


class Service:
    """One listening address and port.

    `process_factory` and `logins` are for SSH services only. `look_back` judges the address of
    a machine that calls; `gate` is that of all doors of a machine. `port` 0 takes a free one;
    `self.port` tells.
    """

    def __init__(
        self,
        kind: ServiceKind,
        address: str,
        port: int,
        keys: Keys,
        holder: Holder,
        links: LinkKeeper,
        *,
        logins: Logins | None = None,
        process_factory: ProcessFactory | None = None,
        limits: Limits | None = None,
        look_back: LookBack = nobody_looks,
        gate: Gate | None = None,
        pace: Pace | None = None,
        timing: Timing | None = None,
    ) -> None:
        people = kind is ServiceKind.SSH
        self.kind = kind
        self.address = address
        self.port = port
        self.holder = holder
        self.logins: Logins = logins if people and logins is not None else NoLogins()
        self.takes_people = people and logins is not None
        self.process_factory = process_factory if people else None
        self.limits = limits or Limits()
        self.gate = gate or Gate()
        self._links = links
        self._look_back = look_back
        self._keys = keys
        self._pace = pace or Pace()
        self._timing = timing or RealTime()
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[Connection] = set()

    async def start(self) -> None:
        """Listens. Raises OSError when the address or port cannot be had."""
        self._acceptor = await asyncssh.listen(
            self.address,
            self.port,
            server_factory=lambda: Connection(self),
            server_host_keys=[self._keys.host],
            server_version=self.kind.version,
            login_timeout=self.limits.login_seconds,
            keepalive_interval=self.limits.keepalive_seconds,
            allow_pty=self.takes_people,
            config=None,
            gss_host=None,
            agent_forwarding=False,
            x11_forwarding=False,
            line_editor=False,
            compression_algs=None,
            kex_algs=KEX,
            encryption_algs=CIPHERS,
            mac_algs=MACS,
            signature_algs=SIGNATURES,
        )
        self.port = self._acceptor.get_port()

    async def close(self) -> None:
        """Stops listening and ends every connection."""
        if self._acceptor is None:
            return
        # asyncio forgets a caller whom it has let in and not yet handed over when its server closes.
        for listening in self._acceptor.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(TURNS_UNTIL_KNOWN):
            await asyncio.sleep(0)
        self._acceptor.close()
        await asyncio.gather(*(connection.end() for connection in list(self._connections)))
        await self._acceptor.wait_closed()

    def count(self, standing: Standing) -> int:
        """How many connections of that standing there are."""
        return sum(connection.standing is standing for connection in self._connections)

    def opened(self, connection: Connection) -> bool:
        """Counts a connection; whether there is room for it."""
        self._connections.add(connection)
        return self.gate.enter(connection, connection.address)

    def closed(self, connection: Connection) -> None:
        """Forgets a connection."""
        self.gate.left(connection)
        self._connections.discard(connection)

    def has_room(self, credential: Credential) -> bool:
        """Whether one more such connection may log in."""
        if credential.peer is None:
            return self.count(Standing.PERSON) < self.limits.people
        return self.count(Standing.PEER) < self.limits.peers

    async def serve(self, channel: Channel, credential: Credential) -> None:
        """Talks with a peer over the subsystem until one of the two ends it."""
        try:
            ours, theirs = await answer(
                channel, self.holder, credential, self._pace, self._timing, self._look_back
            )
            if theirs.purpose == "enrol":
                await self._enrol(channel, theirs, credential)
            else:
                await self._link(channel, (ours, theirs), credential)
        except LinkError as error:
            logger.info("a peer at %s came to nothing: %s", channel.address, error.text)
        finally:
            channel.hang_up()

    async def _link(self, channel: Channel, hellos: tuple[Hello, Hello], credential: Credential) -> None:
        """Makes a link of a peer that is still a member now, after all the talking."""
        assert credential.peer is not None
        now = await self.holder.peer_by_key(credential.public_key)
        if isinstance(now, Refusal):
            await channel.send(Bye(reason=now.reason, text=clip(now.text)))
            raise Refused(now.reason, now.text)
        link = Link(
            channel,
            self.holder,
            hellos,
            credential.peer,
            dialled=False,
            public_key=credential.public_key,
            hooks=self._links,
            pace=self._pace,
            timing=self._timing,
        )
        if not link.errand:
            self._links.adopt(link)
        link.start()
        await link.wait_closed()

    async def _enrol(self, channel: Channel, theirs: Hello, credential: Credential) -> None:
        user = credential.login.user if credential.login else ""
        newcomer = Newcomer(theirs.identity(), user, credential.public_key, channel.address)
        try:
            request = await self._request(channel)
            given = await self.holder.enrol(request.request, newcomer)
        except LinkError as error:
            await refuse(channel, error, "")
            raise
        except Exception as error:
            logger.exception("could not enrol %s", theirs.serial)
            await refuse(channel, Refused(Reason.INVALID, f"could not be stored there: {cause(error)}"), "")
            raise LinkLost("enrolment failed") from None
        for data in pieces(encode(to_body(Enrolled(answer=given))), 1):
            channel.write(data)
            await channel.drain()
        await within(self._timing, self._pace.answer, channel.receive(parts=False))

    async def _request(self, channel: Channel) -> Enrol:
        try:
            message = await within(self._timing, self._pace.answer, channel.receive(parts=False))
        except TimeoutError:
            raise LinkLost("the newcomer does not say what it wants") from None
        if message is None:
            raise LinkLost("the newcomer closed the connection")
        if not isinstance(message, Enrol):
            raise ProtocolError(Fault.UNEXPECTED, "a newcomer can only enrol")
        return message
