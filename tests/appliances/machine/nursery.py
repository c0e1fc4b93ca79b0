"""Starts `manage.py` in processes that have loaded its modules already.

A machine's program loads for a second of processor time before it does anything, and the tests start it
hundreds of times. A nursery loads once what asks for no settings, and forks: each child runs `manage.py` from
its first line. What a program is told by its environment is for a Python of its own: modules may look at it
while they load.

    python -m tests.appliances.machine.nursery FD    serves the socket FD until nobody holds its other end
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from django.core.exceptions import ImproperlyConfigured

OF_TESTS = ("DJANGO_SETTINGS_MODULE", "PYTEST_CURRENT_TEST")
"""What tests know by their environment and no program of a machine should."""

ROOT = Path(__file__).resolve().parents[3]
LIBRARIES = ("django.core.management.commands.migrate", "django.db.backends.sqlite3.base", "prompt_toolkit")
"""What programs load late, beside what our own modules name."""

MOST = 100_000
"""Bytes of a command line."""


class Child:
    """A running program: what the tests use of `subprocess.Popen`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.pid = int(connection.recv(20))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._ended(within=0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; raises subprocess.TimeoutExpired after so many seconds."""
        code = self._ended(within=timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def _ended(self, within: float | None) -> int | None:
        if self.returncode is None:
            self._connection.settimeout(within)
            try:
                self.returncode = int(self._connection.recv(20))
            except (BlockingIOError, TimeoutError):
                return None
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends the signal, unless the program has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def environment() -> dict[str, str]:
    """What a machine's program is told by default."""
    return {name: value for name, value in os.environ.items() if name not in OF_TESTS}


ENVIRONMENT = environment()
"""What all programs of a nursery are told: as it was before any test."""


class _Nursery:
    """The nursery of this process, which ends with it."""

    def __init__(self) -> None:
        self.control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            command = [sys.executable, "-m", __name__, str(its.fileno())]
            self._process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, pass_fds=[its.fileno()])
        atexit.register(self._close)

    def _close(self) -> None:
        self.control.close()
        self._process.wait()


_lock = Lock()
_nurseries: list[_Nursery] = []


def _nursery() -> _Nursery:
    with _lock:  # machines are made side by side
        if not _nurseries:
            _nurseries.append(_Nursery())
        return _nurseries[0]


def start(words: Sequence[str], *, cwd: str, stdin: int, stdout: int, stderr: int) -> Child | None:
    """`manage.py` with these words, in that directory and with those open files.

    None where the environment is no longer that of the nursery.
    """
    if environment() != ENVIRONMENT:
        return None
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        asked = json.dumps({"words": list(words), "cwd": cwd}).encode()
        socket.send_fds(_nursery().control, [asked], [its.fileno(), stdin, stdout, stderr])
    return Child(ours)


def load() -> None:
    """Loads all that asks for no settings; what does ask is loaded by each child, after them."""
    for name in (*LIBRARIES, *_own()):
        try:
            importlib.import_module(name)
        except ImproperlyConfigured:
            continue
    # A thread would be missing in the children, with whatever lock it held.
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()


def _own() -> Iterator[str]:
    for package in ("clusters", "appliances"):
        folder = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(folder, f"{package}.", onerror=lambda name: None):
            if not module.name.endswith((".admin", ".migrations")) and ".migrations." not in module.name:
                yield module.name


def serve(control: socket.socket) -> dict[str, object] | None:
    """Forks for each request, and reaps. Returns the request in the child, and None at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who runs the tests ends them, and they their programs
    running: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as wanted:
        wanted.register(control, selectors.EVENT_READ)
        while True:
            for key, _events in wanted.select():
                if key.fileobj is not control:
                    wanted.unregister(key.fd)
                    _reap(*running.pop(key.fd))
                    os.close(key.fd)
                    continue
                asked, files, _flags, _address = socket.recv_fds(control, MOST, 4)
                if not asked:
                    return None
                connection = socket.socket(fileno=files[0])
                pid = os.fork()
                if not pid:
                    _become(files[1:])
                    control.close()
                    for _pid, other in [*running.values(), (0, connection)]:
                        other.close()
                    for handle in running:
                        os.close(handle)
                    return dict(json.loads(asked))
                for file in files[1:]:
                    os.close(file)
                connection.send(str(pid).encode())
                handle = os.pidfd_open(pid)
                running[handle] = pid, connection
                wanted.register(handle, selectors.EVENT_READ)


def _reap(pid: int, connection: socket.socket) -> None:
    _pid, status = os.waitpid(pid, 0)
    with connection, suppress(BrokenPipeError):  # nobody asks any more
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(files: Sequence[int]) -> None:
    """Takes the files as standard input, output and errors, and the signals as a fresh Python has them."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> None:
    load()
    control = socket.socket(fileno=int(sys.argv[1]))
    if asked := serve(control):
        os.chdir(str(asked["cwd"]))
        program = str(ROOT / "manage.py")
        words = asked["words"]
        assert isinstance(words, list)
        sys.argv = [program, *words]
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
