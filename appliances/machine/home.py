"""The home directory of one machine: what it holds, and that only one process works in it.

machine.json      serial number and when the home was made; written last by `init`
state.sqlite3     the replica, drafts and their log
sealing_keys      what opens the secrets in it
keys/             host key and user key
applied.json      which settings Postfix runs with (see `fence`)
ground.json       which interfaces and name are proven, and which on trial (see `returning`)
releases/         other releases of the program (see `appliances.releases.shelf`), upgrade.json a guided run
postfix/          the Postfix instance
lock, ready.json  the running process, and where it answers
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clusters.kept_files import database_fault, file_fault, sync_directory

UNFINISHED = "unfinished"
"""Marks a home whose `init` has not ended; the next `init` begins anew."""


class HomeTrouble(Exception):
    """A home that cannot be made or used; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything of one machine lies."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "state.sqlite3"

    @property
    def sealing_keys(self) -> Path:
        return self.path / "sealing_keys"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def postfix(self) -> Path:
        return self.path / "postfix"

    @property
    def applied(self) -> Path:
        return self.path / "applied.json"

    @property
    def ground(self) -> Path:
        return self.path / "ground.json"

    @property
    def releases(self) -> Path:
        return self.path / "releases"

    @property
    def ready(self) -> Path:
        return self.path / "ready.json"

    @property
    def finished(self) -> bool:
        """Whether this is the home of a machine."""
        return (self.path / "machine.json").exists()

    @property
    def serial(self) -> str:
        """The machine's serial number; raises HomeTrouble."""
        try:
            return str(json.loads((self.path / "machine.json").read_text())["serial"])
        except FileNotFoundError:
            raise HomeTrouble(
                f"{self.path} is not the home of a machine; make one with `machine init`"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HomeTrouble(
                f"{self.path}/machine.json cannot be read ({error}); restore it from a backup"
            ) from None

    def require_whole(self) -> None:
        """See that the database and the keys of secrets can be used; raises HomeTrouble (TRL-29).

        Without this, an empty database would be filled with empty tables, and a missing key be made anew.
        """
        if why := database_fault(self.database):
            raise HomeTrouble(
                f"{self.database} {why}. It holds this machine's settings, pending changes and history:"
                " restore it from a backup of this machine. Without one, move the home away, make a new one"
                " with `machine init`, and join the cluster again"
            )
        if why := file_fault(self.sealing_keys):
            raise HomeTrouble(
                f"{self.sealing_keys} {why}. The secrets in {self.database.name} are sealed with its keys,"
                " and nothing else opens them: restore it from a backup of this machine"
            )

    def begin(self) -> None:
        """Makes the directory for `init`; raises HomeTrouble where something else lies there."""
        if self.finished:
            raise HomeTrouble(f"{self.path} is the home of machine {self.serial} already")
        if self.path.is_dir() and any(self.path.iterdir()):
            if not (self.path / UNFINISHED).exists():
                raise HomeTrouble(f"{self.path} is not empty; name a new directory")
            shutil.rmtree(self.path)
        # Postfix runs as its own user and has to pass through.
        self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
        (self.path / UNFINISHED).touch()

    def finish(self, serial: str) -> None:
        """Makes it the home of that machine; until then it counts for nothing."""
        replace_json(self.path / "machine.json", {"serial": serial, "created": datetime.now(UTC).isoformat()})
        (self.path / UNFINISHED).unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The only process on this home while it lasts; raises HomeTrouble naming the other one."""
        with open(self.path / "lock", "a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise HomeTrouble(
                    f"process {holder} works in {self.path} already; end it first, or name another home"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def read_json(path: Path) -> Any:
    """What a JSON file of the home holds; None where there is none. Raises HomeTrouble."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise HomeTrouble(
            f"{path} cannot be read ({error}); remove it, or restore it from a backup"
        ) from None


def replace_json(path: Path, value: Any) -> None:
    """Puts a JSON file in place whole, or not at all, whenever the power goes; raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
