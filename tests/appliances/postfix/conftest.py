"""Homes, addresses and sinks for real Postfix instances on loopback."""

from __future__ import annotations

import itertools
import os
import shutil
import smtplib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from appliances.postfix.configuration import Configuration
from appliances.postfix.instance import Instance
from appliances.postfix.parts import Place

PORT = 2525
_counter = itertools.count(1)


def fresh_address() -> str:
    """A loopback address that no other test of this machine uses now."""
    number = next(_counter)
    pid = os.getpid()
    return f"127.{64 + pid % 128}.{pid // 128 % 200 + number // 250}.{number % 250 + 1}"


def until(fact: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait for a fact and return it; fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not (value := fact()):
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)
    return value


@pytest.fixture
def address() -> str:
    return fresh_address()


@contextmanager
def home() -> Iterator[Place]:
    """A home that Postfix can enter; what runs in it is stopped at the end."""
    base = Path(tempfile.mkdtemp(prefix="gf-", dir="/tmp"))
    base.chmod(0o755)
    place = Place(base)
    try:
        yield place
    finally:
        for one in (place, place.shadow):
            Instance(one).stop()
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def place() -> Iterator[Place]:
    with home() as found:
        yield found


@pytest.fixture
def instance(place: Place) -> Instance:
    if os.geteuid():
        pytest.skip("Postfix needs root")
    return Instance(place)


@dataclass
class Received:
    sender: str
    recipients: list[str]
    content: bytes


@dataclass
class Sink:
    """A mail server that takes everything and remembers it."""

    address: str
    port: int = 2600
    messages: list[Received] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd calls it so
        self.messages.append(Received(envelope.mail_from, list(envelope.rcpt_tos), bytes(envelope.content)))
        return "250 taken"


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink(fresh_address())
    controller = Controller(found, hostname=found.address, port=found.port)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()


def gateway(
    address: str, sink: Sink | None = None, *, banner: str = "one", port: int = PORT
) -> Configuration:
    """The settings of a small gateway: takes mail for relay.test and hands it to the sink."""
    configuration = Configuration()
    configuration.set("myhostname", "gw1.example.test")
    configuration.set("smtpd_peername_lookup", "no")
    configuration.set("smtp_host_lookup", "native")
    configuration.append("relay_domains", "relay.test")
    if sink is not None:
        route = configuration.table(
            "routes", "texthash", [("relay.test", f"relay:[{sink.address}]:{sink.port}")]
        )
        configuration.set("transport_maps", route)
    configuration.inet_service(address, port, name="public", options={"smtpd_banner": f"{address} {banner}"})
    return configuration


def banner(address: str, port: int = PORT) -> str:
    """What the listener says first."""
    with smtplib.SMTP(timeout=10) as client:
        return client.connect(address, port)[1].decode()


def send(
    address: str, content: bytes | str, *, to: str = "a@relay.test", port: int = PORT
) -> tuple[int, str]:
    """Hand a message in; returns the last reply."""
    with smtplib.SMTP(address, port, timeout=10) as client:
        client.ehlo("client.test")
        steps: list[Callable[[], tuple[int, bytes]]] = [
            lambda: client.mail("s@client.test"),
            lambda: client.rcpt(to),
            lambda: client.data(content),
        ]
        for command in steps:
            code, text = command()
            if code >= 400:
                break
        return code, text.decode()
