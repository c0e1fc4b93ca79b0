"""The releases that a machine has beside the one it was set up with, and which of them it runs.

<home>/releases/
  gatefold-0.2.0.tar.gz   downloaded, its checksum seen to be right
  0.2.0/                  installed: the program's tree, and .venv where it needs other packages
  state.json              `current` and `previous` (empty: the tree that the machine was set up with),
                          `trying`: switched to, and has not come up yet; `failed`: why one was left again
  before.sqlite3          the machine's database before the first start of the release that is tried
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from appliances.releases import program
from appliances.releases.artifact import Offer, ReleaseError, number
from clusters.system_words import reason

TRIAL = 120.0
"""Seconds within which an installed release says its number."""
INSTALLING = 900.0
"""Seconds for the packages of a release."""


@dataclass(frozen=True)
class State:
    """Which release runs; see the module. `trying` counts the starts since the switch."""

    current: str = ""
    previous: str | None = None
    trying: int | None = None
    failed: str = ""


@dataclass(frozen=True)
class Shelf:
    """The releases of one machine. `base` is the tree that it was set up with, `database` its replica.

    `python` is the interpreter of that set-up: its packages are those of every release without its own.
    """

    folder: Path
    base: Path
    database: Path
    python: str = sys.executable

    # which one runs

    @property
    def state(self) -> State:
        """What was kept; a file that cannot be read counts for nothing: the first tree runs then."""
        try:
            told: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
            return State(**told)
        except (OSError, ValueError, TypeError):
            return State()

    def last_switch(self) -> int | None:
        """When another release was switched to or left, in ms since 1970 UTC; None for never."""
        try:
            return (self.folder / "state.json").stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return None

    def _keep(self, state: State) -> None:
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = self.folder / ".state.json.new"
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(asdict(state), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / "state.json")

    def tree(self, release: str) -> Path:
        """Where an installed release lies; the empty one is the tree of the set-up."""
        return self.folder / release if release else self.base

    def switch(self, release: str) -> None:
        """The next start runs that release; raises ReleaseError for one that is not installed."""
        if not (self.tree(release) / "manage.py").exists():
            raise ReleaseError(f"release {release or 'of the set-up'} is not installed here")
        self._keep(State(current=release, previous=self.state.current, trying=0))

    def starting(self) -> Path:
        """The tree to run now. One that was switched to and did not come up is left again.

        Nobody else uses the database then. Raises OSError.
        """
        state = self.state
        if state.trying:
            self.go_back("it did not come up")
        elif state.trying is not None:
            self._keep_database()
            self._keep(replace(state, trying=state.trying + 1))
        found = self.tree(self.state.current)
        return found if (found / "manage.py").exists() else self.base

    def _keep_database(self) -> None:
        with closing(sqlite3.connect(self.database)) as now, closing(sqlite3.connect(self._before)) as kept:
            self._before.chmod(0o600)
            now.backup(kept)

    @property
    def _before(self) -> Path:
        return self.folder / "before.sqlite3"

    def go_back(self, why: str) -> bool:
        """Leaves a release that is tried, with what it did to the database; whether one was tried."""
        state = self.state
        if state.trying is None or state.previous is None:
            return False
        if self._before.exists():
            for rest in ("-wal", "-shm"):
                self.database.with_name(self.database.name + rest).unlink(missing_ok=True)
            self._before.replace(self.database)
        self._keep(State(current=state.previous, failed=f"{state.current}: {why}"))
        return True

    def came_up(self) -> None:
        """The release that was switched to runs well."""
        state = self.state
        if state.trying is not None:
            self._keep(replace(state, trying=None))
            self._before.unlink(missing_ok=True)

    def command(self, tree: Path, words: list[str]) -> list[str]:
        """How the program of that tree is started, with the packages that it needs."""
        own = tree / ".venv" / "bin" / "python"
        return program.command(*words, tree=tree, python=str(own) if own.exists() else self.python)

    # what is there

    def archive(self, offer: Offer) -> Path:
        """Where a downloaded release is kept."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return self.folder / offer.file

    def nearest_folder(self) -> Path:
        """The nearest folder that exists of where releases are kept."""
        return next(path for path in (self.folder, *self.folder.parents) if path.exists())

    def installed(self) -> list[str]:
        """The releases that can be switched to, the newest first, without that of the set-up."""
        found = [path.parent.name for path in self.folder.glob("*/manage.py")]
        return sorted(found, key=number, reverse=True)

    def install(self, offer: Offer) -> None:
        """Unpacks a downloaded release, with its packages, and sees that it starts. Raises ReleaseError.

        The running release is not touched; what fails leaves nothing behind.
        """
        if (self.tree(offer.release) / "manage.py").exists():
            return
        fresh = self.folder / f".{offer.release}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            _unpack(self.archive(offer), fresh, f"gatefold-{offer.release}")
            self._install_packages(fresh)
            self._try_out(fresh, offer.release)
            fresh.rename(self.tree(offer.release))
        except OSError as error:
            raise ReleaseError(f"release {offer.release} cannot be installed: {reason(error)}") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _install_packages(self, tree: Path) -> None:
        """A virtual environment of its own, where the release needs other packages than this one."""
        if _needs(tree) == _needs(self.base):
            return
        steps = (
            [sys.executable, "-m", "venv", str(tree / ".venv")],
            [
                str(tree / ".venv/bin/python"),
                *("-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"),
                str(tree / "requirements.txt"),
            ],
        )
        for step in steps:
            _run(step, tree, INSTALLING, "its packages cannot be installed")

    def _try_out(self, tree: Path, release: str) -> None:
        said = _run(self.command(tree, ["release", "show"]), tree, TRIAL, "it does not start").strip()
        if said != release:
            raise ReleaseError(f"release {release} says that it is {said or 'nothing'}; it is not installed")


def _unpack(archive: Path, to: Path, top: str) -> None:
    """Unpacks plain files below `top`, wherever the archive would have them go else. Raises ReleaseError."""
    to.mkdir()
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for member in packed:
                _unpack_one(packed, member, to)
    except (tarfile.TarError, EOFError, ValueError):
        raise ReleaseError(f"{archive.name} is no release: it is damaged, or no archive") from None
    if not (to / top / "manage.py").is_file():
        raise ReleaseError(f"{archive.name} is no release: it has no {top}/manage.py")
    for part in (to / top).iterdir():
        part.rename(to / part.name)
    (to / top).rmdir()


def _unpack_one(packed: tarfile.TarFile, member: tarfile.TarInfo, to: Path) -> None:
    """Writes one plain file. By ourselves: the Python of Debian 12 cannot be told what to keep out."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
        raise ReleaseError(
            f"{Path(str(packed.name)).name} is no release: {member.name} is no plain file below its folder"
        )
    if content := packed.extractfile(member):
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.read())
        target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _needs(tree: Path) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in (tree / "requirements.txt").read_text().splitlines())
    return {line for line in lines if line}


def _run(command: list[str], tree: Path, seconds: float, trouble: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=kept, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ReleaseError(f"{trouble}: nothing within {seconds:g} s") from None
    if done.returncode:
        raise ReleaseError(f"{trouble}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
