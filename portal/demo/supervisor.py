"""Starts the programs of `gatefold demo`, keeps them running, and ends exactly those it started."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE = 15.0
RESTART_WAIT = 2.0


class ProgramFailed(RuntimeError):
    """A program that did not get ready; the message names its log."""


def always_ready() -> bool:
    """For programs that nobody waits for."""
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """One process: its name (also of its log), its command, and how to see that it is ready."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool] = always_ready


class Supervisor:
    """Runs programs with logs in `logs`; `say` tells a person what happens."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._say = say
        self._running: dict[str, tuple[Program, subprocess.Popen[bytes]]] = {}
        self._failures: dict[str, float] = {}

    def start(self, programs: Sequence[Program], timeout: float = 60.0) -> None:
        """Start them side by side and return when all are ready.

        `timeout` is in seconds for all together. Raises ProgramFailed when one ends or stays unready.
        """
        for program in programs:
            self._spawn(program)
        deadline = time.monotonic() + timeout
        for program in programs:
            self._await(program, deadline)

    def check(self) -> None:
        """Start again what has ended by itself, at most every two seconds each."""
        for name, (program, process) in list(self._running.items()):
            if process.poll() is None or time.monotonic() - self._failures.get(name, 0) < RESTART_WAIT:
                continue
            self._failures[name] = time.monotonic()
            self._say(f"{name} ended with {process.returncode}; starting it again, see {self.log(name)}")
            self._spawn(program)

    def stop(self) -> None:
        """End all, the last started first; each has 15 seconds before it is killed."""
        for _, process in reversed(self._running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for name, (_, process) in reversed(self._running.items()):
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"{name} does not end; killing it")
                process.kill()
                process.wait()
        self._running.clear()

    def log(self, name: str) -> Path:
        """Where a program's output goes."""
        return self._logs / f"{name}.log"

    def _spawn(self, program: Program) -> None:
        # A session of its own: Ctrl-C at the terminal reaches the supervisor alone, which ends all in order.
        with self.log(program.name).open("ab") as log:
            process = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[program.name] = (program, process)

    def _await(self, program: Program, deadline: float) -> None:
        _, process = self._running[program.name]
        while not program.ready():
            if process.poll() is not None:
                raise ProgramFailed(f"{program.name} ended at once; read {self.log(program.name)}")
            if time.monotonic() > deadline:
                raise ProgramFailed(f"{program.name} did not get ready; read {self.log(program.name)}")
            time.sleep(0.05)
