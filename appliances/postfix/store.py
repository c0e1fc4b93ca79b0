"""The generations of one instance on disk: `etc.N` directories, the link `etc`, and what is half done."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from appliances.postfix.configuration import Configuration
from appliances.postfix.parts import Listener, Place

KEEP = 10
KEEP_REFUSED = 3

_GOOD = re.compile(r"etc\.(\d+)")
_ANY = re.compile(r"etc\.(\d+)(\.new|\.refused)?")


@dataclass(frozen=True, slots=True)
class Generation:
    """One complete config directory on disk."""

    number: int
    digest: str
    written: float
    listeners: tuple[Listener, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """A switch that was begun: from which generation (None: the first) to which."""

    previous: int | None
    number: int


class Store:
    """Writes, publishes and forgets the generations of one place. Each step is a rename."""

    def __init__(self, place: Place, *, keep: int = KEEP) -> None:
        self.place = place
        self.keep = keep

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one at a time changes generations; another waits."""
        self.place.base.mkdir(parents=True, exist_ok=True)
        with open(self.place.base / "generations.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def directory(self, number: int) -> Path:
        return self.place.base / f"etc.{number}"

    @property
    def current(self) -> int | None:
        """The number of the generation that the link names."""
        try:
            match = _GOOD.fullmatch(os.readlink(self.place.etc))
        except OSError:
            return None
        return int(match[1]) if match else None

    def numbers(self) -> list[int]:
        """The complete generations, oldest first."""
        return sorted(int(match[1]) for match in map(_GOOD.fullmatch, self._names()) if match)

    def load(self, number: int) -> Generation:
        """What a generation says of itself. Raises OSError, ValueError if it is damaged."""
        told = json.loads((self.directory(number) / "generation.json").read_text())
        listeners = tuple(Listener(**one) for one in told["listeners"])
        return Generation(number, told["digest"], told["written"], listeners)

    def write(self, configuration: Configuration) -> Generation:
        """A new complete generation; nothing of it is left if this fails. Raises OSError."""
        number = 1 + max((int(m[1]) for m in map(_ANY.fullmatch, self._names()) if m), default=0)
        growing = self.place.base / f"etc.{number}.new"
        generation = Generation(number, configuration.digest(), time.time(), configuration.listeners)
        try:
            configuration.write(growing, self.place, generation=number)
            _write_json(growing / "generation.json", _told(generation))
            os.rename(growing, self.directory(number))
        except BaseException:
            shutil.rmtree(growing, ignore_errors=True)
            raise
        return generation

    def point(self, number: int | None) -> None:
        """Make the link name this generation, or remove it, in one step."""
        if number is None:
            self.place.etc.unlink(missing_ok=True)
            return
        temporary = self.place.base / "etc.link"
        temporary.unlink(missing_ok=True)
        os.symlink(f"etc.{number}", temporary)
        os.replace(temporary, self.place.etc)
        _sync(self.place.base)

    @property
    def pending(self) -> Pending | None:
        """The switch that was begun and not ended."""
        try:
            return Pending(**json.loads((self.place.base / "pending.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, pending: Pending) -> None:
        """Remember on disk that a switch begins."""
        _write_json(self.place.base / "pending.json", asdict(pending))

    def end(self) -> None:
        """The switch is done or undone."""
        (self.place.base / "pending.json").unlink(missing_ok=True)

    def refuse(self, number: int) -> None:
        """Put a generation aside: it is kept for a look, and its number is not used again."""
        if self.directory(number).exists():
            os.rename(self.directory(number), self.place.base / f"etc.{number}.refused")

    def tidy(self) -> None:
        """Remove half-written and old generations, never the current one."""
        (self.place.base / "etc.link").unlink(missing_ok=True)
        for name in self._names():
            if name.startswith("etc.") and name.endswith(".new"):
                shutil.rmtree(self.place.base / name, ignore_errors=True)
        for number in self.numbers()[: -self.keep]:
            if number != self.current:
                shutil.rmtree(self.directory(number), ignore_errors=True)
        refused = sorted(int(name.split(".")[1]) for name in self._names() if name.endswith(".refused"))
        for number in refused[:-KEEP_REFUSED]:
            shutil.rmtree(self.place.base / f"etc.{number}.refused", ignore_errors=True)

    def _names(self) -> list[str]:
        return os.listdir(self.place.base) if self.place.base.exists() else []


def _told(generation: Generation) -> dict[str, object]:
    return {
        "digest": generation.digest,
        "written": generation.written,
        "listeners": [asdict(one) for one in generation.listeners],
    }


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    with open(temporary, "w") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
