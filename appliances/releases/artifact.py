"""A release as one file: the program's own tree, with its number and its checksum.

A folder of releases holds `gatefold-<release>.tar.gz` for each, and `index.json`: a list of objects with
`release`, `file`, `sha256`, `size` in bytes and `notes`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.version import InvalidVersion, Version

INDEX = "index.json"
PARTS = (
    "manage.py",
    "pyproject.toml",
    "requirements.txt",
    "appliances",
    "clusters",
    "locale",
    "portal",
    "templates",
)
"""What of the tree a release holds."""
LEFT_OUT = frozenset({"__pycache__", "testing.py"})
"""What Python compiled, and the settings of the tests."""
MOST = 200 * 1024 * 1024
"""Bytes of the largest file that is taken for a release."""
_VERSION_LINE = re.compile(r'^version = "[^"]*"$', re.MULTILINE)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\.tar\.gz")


class ReleaseError(Exception):
    """A release that cannot be built, read, fetched or installed; the message says why and what to do."""


@dataclass(frozen=True)
class Offer:
    """One release that can be had: its number, file, checksum, size in bytes, and what is new in it."""

    release: str
    file: str
    sha256: str
    size: int
    notes: str = ""

    @classmethod
    def read(cls, told: Any) -> Offer:
        """One line of an index; raises ReleaseError."""
        try:
            found = cls(
                str(told["release"]),
                str(told["file"]),
                str(told["sha256"]).lower(),
                int(told["size"]),
                str(told.get("notes", ""))[:2000],
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ReleaseError(f"a line of {INDEX} lacks release, file, sha256 or size") from None
        number(found.release)
        if not _FILE.fullmatch(found.file) or not re.fullmatch(r"[0-9a-f]{64}", found.sha256):
            raise ReleaseError(f"{INDEX}: the file name or the checksum of {found.release} is malformed")
        if not 0 < found.size <= MOST:
            raise ReleaseError(f"{INDEX}: {found.release} has an impossible size of {found.size} bytes")
        return found


def number(release: str) -> Version:
    """The number of a release, to compare it with others; raises ReleaseError."""
    try:
        return Version(release)
    except InvalidVersion:
        raise ReleaseError(f"{release!r} is no number of a release; they look like 0.2.0") from None


def read_index(text: str) -> list[Offer]:
    """The offers of an index, the newest first; raises ReleaseError."""
    try:
        told = json.loads(text)
    except ValueError:
        raise ReleaseError(
            f"{INDEX} is no JSON: the place holds no releases, or its index is damaged"
        ) from None
    if not isinstance(told, list):
        raise ReleaseError(f"{INDEX} is no list of releases")
    return sorted((Offer.read(each) for each in told), key=lambda o: number(o.release), reverse=True)


def build(tree: Path, release: str, folder: Path, notes: str = "") -> Offer:
    """Packs the program in `tree` into `folder` and its index; raises ReleaseError, OSError."""
    number(release)
    _require_translations(tree)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"gatefold-{release}.tar.gz"
    top = PurePosixPath(f"gatefold-{release}")
    with tarfile.open(path, "w:gz") as packed:
        for file in files(tree):
            name = top / file.relative_to(tree).as_posix()
            _add(packed, str(name), _content(tree, file, release), executable=file.name == "manage.py")
    content = path.read_bytes()
    offer = Offer(release, path.name, hashlib.sha256(content).hexdigest(), len(content), notes)
    _add_to_index(folder / INDEX, offer)
    return offer


def files(tree: Path, parts: Iterable[str] = PARTS) -> Iterable[Path]:
    """Every file of these parts of a tree that is the program, in the order of their names."""
    for part in parts:
        path = tree / part
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (f for f in found if f.is_file() and not LEFT_OUT & set(f.relative_to(tree).parts))


def _require_translations(tree: Path) -> None:
    """See that no language is left behind: a checkout may have only their sources."""
    for source in sorted((tree / "locale").rglob("*.po")):
        if not source.with_suffix(".mo").exists():
            raise ReleaseError(
                f"{source.relative_to(tree)} is not compiled: run `make messages`, then build again"
            )


def _content(tree: Path, file: Path, release: str) -> bytes:
    if file != tree / "pyproject.toml":
        return file.read_bytes()
    text, times = _VERSION_LINE.subn(f'version = "{release}"', file.read_text(), count=1)
    if not times:
        raise ReleaseError(f"{file} has no line `version = ...`")
    return text.encode()


def _add(packed: tarfile.TarFile, name: str, content: bytes, *, executable: bool) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755 if executable else 0o644
    packed.addfile(entry, io.BytesIO(content))


def _add_to_index(index: Path, offer: Offer) -> None:
    known = read_index(index.read_text()) if index.exists() else []
    kept = [each for each in known if each.release != offer.release]
    index.write_text(json.dumps([asdict(each) for each in [offer, *kept]], indent=1))
