"""Machines of a cluster in one event loop: real SSH services on loopback, replicas in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import asyncssh
import pytest

from appliances.links.calling import Target
from appliances.links.client import dial
from appliances.links.gate import Gate, Guesses, Guessing
from appliances.links.identity import public_text
from appliances.links.link import Link, NoHooks
from appliances.links.memory import MemoryHolder
from appliances.links.peer import Identity, Kind, Login, PeerIdentity
from appliances.links.server import Limits, Service
from appliances.links.ssh import ServiceKind
from appliances.links.timing import Pace
from clusters.modes import CLUSTER
from clusters.replication import Absorbed
from clusters.versions import Change, Commit, settings_at

QUICK = Pace(
    ping=0.2,
    answer=5.0,
    store=10.0,
    relay=0.02,
    grace=0.05,
    first_retry=0.02,
    last_retry=0.2,
    attempts=2,
    patience=0.1,
    awaited=0.3,
    farewell=15.0,
    alert=0.05,
)
QUICKLY = Guessing(first_delay=0.0)
RELEASE = "1.0"
CLUSTER_ID = "0c6a1f44-60a4-4a53-9a2a-3b8b5e0f2f11"

_last = 0


def loopback() -> str:
    """An address of this test alone, also beside other workers."""
    global _last
    _last += 1
    return f"127.{20 + os.getpid() % 200}.{_last // 250 + 1}.{_last % 250 + 1}"


async def until(fact: Callable[[], object], what: str = "", seconds: float = 20.0) -> None:
    """Waits for a fact; fails with what was hoped for."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not fact():
        assert asyncio.get_running_loop().time() < deadline, f"never came true: {what or fact}"
        await asyncio.sleep(0.005)


class People:
    """The users of a cluster: admin, and ops who is no administrator."""

    def __init__(self) -> None:
        self.passphrases = {"admin": "ironport", "ops": "operator", "cluster": "cluster"}
        self.user_keys: dict[tuple[str, str], str] = {}

    async def by_passphrase(self, user: str, passphrase: str) -> Login | None:
        return self._login(user) if self.passphrases.get(user) == passphrase else None

    async def by_key(self, user: str, public_key: str) -> Login | None:
        return self._login(user) if (user, public_key) in self.user_keys else None

    def _login(self, user: str) -> Login:
        return Login(user, "administrator" if user == "admin" else "operator", user == "admin")


class Keeper(NoHooks):
    """Keeps the links that come in."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.took_from: list[str] = []

    def adopt(self, link: Link) -> None:
        self.links.append(link)

    def took(self, link: Link, result: Absorbed, reach: dict[str, int]) -> None:
        self.took_from.append(link.peer.serial)


class Box:
    """A machine: holder and services."""

    def __init__(self, serial: str, *, release: str = RELEASE, kind: Kind = Kind.MACHINE) -> None:
        cluster, name = CLUSTER_ID, "EU mail"
        self.holder = MemoryHolder(Identity(serial, f"{serial}.example.com", release, kind, cluster, name))
        self.people = People()
        self.keeper = Keeper()
        self.address = loopback()
        self.services: list[Service] = []
        self.links: list[Link] = []

    @property
    def serial(self) -> str:
        return self.holder.who.serial

    def knows(self, *others: Box) -> None:
        for other in others:
            who = other.holder.who
            self.holder.directory[other.holder.keys.user_public] = PeerIdentity(
                who.serial, who.host, who.kind
            )

    async def listen(
        self,
        kind: ServiceKind = ServiceKind.SSH,
        limits: Limits | None = None,
        gate: Gate | None = None,
        links: Any = None,
        pace: Pace = QUICK,
    ) -> Target:
        service = Service(
            kind,
            self.address,
            0,
            self.holder.keys,
            self.holder,
            links or self.keeper,
            logins=self.people,
            process_factory=whoami,
            limits=limits,
            gate=gate or Gate(Guesses(QUICKLY)),
            pace=pace,
        )
        await service.start()
        self.services.append(service)
        return Target(self.address, service.port)

    async def dial(self, target: Target, other: Box, **options: Any) -> Link:
        link = await dial(
            target, self.holder, self.holder.keys.user, other.holder.keys.host_public, pace=QUICK, **options
        )
        self.links.append(link)
        return link

    def commit(self, feature: str, value: dict[str, Any] | None) -> Commit:
        address = settings_at(CLUSTER, feature)
        heads = self.holder.replica.store.heads([address]).get(address)
        return self.holder.commit([Change(address, value, heads[0].id if heads else None)])

    async def stop(self) -> None:
        for link in [*self.links, *self.keeper.links]:
            await link.close()
        for service in self.services:
            await service.close()


async def whoami(process: asyncssh.SSHServerProcess[str], login: Login) -> None:
    """What people get: one line that says who they are, and what they asked for."""
    process.stdout.write(f"{login.user} ({login.role}) ran {process.command}\n")
    if process.command == "fail":
        raise ValueError("on purpose")
    if process.command == "cat":
        process.stdout.write(await process.stdin.read())


MakeBox = Callable[..., Box]


@pytest.fixture
async def box() -> AsyncIterator[MakeBox]:
    made: list[Box] = []

    def make(serial: str, **options: Any) -> Box:
        made.append(Box(serial, **options))
        return made[-1]

    yield make
    for each in made:
        await each.stop()


@pytest.fixture
async def pair(box: MakeBox) -> Callable[[], Coroutine[Any, Any, tuple[Box, Box, Target]]]:
    """Two machines that know each other; the first one listens."""

    async def make() -> tuple[Box, Box, Target]:
        a, b = box("A"), box("B")
        a.knows(b)
        b.knows(a)
        return a, b, await a.listen()

    return make


def fresh_key() -> tuple[asyncssh.SSHKey, str]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    return key, public_text(key)


class Cutter:
    """A way to a service that can be cut: passes at most `limit` bytes towards it, then breaks."""

    def __init__(self, target: Target, limit: int | None = None) -> None:
        self.target = target
        self.limit = limit
        self.passed = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> Target:
        address = loopback()
        self._server = await asyncio.start_server(self._pass, address, 0)
        return Target(address, self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self.target.address, self.target.port)
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer, True), self._pump(far_reader, writer, False))
        except OSError:
            pass
        finally:
            for each in (writer, far_writer):
                each.transport.abort()
            self._writers -= {writer, far_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: bool) -> None:
        while data := await reader.read(4096):
            self.passed += len(data) * counted
            if self.limit is not None and self.passed > self.limit:
                raise OSError("cut")
            writer.write(data)
            await writer.drain()
        raise OSError("ended")


class HandTime:
    """A clock that only moves when it is turned."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.time

    def elapsed(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, woken))
        await woken

    def turn(self, seconds: float) -> None:
        self.time += seconds
        for due, woken in self._sleepers:
            if due <= self.time and not woken.done():
                woken.set_result(None)
        self._sleepers = [(due, woken) for due, woken in self._sleepers if not woken.done()]
