"""Configuration files kept on a machine: a few, by name, in one directory of its home and nowhere else."""

from __future__ import annotations

import os
import re
from pathlib import Path

KEPT = 20
HEAD = 1000
"""Characters in which a file says what it is."""
_WHOLE = re.compile(r'<config [^>]*\bkind="cluster"')
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BadName(ValueError):
    """No name of a file that can be kept."""


class SavedFiles:
    """The files in `folder`, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The latest first."""
        if not self._folder.is_dir():
            return []
        found = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        return [path.name for path in found if _NAME.fullmatch(path.name)]

    def last_saved(self) -> int:
        """When the latest one of a whole cluster was kept, in ms since 1970 UTC; 0 where there is none."""
        paths = (self._folder / name for name in self.names())
        return next((_changed(path) for path in paths if _is_of_cluster(path)), 0)

    def loaded(self) -> None:
        """Remembers that the content of a file was made pending now. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._mark.touch()

    def last_loaded(self) -> int | None:
        """When that was the last time, in ms since 1970 UTC; None for never."""
        return _changed(self._mark) if self._mark.exists() else None

    @property
    def _mark(self) -> Path:
        return self._folder / ".loaded"

    def keep(self, name: str, text: str) -> None:
        """Keeps a file, over one of that name; the oldest beyond KEPT goes. Raises BadName, OSError."""
        path = self._path(name)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        fresh = self._folder / f".{name}.new"
        with open(fresh, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        for old in self.names()[KEPT:]:
            (self._folder / old).unlink()

    def text(self, name: str) -> str:
        """A kept file; raises BadName where there is none."""
        path = self._path(name)
        if name not in self.names():
            raise BadName(f"{name} is not kept here")
        return path.read_text(encoding="utf-8")

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadName(f"{name!r} is no name: letters, digits, '.', '_' and '-'")
        return self._folder / name


def _is_of_cluster(path: Path) -> bool:
    with open(path, encoding="utf-8") as file:
        return _WHOLE.search(file.read(HEAD)) is not None


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns // 1_000_000
