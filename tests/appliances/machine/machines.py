"""Real machines for tests: daemons as processes on loopback addresses, driven by OpenSSH's `ssh`."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from tests.appliances.machine import nursery

T = TypeVar("T")
Process = subprocess.Popen[bytes] | nursery.Child

ROOT = Path(__file__).resolve().parents[3]
MANAGE = [sys.executable, str(ROOT / "manage.py"), "machine"]
PASSPHRASE = "correct horse battery"
SSH_PORT = 2200
SMTP_PORT = 2525
PATIENCE = 40.0

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_numbers = itertools.count(1)


def free_address() -> str:
    """A loopback address that no other test of this run, worker or neighbour uses."""
    lots, number = divmod(next(_numbers), 250)
    return f"127.{101 + _worker}.{(os.getpid() + lots) % 250 + 1}.{number + 1}"


def until(
    fact: Callable[[], T | None], what: str, patience: float = PATIENCE, *, log_of: Machine | None = None
) -> T:
    """Waits for a fact and returns it; what a machine has logged explains why it did not come."""
    end = time.monotonic() + patience
    while not (found := fact()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience:g} s: {what}\n{log_of.log if log_of else ''}")
        time.sleep(0.1)
    return found


def greeting(address: str, port: int) -> str:
    """What answers at a port; empty where nothing does, or no road leads there."""
    try:
        with socket.create_connection((address, port), timeout=10) as connection:
            # Behind the line the keys of SSH follow, which are no text, and may come with it.
            return connection.makefile("rb").readline().decode("ascii", "replace").strip()
    except OSError:
        return ""


def _program(
    words: Sequence[str],
    stdin: IO[Any],
    stdout: IO[Any],
    stderr: IO[Any],
    *,
    env: dict[str, str],
    cwd: str,
    prefix: Sequence[str] = (),
) -> Process:
    """`machine` with these words; in a Python of its own where something else is told or lies before it."""
    if not (prefix or env):
        files = {"stdin": stdin.fileno(), "stdout": stdout.fileno(), "stderr": stderr.fileno()}
        if child := nursery.start(["machine", *words], cwd=cwd, **files):
            return child
    told = nursery.environment() | env
    return subprocess.Popen(
        [*prefix, *MANAGE, *words], stdin=stdin, stdout=stdout, stderr=stderr, env=told, cwd=cwd
    )


@dataclass(frozen=True)
class Answer:
    """What came of a command over ssh."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


