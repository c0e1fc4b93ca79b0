"""Names and addresses of other machines, asked of the host's resolver within a time limit (COM-06..COM-10).

The look-ups have threads of their own: a name server that is silent must not hold up anything else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from appliances.links.errors import Reason, Refused, Unreachable
from clusters.domains import ascii_domain

T = TypeVar("T")
Place = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""What `getaddrinfo` gives: family, kind, protocol, canonical name, socket address."""

PATIENCE = 8.0
"""Seconds for one look-up; less than the other end waits for an answer."""
_THREADS = ThreadPoolExecutor(16, thread_name_prefix="names")


async def places_of(name: str, port: int, patience: float = PATIENCE) -> list[Place]:
    """Where a host of that name or address may be called. Raises Unreachable (COM-08, COM-10)."""
    try:
        return await _asked(patience, _places, name, port)
    except TimeoutError:
        text = f"the name servers do not answer within {patience:g} seconds for {name}"
    except (socket.gaierror, ValueError):
        text = f"the name {name} is not known"
    raise Unreachable(text, "Check the name and the DNS servers.")


def _places(name: str, port: int | None) -> list[Place]:
    """Raises gaierror, and ValueError for what is no name."""
    # Python itself would ask for fass.de instead of faß.de: it knows IDNA 2003 alone.
    asked = name if name.isascii() else ascii_domain(name)
    return list(socket.getaddrinfo(asked, port, type=socket.SOCK_STREAM))


def addresses_of(hosts: Collection[str], patience: float = PATIENCE) -> dict[str, frozenset[str]]:
    """Where these host names lead, all asked within one time limit; blocks.

    Names that are not known, or not answered for in time, are left out.
    """
    asked = {host: _THREADS.submit(_addresses, host) for host in hosts}
    wait(asked.values(), patience)
    found = {host: answer.result() for host, answer in asked.items() if answer.done()}
    for late in asked.keys() - found.keys():
        asked[late].cancel()
    return {host: places for host, places in found.items() if places}


def names_of(addresses: Collection[str], patience: float = PATIENCE) -> dict[str, str | None]:
    """What the name servers call these addresses, all asked within one time limit; blocks.

    Empty where an address has no name, None where nobody answered in time (COM-09).
    """
    asked = {address: _THREADS.submit(_name, address) for address in addresses}
    wait(asked.values(), patience)
    found = {address: answer.result() if answer.done() else None for address, answer in asked.items()}
    for answer in asked.values():
        answer.cancel()
    return found


def _name(address: str) -> str | None:
    try:
        name = _reverse(address)
    except (OSError, UnicodeError):
        return None
    return "" if name == address else name


def _addresses(host: str) -> frozenset[str]:
    try:
        places = _places(host, None)
    except (OSError, ValueError):
        return frozenset()
    return frozenset(str(place[4][0]).partition("%")[0] for place in places)


def is_loopback(address: str) -> bool:
    """Whether an address never leaves this host, so that no name server is asked for it."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


async def require_reverse(address: str, patience: float = PATIENCE) -> None:
    """Sees that the name servers answer for the address of a caller, by a name or by none (COM-09).

    Raises Refused when they stay silent. An address of loopback never leaves this host, so nobody is asked.
    """
    if is_loopback(address):
        return
    try:
        await _asked(patience, _reverse, address)
    except (TimeoutError, socket.gaierror):
        text = f"the name servers of the machine called do not answer for the address {address} of the caller"
        raise Refused(Reason.NO_REVERSE, text) from None


def _reverse(address: str) -> str:
    """The name of an address, or the address itself; raises gaierror when nobody answers."""
    try:
        return socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    except socket.gaierror as error:
        if error.errno == socket.EAI_NONAME:
            return address
        raise


async def _asked(patience: float, work: Callable[..., T], *arguments: Any) -> T:
    asking = asyncio.get_running_loop().run_in_executor(_THREADS, work, *arguments)
    return await asyncio.wait_for(asking, patience)
