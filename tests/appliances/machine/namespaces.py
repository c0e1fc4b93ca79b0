"""Two hosts of their own: network namespaces with a wire between them that can be cut."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, env={"PATH": PATH})


@contextmanager
def within(name: str) -> Iterator[None]:
    """This thread, the sockets that it opens and the threads that it starts are in that namespace."""
    with open("/proc/thread-self/ns/net") as own, open(f"/run/netns/{name}") as other:
        _enter(other.fileno())
        try:
            yield
        finally:
            _enter(own.fileno())


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0):
        raise OSError(ctypes.get_errno(), "setns")


def name_hosts(names: Iterable[str], addresses: Iterable[str]) -> None:
    """Gives the namespaces an /etc/hosts: no name server is in reach of them (see ip-netns(8))."""
    lines = "".join(f"{address} host{n}.example.net\n" for n, address in enumerate(addresses))
    for name in names:
        folder = Path("/etc/netns", name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n{lines}")


def forget_hosts(names: Iterable[str]) -> None:
    for name in names:
        shutil.rmtree(Path("/etc/netns", name), ignore_errors=True)


@dataclass
class Wire:
    """Namespaces `left` and `right` at the addresses 10.99.0.1 and .2, joined by a pair of devices."""

    names: tuple[str, str] = field(default_factory=lambda: (f"gf{os.getpid()}l", f"gf{os.getpid()}r"))
    addresses: tuple[str, str] = ("10.99.0.1", "10.99.0.2")
    more: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in self.names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        left, right = self.names
        ip("-n", left, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", right)
        for name, address in zip(self.names, self.addresses, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
        name_hosts(self.names, self.addresses)

    def add(self, side: int, address: str, device: str = "wire") -> str:
        """One more address of that side; no road leads to those on its `lo` from the other side."""
        width = 24 if device == "wire" else 32
        ip("-n", self.names[side], "address", "add", f"{address}/{width}", "dev", device)
        self.more.append(address)
        name_hosts(self.names, (*self.addresses, *self.more))
        return address

    def forget_names(self) -> None:
        """What is started from now on has to ask a name server."""
        forget_hosts(self.names)

    def prefix(self, side: int) -> list[str]:
        """What a command is started with to run on that side."""
        return ["ip", "netns", "exec", self.names[side]]

    def within(self, side: int) -> AbstractContextManager[None]:
        """Puts this thread on that side."""
        return within(self.names[side])

    def cut(self) -> None:
        ip("-n", self.names[1], "link", "set", "wire", "down")

    def mend(self) -> None:
        ip("-n", self.names[1], "link", "set", "wire", "up")

    def remove(self) -> None:
        forget_hosts(self.names)
        for name in self.names:
            ip("netns", "delete", name)


@dataclass
class Relay:
    """Three hosts: `left` and `right` reach one another only through `middle`, which can stop that.

    `middle` itself stays in reach of both.
    """

    names: tuple[str, str, str] = field(
        default_factory=lambda: (f"gf{os.getpid()}a", f"gf{os.getpid()}m", f"gf{os.getpid()}b")
    )
    addresses: tuple[str, str, str] = ("10.99.1.1", "10.99.3.1", "10.99.2.1")

    def __post_init__(self) -> None:
        left, middle, right = self.names
        for name in self.names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", middle, "address", "add", f"{self.addresses[1]}/32", "dev", "lo")
        for number, name in ((1, left), (2, right)):
            device = f"to{number}"
            ip("-n", middle, "link", "add", device, "type", "veth", "peer", "name", "wire", "netns", name)
            ip("-n", middle, "address", "add", f"10.99.{number}.254/24", "dev", device)
            ip("-n", middle, "link", "set", device, "up")
            ip("-n", name, "address", "add", f"10.99.{number}.1/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
            ip("-n", name, "route", "add", "default", "via", f"10.99.{number}.254")
        # The middle one calls from the devices that it calls over.
        name_hosts(self.names, (*self.addresses, "10.99.1.254", "10.99.2.254"))
        self._forward("1")

    def _forward(self, value: str) -> None:
        command = f"echo {value} > /proc/sys/net/ipv4/ip_forward"
        ip("netns", "exec", self.names[1], "sh", "-c", command)

    def prefix(self, place: int) -> list[str]:
        """What a command is started with to run on that host."""
        return ["ip", "netns", "exec", self.names[place]]

    def cut(self) -> None:
        """Left and right no longer reach one another."""
        self._forward("0")

    def remove(self) -> None:
        forget_hosts(self.names)
        for name in self.names:
            ip("netns", "delete", name)
