"""500 browsers with one cluster page open, when a machine of the cluster goes down.

A real Redis, one real daphne process, 500 sockets of twenty people. Each browser that gets the hint fetches
the live part of its page, after the same random moment as `live.js` waits.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.figures import spread
from bench.sizes import scaled

BROWSERS, PEOPLE, MACHINES, FLIPS = scaled((500, 20, 8, 3), (4, 2, 2, 1))
PATIENCE = 120.0
UPGRADE, PING, PONG = 101, 0x89, 0x8A

SET_UP = f"""
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from portal.tenants import Tenant
from tests.portal import world
tenant = Tenant.objects.create(name="Bench", slug="bench")
cluster = world.cluster(tenant, "Bench", [f"mx{{n}}.example" for n in range({MACHINES})])
world.report(cluster)
for number in range({PEOPLE}):
    client = Client()
    client.force_login(world.person(f"person{{number}}", "Some Body", administrator=tenant))
    print(client.cookies["sessionid"].value)
"""
FLIP = """
import sys, time
from appliances.following import statuses
from appliances.models import Connection, MachineStatus
from portal.signals import statuses_changed
row = MachineStatus.objects.order_by("serial").first()
states = [Connection.DOWN, Connection.CONNECTED]
print("ready", flush=True)
for number, _line in enumerate(sys.stdin):
    statuses.connection(row.replica_id, row.serial, states[number % 2])
    print(time.monotonic(), flush=True)
    statuses_changed(row.replica_id)
"""
"""Stands for a worker that has noticed the end of a link: the row first, then the hint."""


@dataclass
class Flip:
    """When each browser heard of it, and how long its fetch took."""

    at: float = 0.0
    heard: list[float] = field(default_factory=list)
    fetched: dict[int, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)


class Browser:
    """One open page: a socket, and a fetch when it is hinted at."""

    def __init__(self, port: int, cookie: str) -> None:
        self.port, self.cookie = port, cookie
        self.flip = Flip()
        self.hinted = False
        self.due: asyncio.Task[None] | None = None

    def _head(self, path: str, *more: str) -> bytes:
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Cookie: sessionid={self.cookie}"]
        return "\r\n".join([*lines, *more, "", ""]).encode()

    async def open(self) -> None:
        """Open the socket; raises RuntimeError where it is refused."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        key = base64.b64encode(os.urandom(16)).decode()
        origin = f"Origin: http://127.0.0.1:{self.port}"
        socket = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        self.writer.write(self._head("/live/", origin, *socket, f"Sec-WebSocket-Key: {key}"))
        head = await self.reader.readuntil(b"\r\n\r\n")
        if f" {UPGRADE} ".encode() not in head.partition(b"\r\n")[0]:
            raise RuntimeError(head.decode())
        self.listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            kind, length = await self.reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self.reader.readexactly(2), "big")
            text = await self.reader.readexactly(length)
            if kind == PING:
                # Masked with zeros, as every frame of a browser is masked with something.
                self.writer.write(bytes([PONG, 0x80 | length, 0, 0, 0, 0]) + text)
            if kind & 0x0F == 1 and json.loads(text)["about"] == "status":
                self.flip.heard.append(time.monotonic())
            self.hinted = self.hinted or kind & 0x0F == 1
            if self.hinted and (self.due is None or self.due.done()):
                self.due = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """Fetch what the hints that have come in a moment are about; once more where one comes meanwhile."""
        while self.hinted:
            await asyncio.sleep(0.06 + random.random() * 0.24)
            self.hinted = False
            await self._fetch(self.flip)

    async def _fetch(self, flip: Flip) -> None:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self._head("/bench/", "HX-Request: true", "Connection: close"))
        answer = await reader.read(-1)
        writer.close()
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise RuntimeError(answer[:200].decode())
        flip.took.append(time.monotonic() - began)
        flip.fetched.setdefault(id(self), time.monotonic())

    async def close(self) -> None:
        """Go away as a closed tab does."""
        self.listening.cancel()
        await asyncio.wait([self.listening])
        self.writer.close()


def measure() -> Iterator[str]:
    """Rows of figures."""
    # Installations for tests are what is wanted here, too: whole, of their own, and gone afterwards.
    from tests.portal.installation import Installation

    with Installation() as portal:
        portal.prepare()
        cookies = portal.python(SET_UP).split()
        portal.start_web()
        code = f"import django; django.setup()\n{FLIP}"
        worker = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=portal.environment, text=True,
        )  # fmt: skip
        try:
            yield from asyncio.run(_flips(portal.port, cookies, worker))
            if "Traceback" in portal.log("web"):
                yield "the server has failed meanwhile; its log: " + portal.log("web")[-4000:]
        finally:
            worker.terminate()
            worker.communicate()


async def _flips(port: int, cookies: list[str], worker: subprocess.Popen[str]) -> list[str]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdout.readline()
    browsers = [Browser(port, cookies[number % len(cookies)]) for number in range(BROWSERS)]
    began = time.monotonic()
    for start in range(0, BROWSERS, 20):
        await asyncio.gather(*(browser.open() for browser in browsers[start : start + 20]))
    rows = [f"{BROWSERS} sockets opened in {time.monotonic() - began:.1f} s"]
    flips = []
    for _number in range(FLIPS):
        flip = Flip()
        for browser in browsers:
            browser.flip = flip
        worker.stdin.write("\n")
        worker.stdin.flush()
        flip.at = float(await asyncio.to_thread(worker.stdout.readline))
        await _all_have(flip)
        # Alerts hint too; what they make the browsers fetch is over before the next flip.
        await asyncio.sleep(1.0)
        await asyncio.gather(*(b.due for b in browsers if b.due is not None))
        flips.append(flip)
    for browser in browsers:
        await browser.close()
    return [*rows, *_figures(flips)]


async def _all_have(flip: Flip) -> None:
    end = time.monotonic() + PATIENCE
    while len(flip.fetched) < BROWSERS:
        if time.monotonic() > end:
            raise RuntimeError(f"{len(flip.heard)} heard, {len(flip.fetched)} fetched within {PATIENCE:g} s")
        await asyncio.sleep(0.05)


def _figures(flips: list[Flip]) -> Iterator[str]:
    yield f"the first browser has the hint: {spread([min(f.heard) - f.at for f in flips])}"
    yield f"the last browser has the hint: {spread([max(f.heard) - f.at for f in flips])}"
    yield f"the last browser shows it: {spread([max(f.fetched.values()) - f.at for f in flips])}"
    took = [seconds for flip in flips for seconds in flip.took]
    yield f"one fetch of the live part: {spread(took)}"
    yield f"fetches for one flip: median {statistics.median([len(f.took) for f in flips]):.0f}"
