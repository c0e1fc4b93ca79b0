"""Two hosts of their own: network namespaces with a wire between them that can be cut."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, env={"PATH": PATH})


@dataclass
class Wire:
    """Namespaces `left` and `right` at the addresses 10.99.0.1 and .2, joined by a pair of devices."""

    names: tuple[str, str] = field(default_factory=lambda: (f"gf{os.getpid()}l", f"gf{os.getpid()}r"))
    addresses: tuple[str, str] = ("10.99.0.1", "10.99.0.2")

    def __post_init__(self) -> None:
        for name in self.names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        left, right = self.names
        ip("-n", left, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", right)
        for name, address in zip(self.names, self.addresses, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")

    def prefix(self, side: int) -> list[str]:
        """What a command is started with to run on that side."""
        return ["ip", "netns", "exec", self.names[side]]

    def cut(self) -> None:
        ip("-n", self.names[1], "link", "set", "wire", "down")

    def mend(self) -> None:
        ip("-n", self.names[1], "link", "set", "wire", "up")

    def remove(self) -> None:
        for name in self.names:
            ip("netns", "delete", name)
