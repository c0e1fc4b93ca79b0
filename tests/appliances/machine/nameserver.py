"""A real name server for tests: a process on port 53 of an address, with a zone that can change."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dnslib import MX, PTR, QTYPE, RCODE, RR, A, DNSRecord

from tests.appliances.machine.machines import ROOT

Zone = dict[str, str]


class NameServer:
    """Knows the addresses in `zone`; is silent about the types in `silent`, as one behind a firewall."""

    def __init__(self, path: Path, address: str, prefix: Sequence[str] = ()) -> None:
        self.address = address
        self._path = path
        self._prefix = prefix
        self._process: subprocess.Popen[bytes] | None = None
        self._log = path.with_suffix(".log")
        self._log.touch()
        self.knows({})

    def knows(
        self, zone: Zone, silent: Sequence[str] = (), exchangers: Mapping[str, str] | None = None
    ) -> None:
        """From now on these host names have these addresses, and nothing else has any.

        `exchangers` are names of the zone whose mail another name takes (MX).
        """
        fresh = self._path.with_suffix(".new")
        known = {"zone": zone, "silent": list(silent), "exchangers": dict(exchangers or {})}
        fresh.write_text(json.dumps(known))
        fresh.replace(self._path)

    @property
    def asked(self) -> list[str]:
        """`TYPE name` of each question."""
        return self._log.read_text().split("\n")[:-1]

    def start(self) -> NameServer:
        words = [sys.executable, "-m", __name__, self.address, str(self._path)]
        self._process = subprocess.Popen([*self._prefix, *words], cwd=ROOT, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def asking(self) -> list[str]:
        """What a command is started with to ask this server and no other."""
        resolver = self._path.with_suffix(".resolv")
        resolver.write_text(f"nameserver {self.address}\noptions timeout:2 attempts:1\n")
        script = f'mount --bind {resolver} /etc/resolv.conf && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh"]


def reply(question: DNSRecord, zone: Zone, exchangers: Mapping[str, str]) -> DNSRecord:
    """The answer to one question."""
    name, kind = str(question.q.qname).rstrip("."), QTYPE[question.q.qtype]
    found = question.reply()
    pointers = {f"{'.'.join(reversed(ip.split('.')))}.in-addr.arpa": host for host, ip in zone.items()}
    if kind == "PTR" and name in pointers:
        found.add_answer(RR(name, QTYPE.PTR, rdata=PTR(pointers[name])))
    elif kind == "A" and name in zone:
        found.add_answer(RR(name, QTYPE.A, rdata=A(zone[name])))
    elif kind == "MX" and name in exchangers:
        found.add_answer(RR(name, QTYPE.MX, rdata=MX(exchangers[name], 10)))
    elif name not in zone:
        found.header.rcode = RCODE.NXDOMAIN
    return found


def serve(address: str, path: Path) -> None:
    """Answers for ever."""
    log = path.with_suffix(".log")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        print("ready", flush=True)
        while True:
            data, caller = server.recvfrom(4096)
            question, known = DNSRecord.parse(data), json.loads(path.read_text())
            kind = QTYPE[question.q.qtype]
            with log.open("a") as file:
                file.write(f"{kind} {str(question.q.qname).rstrip('.')}\n")
            if kind not in known["silent"]:
                server.sendto(reply(question, known["zone"], known["exchangers"]).pack(), caller)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
