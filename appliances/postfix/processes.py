"""Whose processes and ports these are: read from /proc, because Postfix shares a held port silently."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DAEMONS = "/usr/lib/postfix/sbin/"
PROC = Path("/proc")

_LISTEN, _ESTABLISHED = "0A", "01"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port; pid 0 where it cannot be seen (another namespace)."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})" if self.pid else self.name


def postfix_processes(etc: Path) -> dict[int, str]:
    """Pid and program name of every Postfix daemon that was started with this config directory."""
    found = {}
    for pid in _pids():
        try:
            program = os.readlink(PROC / str(pid) / "exe")
            if program.startswith(DAEMONS) and _config_directory(pid) == os.fsencode(etc):
                found[pid] = Path(program.removesuffix(" (deleted)")).name
        except OSError:
            continue
    return found


def _config_directory(pid: int) -> bytes | None:
    for item in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
        if item.startswith(b"MAIL_CONFIG="):
            return item.removeprefix(b"MAIL_CONFIG=")
    return None


def holders(address: str, port: int) -> set[Holder]:
    """The processes that listen on this address and port, or on the port of all addresses."""
    inodes = {
        inode
        for state, local, held, inode, _ in _sockets()
        if state == _LISTEN and held == port and _overlap(local, address)
    }
    return _owners(inodes) if inodes else set()


def connections(address: str, port: int) -> int:
    """How many connections of clients to this address and port are open."""
    return len(clients(address, port))


def clients(address: str, port: int) -> list[str]:
    """The address of the client of each open connection to this address and port."""
    return [
        peer
        for state, local, held, _, peer in _sockets()
        if state == _ESTABLISHED and held == port and _overlap(local, address)
    ]


def is_local(address: str) -> bool:
    """Whether this machine has the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def free_port(address: str) -> int:
    """A port of this address that nobody uses now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir(PROC) if name.isdigit())


def _sockets() -> Iterator[tuple[str, str, int, str, str]]:
    """State, local address, local port, inode and remote address of each TCP socket."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            host, port = fields[1].split(":")
            yield fields[3], _address(host), int(port, 16), fields[9], _address(fields[2].split(":")[0])


def _address(text: str) -> str:
    """An address as /proc/net/tcp writes it: 32-bit words in the byte order of the machine."""
    raw = bytes.fromhex(text)
    words = [raw[i : i + 4] for i in range(0, len(raw), 4)]
    if sys.byteorder == "little":
        words = [part[::-1] for part in words]
    found = ipaddress.ip_address(b"".join(words))
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _overlap(one: str, other: str) -> bool:
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    if first.version != second.version:
        return False
    return first == second or first.is_unspecified or second.is_unspecified


def _owners(inodes: Iterable[str]) -> set[Holder]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: set[Holder] = set()
    seen: set[str] = set()
    for pid in _pids():
        for link in _links(pid):
            if link in wanted:
                seen.add(link)
                found.add(Holder(pid, _name(pid)))
    return found if seen == set(wanted) else found | {Holder(0, "a process that cannot be seen from here")}


def _links(pid: int) -> Iterator[str]:
    folder = PROC / str(pid) / "fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(folder / name)
        except OSError:
            continue


def _name(pid: int) -> str:
    try:
        return re.sub(r"[^\x20-\x7e]", "?", (PROC / str(pid) / "comm").read_text().strip())
    except OSError:
        return "a process"
