"""Where host names lead, asked within a time limit."""

from __future__ import annotations

import asyncio
import socket
import time
from threading import Event
from typing import Any

import pytest

from appliances.links.errors import Unreachable
from appliances.links.names import addresses_of, names_of, places_of


def test_names_without_answer_in_time_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """L21, COM-10: all together within one limit."""
    over = Event()

    def asked(host: str, *args: Any, **more: Any) -> list[Any]:
        if host.startswith("slow"):
            over.wait(10)
        if host == "unknown.example":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%eth0", 0, 0, 2))]

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    began = time.monotonic()
    hosts = [*(f"slow{n}.example" for n in range(3)), "unknown.example", "mx1.example", "not\udc80"]
    found = addresses_of(hosts[:-1], 0.3)
    over.set()

    assert found == {"mx1.example": frozenset({"fe80::1"})}
    assert time.monotonic() - began < 5


def test_names_of_addresses_are_told_from_none_and_from_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """L13, COM-09."""
    over = Event()

    def asked(place: tuple[str, int], flags: int) -> tuple[str, str]:
        address = place[0]
        if address == "192.0.2.9":
            over.wait(10)
        if address == "192.0.2.8":
            raise socket.gaierror(socket.EAI_AGAIN, "servers fail")
        if address == "192.0.2.7":
            raise socket.gaierror(socket.EAI_NONAME, "none")
        return "mx1.example", "0"

    monkeypatch.setattr(socket, "getnameinfo", asked)
    found = names_of(["192.0.2.1", "192.0.2.7", "192.0.2.8", "192.0.2.9"], 0.3)
    over.set()
    assert found == {"192.0.2.1": "mx1.example", "192.0.2.7": "", "192.0.2.8": None, "192.0.2.9": None}


def test_address_of_a_known_name_is_found() -> None:
    """L21."""
    assert "127.0.0.1" in addresses_of(["localhost"])["localhost"]


def test_name_beyond_ascii_is_asked_for_by_idna_2008(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL-05: Python by itself asks for fass.de."""
    asked: list[str] = []

    def answer(host: str, *args: Any, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    asyncio.run(places_of("mx.faß.de", 22))
    assert addresses_of(["mx.faß.de"]) == {"mx.faß.de": frozenset({"192.0.2.1"})}
    assert asked == ["mx.xn--fa-hia.de"] * 2
    with pytest.raises(Unreachable, match="not known"):
        asyncio.run(places_of("💩.la", 22))
