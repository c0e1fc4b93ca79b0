"""Messages lost while 100 commits are applied on eight machines under a steady load of mail.

A message counts as taken when the gateway answered 250, and as lost when the sink never got it. Side by side:
the same load with no commit.
"""

from __future__ import annotations

import asyncio
import itertools
import smtplib
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bench import machines
from bench.sizes import scaled
from portal.demo.plan import NET, SINK_PORT, SMTP_PORT

COMMITS = scaled(100, 1)
QUIET = scaled(20.0, 1.0)
DRAIN = 120.0
PAUSE = 0.02


class Sink:
    """Keeps the subjects of what it received."""

    def __init__(self) -> None:
        self.got: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.got += [line[9:].decode() for line in content.splitlines() if line.startswith(b"Subject: ")]
        await asyncio.sleep(0)
        return "250 taken"


class Load:
    """One thread that sends a numbered message to machine after machine, with a pause between two."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refused: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _send(self) -> None:
        ways = itertools.cycle(machines.CLUSTER.machines)
        for number in itertools.count():
            if self._ended.wait(PAUSE):
                return
            self._one(next(ways).address, f"message-{id(self)}-{number}")

    def _one(self, address: str, subject: str) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "a@elsewhere.example", f"b@{machines.DOMAIN}", subject
        mail.set_content("x" * 2000)
        try:
            with smtplib.SMTP(address, SMTP_PORT, timeout=30) as client:
                client.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            self.refused.append(f"{subject}: {error}")
        else:
            self.taken.append(subject)


def measure() -> Iterator[str]:
    """Rows of figures."""
    sinks = [Sink(), Sink()]
    hosts = [machines.SINK, f"{NET}.200.2"]
    servers = [Controller(s, hostname=h, port=SINK_PORT) for s, h in zip(sinks, hosts, strict=True)]
    for server in servers:
        server.start()
    try:
        with machines.running() as cluster:
            with Load() as quiet:
                time.sleep(QUIET)
            yield _row("no commit", quiet, sinks, QUIET)
            began = time.monotonic()
            with Load() as busy:
                for n in range(COMMITS):
                    cluster.change_route("cluster", hosts[(n + 1) % 2])
                    before = cluster.wanted()
                    cluster.commit()
                    cluster.await_enforced(before)
            yield _row(f"{COMMITS} commits", busy, sinks, time.monotonic() - began)
    finally:
        for server in servers:
            server.stop()


def _row(what: str, load: Load, sinks: list[Sink], seconds: float) -> str:
    wanted = set(load.taken)
    deadline = time.monotonic() + DRAIN
    while not wanted <= _got(sinks) and time.monotonic() < deadline:
        time.sleep(0.2)
    lost = wanted - _got(sinks)
    doubled = sum(len(s.got) for s in sinks) - len(_got(sinks))
    rate = len(load.taken) / seconds
    refused = f"{len(load.refused)} refused" + (f" ({load.refused[0]})" if load.refused else "")
    return f"{what}: {len(wanted)} taken ({rate:.0f}/s), {len(lost)} lost, {refused}, {doubled} twice so far"


def _got(sinks: list[Sink]) -> set[str]:
    return {subject for sink in sinks for subject in sink.got}
