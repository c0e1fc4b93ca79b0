"""A whole demo for a test: its own addresses, port and state; started and ended as a person would."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

ROOT = Path(__file__).parents[2]
NET = "127.26"
START = 420.0
ARRIVAL = 60.0
IN_ORDER = "8 machines, 8 connected, 8 enforce what is wanted"


def wait_for(fact: Callable[[], bool], what: str, seconds: float) -> None:
    """Returns when the fact is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Demonstration:
    """`manage.py demo` in a folder of its own."""

    def __init__(self) -> None:
        self.var = Path(tempfile.mkdtemp(prefix="gf-demo-", dir="/tmp"))
        self.var.chmod(0o755)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._output = self.var / "output"

    @property
    def portal(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """What the demo has printed since its last start."""
        return self._output.read_text()

    def start(self, *, portal: bool = True) -> None:
        """Start it and return when it says that all is in order."""
        command = [sys.executable, "manage.py", "demo", "--port", str(self.port), "--pause", "600"]
        environment = {**os.environ, "GATEFOLD_VAR": str(self.var), "GATEFOLD_DEMO_NET": NET}
        environment["DJANGO_SETTINGS_MODULE"] = "portal.settings.portal"
        with self._output.open("wb") as output:
            process = self._process = subprocess.Popen(
                command if portal else [*command, "--machines-only"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wanted = "Gatefold is running" if portal else "run without the portal"
        wait_for(lambda: wanted in self.said or process.poll() is not None, self.said, START)
        assert wanted in self.said, self.said

    def stop(self) -> str:
        """Ctrl-C; returns what it said, when everything has ended."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)
        return self.said

    def end(self) -> None:
        """Stop it if it runs, and forget its state."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        shutil.rmtree(self.var)

    def processes(self) -> list[int]:
        """All processes that still name the demo's folder, or hold a port of its addresses."""
        found = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
        mine = [line.split(None, 1) for line in found.stdout.splitlines() if str(self.var) in line]
        return [int(pid) for pid, *_ in mine]

    def sink_of(self, address: str, recipient_domain: str) -> str:
        """Send one message through the machine at that address; the name of the sink that got it."""
        recipient = f"{secrets.token_hex(6)}@{recipient_domain}"
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "a@elsewhere.example", recipient, "Where do I land?"
        mail.set_content("A question.\n")
        with smtplib.SMTP(address, 2525, timeout=30) as client:
            client.send_message(mail)
        log = self.var / "log" / "mail.log"
        found: list[str] = []

        def arrived() -> bool:
            found[:] = re.findall(rf"(\S+)\s+got {recipient}", log.read_text())
            return bool(found)

        wait_for(arrived, f"{recipient} through {address}", ARRIVAL)
        return found[0]


def typed(address: str, line: str) -> subprocess.CompletedProcess[str]:
    """What OpenSSH's `ssh` prints for a line of commands typed as admin on the machine."""
    with tempfile.TemporaryDirectory() as folder:
        ask = Path(folder, "ask")
        ask.write_text("#!/bin/sh\necho gatefold-demo\n")
        ask.chmod(0o700)
        options = ("-o", f"UserKnownHostsFile={folder}/known", "-o", "StrictHostKeyChecking=accept-new")
        return subprocess.run(
            ["ssh", "-F", "none", *options, "-p", "2022", f"admin@{address}", line],
            env={**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":none"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
