"""One real Postfix: its directories, start, stop, reload, and what it says in its log.

Run by `-c BASE/etc`; /etc/postfix is never read or written. Calls block for up to some seconds.
"""

from __future__ import annotations

import grp
import logging
import os
import pwd
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliances.postfix import log, logjam, processes
from appliances.postfix.parts import Place
from appliances.postfix.processes import Holder

logger = logging.getLogger(__name__)

POSTFIX = "/usr/sbin/postfix"
TICK = 0.01
"""Seconds between two looks at a fact that is awaited."""
PATIENCE = 2.0
"""Seconds after which a command that has not ended may be waiting for a jammed log."""


class InstanceError(RuntimeError):
    """Postfix did not do as it was told; `lines` are its own words from the log."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        self.lines = tuple(lines)
        super().__init__(message)


class PortTaken(InstanceError):
    """Another process listens where Postfix should."""


@dataclass(frozen=True, slots=True)
class Status:
    """Whether Postfix runs, since when (seconds of the epoch), and with how many processes."""

    running: bool
    pid: int | None = None
    since: float | None = None
    processes: int = 0


@dataclass(frozen=True, slots=True)
class Instance:
    """The Postfix whose home is `place`; `timeout` (seconds) bounds each command."""

    place: Place
    timeout: float = 30.0

    def prepare(self) -> None:
        """Make the directories that Postfix and our services need, with their owners. Needs root."""
        postfix = pwd.getpwnam("postfix")
        postdrop = grp.getgrnam("postdrop").gr_gid
        for folder, uid, gid, mode in (
            (self.place.base, 0, 0, 0o755),
            (self.place.log, 0, 0, 0o755),
            (self.place.lib, postfix.pw_uid, 0, 0o700),
            (self.place.spool, 0, 0, 0o755),
            (self.place.private, postfix.pw_uid, 0, 0o700),
            (self.place.spool / "public", postfix.pw_uid, postdrop, 0o710),
            (self.place.spool / "maildrop", postfix.pw_uid, postdrop, 0o730),
        ):
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, uid, gid)
            folder.chmod(mode)

    @property
    def pid(self) -> int | None:
        """The process number of the master, if it runs."""
        try:
            pid = int((self.place.spool / "pid" / "master.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if self.processes.get(pid) == "master" else None

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def processes(self) -> dict[int, str]:
        """Pid and program of each of its daemons, orphans too."""
        return processes.postfix_processes(self.place.etc)

    def status(self) -> Status:
        """What is true now, from the process table."""
        daemons = self.processes
        pid = self.pid
        if pid is None:
            return Status(running=False, processes=len(daemons))
        since = (self.place.spool / "pid" / "master.pid").stat().st_mtime
        return Status(running=True, pid=pid, since=since, processes=len(daemons))

    def declared_ports(self) -> list[tuple[str, int]]:
        """Address and port of each listener in the config directory as it stands."""
        text = (self.place.etc / "master.cf").read_text()
        found = re.findall(r"^\[?([0-9a-fA-F.:]+?)\]?:(\d+)\s+inet\s", text, re.MULTILINE)
        return [(address, int(port)) for address, port in found]

    def check_ports(self, ports: Sequence[tuple[str, int]]) -> None:
        """Raises PortTaken for the first port that a process other than ours holds (SO_REUSEPORT)."""
        for address, port in ports:
            # Daemons come and go while one looks: only who is foreign at two looks is.
            if (once := self._foreign(address, port)) and (twice := once & self._foreign(address, port)):
                raise PortTaken(f"port {port} of {address} is held by {min(twice, key=lambda h: h.pid)}")

    def _foreign(self, address: str, port: int) -> set[Holder]:
        held = processes.holders(address, port)
        # Asked afterwards, so that a daemon that has just begun counts as ours.
        own = set(self.processes)
        return {holder for holder in held if holder.pid not in own}

    def start(self) -> None:
        """Start, unless it runs. Daemons left over from a killed master are ended first.

        Raises PortTaken, InstanceError.
        """
        if self.running:
            return
        if not (self.place.etc / "main.cf").exists():
            raise InstanceError("there are no settings to start Postfix with yet")
        self._end_orphans()
        self.prepare()
        self.check_ports(self.declared_ports())
        self._command("start")

    def reload(self) -> None:
        """Tell Postfix to read its config directory again; open sessions go on. Raises InstanceError.

        Postfix does so a moment later: `Switch.confirm` sees when new sessions have the new settings.
        """
        # Not a bare SIGHUP: what `postfix reload` does first makes that moment short.
        self._command("reload")

    def stop(self) -> None:
        """End the master and all daemons, open sessions too; nothing happens if none runs.

        Raises InstanceError if one cannot be ended.
        """
        pid = self.pid
        if pid is not None:
            _signal(pid, signal.SIGTERM)
            self._wait(lambda: not self.processes, self.timeout / 2)
        self._end_orphans()

    def supervise(self) -> bool:
        """Start it again if it should run and does not; returns whether that was needed.

        One that runs and is held up by its own log is freed.
        """
        if (pid := self.pid) is not None:
            if logjam.held_up(pid):
                self._relieve()
            return False
        self.start()
        return True

    def log_end(self) -> log.Position:
        """Where the log ends now."""
        return log.end_of(self.place.maillog)

    def log_since(self, position: log.Position) -> list[str]:
        """The lines of the log since a position."""
        return log.read_since(self.place.maillog, position)[0]

    def await_line(self, since: log.Position, wanted: Callable[[str], bool], seconds: float) -> str | None:
        """The first line of the log after a position that is wanted; None if none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            lines, since = log.read_since(self.place.maillog, since)
            for line in lines:
                if wanted(line):
                    return line
            if time.monotonic() > deadline:
                return None
            time.sleep(TICK)

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a Postfix tool on this instance, such as `("/usr/sbin/postqueue", "-j")`.

        `-c` is put in. Raises InstanceError when it takes longer than the timeout.
        """
        return self.run(arguments[0], "-c", str(self.place.etc), *arguments[1:], stdin=stdin)

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program; raises InstanceError when it takes longer than the timeout."""
        deadline = time.monotonic() + self.timeout
        with subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd="/",
        ) as process:
            while True:
                try:
                    said, complained = process.communicate(stdin, timeout=PATIENCE)
                except subprocess.TimeoutExpired:
                    self._relieve()
                    if time.monotonic() > deadline:
                        process.kill()
                        name = Path(arguments[0]).name
                        raise InstanceError(f"{name} gave no answer in {self.timeout:g} s") from None
                else:
                    return subprocess.CompletedProcess(arguments, process.returncode, said, complained)

    def _relieve(self) -> None:
        """What takes long may wait for a log service that waits for the master."""
        if (pid := self.pid) is not None and (count := logjam.relieve(pid, self.place.maillog)):
            logger.warning("freed Postfix of %s, whose log was jammed: %d lines", self.place.base, count)

    def _command(self, verb: str) -> None:
        before = self.log_end()
        done = self.command(POSTFIX, verb)
        if done.returncode:
            # Through a pipe Postfix says nothing: its words are in the log.
            lines = [line for line in self.log_since(before) if re.search(r"warning|error|fatal|panic", line)]
            said = "; ".join(line.split("]: ", 1)[-1] for line in lines) or "it gave no reason"
            raise InstanceError(f"Postfix could not {verb}: {said}", lines)

    def _end_orphans(self) -> None:
        for deadline, number in ((self.timeout / 4, signal.SIGTERM), (self.timeout / 4, signal.SIGKILL)):
            for pid in self.processes:
                _signal(pid, number)
            if self._wait(lambda: not self.processes, deadline):
                return
        raise InstanceError(f"daemons of {self.place.base} do not end: {sorted(self.processes)}")

    def _wait(self, fact: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not fact():
            if time.monotonic() > end:
                return False
            time.sleep(TICK)
        return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
