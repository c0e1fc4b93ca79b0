"""A person at a terminal of a machine."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time

from tests.appliances.machine.machines import Machine


class Terminal:
    """OpenSSH's client in a pseudo-terminal."""

    def __init__(self, machine: Machine) -> None:
        self.shown = ""
        self._main, side = pty.openpty()
        self.process = subprocess.Popen(
            machine.ssh_words(options=["-tt"]),
            stdin=side,
            stdout=side,
            stderr=side,
            env={**machine.asking(machine.passphrase), "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(side)

    def types(self, text: str) -> None:
        os.write(self._main, text.encode())

    def sees(self, wanted: str, patience: float = 40.0) -> None:
        """Waits until `wanted` is shown, after what was waited for last."""
        end = time.monotonic() + patience
        while wanted not in self._plain():
            if time.monotonic() > end or not self._read():
                raise AssertionError(f"{wanted!r} is not in {self._plain()!r}")
        self.shown = self._plain().partition(wanted)[2]

    def _read(self) -> bool:
        if not select.select([self._main], [], [], 1.0)[0]:
            return True
        try:
            data = os.read(self._main, 65536)
        except OSError:
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)

    def _plain(self) -> str:
        """Without colours; what was wrapped to the width, with its hanging indent, in one line."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", self.shown)
        return re.sub(r"\r+\n {2,}", " ", plain)

    def ended(self) -> int:
        """Reads on until the client has ended; its exit code."""
        while self._read() and self.process.poll() is None:
            pass
        return self.process.wait(20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(20)
        os.close(self._main)

    def answers(self, *pairs: str) -> None:
        """Question and answer in turn: waits for each question, types the answer and Enter."""
        for question, answer in zip(pairs[::2], pairs[1::2], strict=True):
            self.sees(question)
            self.types(answer + "\r")
