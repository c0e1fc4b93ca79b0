"""A PostgreSQL of the tests' own, from Debian's package: no service of the host is touched.

It listens on a socket in a directory of its own and nowhere else, keeps nothing safe, and ends with the
process that started it. `python -m tests.postgresql COMMAND ...` runs a command whose database it is.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import dj_database_url
import psycopg
from django.db import connections

PROGRAMS = Path("/usr/lib/postgresql")
PATIENCE = 60.0
NAME = "gatefold"

SETTINGS = (
    "listen_addresses=", "fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60",
    # Only how soon a deadlock is seen; whether there is one does not hang on it.
    "deadlock_timeout=200ms",
)  # fmt: skip


class Server:
    """Runs from `with` to its end; `url` is what GATEFOLD_DATABASE_URL takes."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="gf-postgresql-", dir="/tmp"))
        self._server = f"postgres://{NAME}@{quote(str(self.home), safe='')}"
        self.url = f"{self._server}/{NAME}"
        self._programs = max(PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *why: object) -> None:
        self.close()

    def _start(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.home, "nobody")
        data = str(self.home / "data")
        # Sorted as people do: what works only where letters stand in the order of their codes is found.
        sorting = ("--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8")
        made = ("--no-sync", "--auth=trust", "--encoding=UTF8", f"--username={NAME}", *sorting)
        subprocess.run([*self._program("initdb"), "-D", data, *made], check=True, capture_output=True)
        settings = [word for each in SETTINGS for word in ("-c", each)]
        with (self.home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._program("postgres"), "-D", data, "-k", str(self.home), *settings], stderr=log
            )
        self._wait()

    def _program(self, name: str) -> list[str]:
        # PostgreSQL refuses to run as root; and it must not outlive a test run that is killed.
        nobody = ("--reuid=nobody", "--regid=nogroup", "--clear-groups") if os.geteuid() == 0 else ()
        return ["setpriv", "--pdeathsig=INT", *nobody, str(self._programs / name)]

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with psycopg.connect(f"{self._server}/postgres", autocommit=True) as session:
                    session.execute(f"CREATE DATABASE {NAME}")
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() > end or (self._process and self._process.poll() is not None):
                    raise AssertionError(f"{error}\n{(self.home / 'log').read_text()}") from None
                time.sleep(0.05)

    def close(self) -> None:
        """End it, whoever is connected, and forget all that it held."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(PATIENCE)
        shutil.rmtree(self.home, ignore_errors=True)


@contextmanager
def in_its_place(url: str) -> Iterator[None]:
    """The database there stands in for that of the tests, in every thread that begins meanwhile."""
    told: Any = connections
    mine, settings = told["default"], told.settings["default"]
    told.settings["default"] = told.configure_settings({"default": dj_database_url.parse(url)})["default"]
    del told["default"]
    try:
        yield
    finally:
        told["default"].close()
        told.settings["default"] = settings
        told["default"] = mine


def main() -> int:
    """Runs the command with such a database; returns its exit code."""
    with Server() as server:
        return subprocess.call(sys.argv[1:], env={**os.environ, "GATEFOLD_DATABASE_URL": server.url})


if __name__ == "__main__":
    sys.exit(main())