@dataclass
class Machine:
    """One gateway: its home, and its process while it runs.

    `prefix` runs it in a namespace; `beside` enters it, to be where its addresses are reached.
    """

    serial: str
    hostname: str
    address: str
    home: Path
    prefix: Sequence[str] = ()
    beside: Callable[[], AbstractContextManager[None]] = nullcontext
    process: Process | None = None
    passphrase: str = PASSPHRASE
    _known_hosts: Path = field(init=False)

    def __post_init__(self) -> None:
        self._known_hosts = self.home.with_suffix(".known_hosts")

    def init(self, settings: dict[str, Any] | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """`machine init`; the answer is not checked."""
        words = ["init", "--home", str(self.home), "--serial", self.serial, "--hostname", self.hostname]
        words += ["--address", self.address, "--ssh-port", str(SSH_PORT)]
        if settings is not None:
            file = self.home.with_suffix(".settings")
            file.write_text(json.dumps(settings))
            words += ["--first-settings", str(file)]
        return self._does(words, PASSPHRASE + "\n", env)

    def _does(self, words: list[str], said: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """`machine` with these words, up to its end."""
        with ExitStack() as open_files:
            stdin, *written = (open_files.enter_context(tempfile.TemporaryFile("w+")) for _file in range(3))
            stdin.write(said)
            stdin.seek(0)
            process = _program(words, stdin, *written, env=env, cwd=os.getcwd())
            code = process.wait(PATIENCE)
            for file in written:
                file.seek(0)
            return subprocess.CompletedProcess(words, code, *(file.read() for file in written))

    def start(self, *options: str, wait: bool = True, **env: str) -> Machine:
        """`machine run`, up to where it answers."""
        with open(self.log_file, "ab") as log, open(os.devnull, "rb") as nothing:
            words = ["run", "--home", str(self.home), *options]
            self.process = _program(words, nothing, log, log, env=env, cwd="/", prefix=self.prefix)
        if wait:
            self.wait_ready()
        return self

    @property
    def log_file(self) -> Path:
        return self.home.with_suffix(".log")

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_ready(self) -> None:
        ready = self.home / "ready.json"
        until(lambda: ready.exists() or self.ended, f"{self.serial} is ready")
        assert not self.ended, self.log

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def wait_killed(self) -> None:
        """The process has ended by a kill point."""
        assert self.process is not None
        assert self.process.wait(PATIENCE) == -signal.SIGKILL, self.log
        (self.home / "ready.json").unlink(missing_ok=True)

    def kill(self) -> None:
        """kill -9 of the program; Postfix runs on."""
        assert self.process is not None
        self.process.kill()
        self.wait_killed()

    def stop(self) -> None:
        """SIGTERM, and the end of it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)

    def end_postfix(self) -> None:
        """After a kill nobody else ends it."""
        if os.geteuid() == 0 and self.home.exists():
            from appliances.postfix.instance import Instance
            from appliances.postfix.parts import Place

            with suppress(Exception):
                Instance(Place(self.home / "postfix")).stop()

    def ssh_words(self, *words: str, user: str = "admin", options: Iterable[str] = ()) -> list[str]:
        """A command line of OpenSSH's client for this machine."""
        settings = [
            "StrictHostKeyChecking=accept-new",
            f"UserKnownHostsFile={self._known_hosts}",
            "LogLevel=ERROR",
            "NumberOfPasswordPrompts=1",
        ]
        flags = [flag for setting in settings for flag in ("-o", setting)]
        return [
            *self.prefix,
            "ssh",
            "-F",
            "none",
            *flags,
            *options,
            "-p",
            str(SSH_PORT),
            f"{user}@{self.address}",
            *words,
        ]

    def ssh(
        self, command: str, *, stdin: str = "", user: str = "admin", passphrase: str | None = None
    ) -> Answer:
        """One command line over OpenSSH's client."""
        shared = user == "admin" and passphrase is None
        done = subprocess.run(
            self.ssh_words(command, user=user, options=self._shared_connection() if shared else ()),
            input=stdin,
            capture_output=True,
            text=True,
            env=self.asking(passphrase or self.passphrase),
            timeout=90,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def asking(self, passphrase: str) -> dict[str, str]:
        """An environment in which ssh finds the passphrase."""
        script = self.home.with_suffix(".askpass")
        script.write_text('#!/bin/sh\necho "$GATEFOLD_TEST_PASSPHRASE"\n')
        script.chmod(0o700)
        return {
            **os.environ,
            "SSH_ASKPASS": str(script),
            "SSH_ASKPASS_REQUIRE": "force",
            "GATEFOLD_TEST_PASSPHRASE": passphrase,
        }

    def _shared_connection(self) -> list[str]:
        """One login for many commands: each is a session of its own, as each `ssh` would have it."""
        control = ["-S", str(self.home.with_suffix(".control"))]
        env = self.asking(self.passphrase)
        quiet: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        alive = subprocess.run(self.ssh_words("-O", "check", options=control), env=env, check=False, **quiet)
        if alive.returncode:
            opening = self.ssh_words(options=[*control, "-M", "-N", "-f"])
            subprocess.run(opening, env=env, check=False, timeout=60, **quiet)
        return control

    def does(self, command: str, *, stdin: str = "") -> str:
        """The output of a command that must succeed."""
        answer = self.ssh(command, stdin=stdin)
        assert answer.code == 0, (answer, self.log)
        return answer.out

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ssh("status --json").json
        return found

    @property
    def fingerprint(self) -> str:
        """Of the host key."""
        return str(self.ssh("clusterconfig prepjoin print --json").json["fingerprint"])

    def join(self, member: Machine, **changed: str) -> Answer:
        """Joins the cluster of another machine."""
        told = {"port": str(SSH_PORT), "fingerprint": member.fingerprint, "user": "admin"} | changed
        options = " ".join(f"--{name} {value}" for name, value in told.items() if name != "passphrase")
        command = f"clusterconfig join {member.address} {options} --passphrase-stdin"
        return self.ssh(command, stdin=changed.get("passphrase", member.passphrase) + "\n")

    def settled(self) -> dict[str, Any]:
        """The status once mail sees what holds."""

        def fact() -> dict[str, Any] | None:
            found = self.status
            return found if found["enforced"] and found["enforced"] == found["wanted"] else None

        return until(fact, f"{self.serial} has its settings in force\n{self.log}")


class Machines:
    """The machines of a test, ended and removed with it."""

    def __init__(self) -> None:
        # pytest's own directories are closed to Postfix's user.
        self.path = Path(tempfile.mkdtemp(prefix="gf-", dir="/tmp"))
        self.path.chmod(0o755)
        self.all: list[Machine] = []

    def new(
        self,
        name: str,
        *,
        address: str = "",
        prefix: Sequence[str] = (),
        beside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Machine:
        """A machine without a home yet."""
        found = Machine(
            name.upper(), f"{name}.example.com", address or free_address(), self.path / name, prefix, beside
        )
        self.all.append(found)
        return found

    def made(self, *names: str, settings: dict[str, Any] | None = None) -> list[Machine]:
        """Homes of several machines, made side by side."""
        return self.at_home([self.new(name) for name in names], settings)

    def at_home(self, machines: list[Machine], settings: dict[str, Any] | None = None) -> list[Machine]:
        """Gives them their homes, side by side."""
        with ThreadPoolExecutor(len(machines)) as threads:
            for done in threads.map(lambda machine: machine.init(settings), machines):
                assert done.returncode == 0, done
        return machines

    def started(self, *names: str, settings: dict[str, Any] | None = None) -> list[Machine]:
        """Running standalone machines."""
        machines = self.made(*names, settings=settings)
        for machine in machines:
            machine.start(wait=False)
        for machine in machines:
            machine.wait_ready()
        return machines

    def cluster(self, *names: str, settings: dict[str, Any] | None = None) -> list[Machine]:
        """A cluster `Americas`, created on the first and joined by the others."""
        first, *others = machines = self.started(*names, settings=settings)
        first.does("clusterconfig new Americas --by-address")
        for other in others:
            answer = other.join(first)
            assert answer.code == 0, (answer, other.log, first.log)
        return machines

    def close(self) -> None:
        for machine in self.all:
            if machine.process is not None and machine.process.poll() is None:
                machine.process.terminate()
        for machine in self.all:
            machine.stop()
            machine.end_postfix()
        shutil.rmtree(self.path, ignore_errors=True)


def listener(**more: Any) -> dict[str, Any]:
    """A `listenerconfig` that takes mail for example.com on the first interface."""
    return {
        "listeners": [
            {
                "name": "incoming",
                "interface": "Management",
                "port": SMTP_PORT,
                "hat": {
                    "sender_groups": [{"name": "ALL", "hosts": ["ALL"], "policy": "ACCEPTED"}],
                    "policies": [{"name": "ACCEPTED", "behaviour": "accept"}],
                },
                "rat": {"entries": [{"recipient": "example.com"}]},
                **more,
            }
        ]
    }
