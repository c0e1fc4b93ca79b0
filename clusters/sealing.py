"""Secrets of settings, encrypted where they rest (design, section 9).

Documents carry their secrets in the clear in memory and on the encrypted links; in a database each secret is
a token. The keys stand in a file beside the database and never in it: one per line, the newest first. The
newest seals, each opens.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from clusters.installed import catalogue
from clusters.kept_files import make_once
from clusters.system_words import cause
from clusters.versions import Address

MARK = "$sealed"
"""The only key of the object that stands for a sealed text."""

KEPT = 2
"""Keys that stay after a rotation: a process may have sealed with the one before a moment ago."""


class KeyMissing(ImproperlyConfigured):
    """The file of the keys is not the one with which the database was written."""


def secrets_of(address: Address) -> frozenset[str]:
    """The paths of an entry's fields that are never shown."""
    known = catalogue()
    return known[address.name].secrets if address.mode and address.name in known else frozenset()


def seal(text: str) -> str:
    """The text as a token, which only the keys open."""
    return _keys().encrypt(text.encode()).decode()


def unseal(token: str) -> str:
    """The text of a token. Raises KeyMissing."""
    try:
        return _keys().decrypt(token).decode()
    except InvalidToken:
        raise KeyMissing(
            f"{_path()} does not open what is sealed in the database: put the file back that belongs to it,"
            " from a backup of the same day"
        ) from None


def sealed(value: Any, paths: Collection[str]) -> Any:
    """The document with the texts at `paths` sealed; `*` stands for every item of a list."""
    for path in paths:
        value = _replaced(value, path.split("."))
    return value


def _replaced(value: Any, steps: list[str]) -> Any:
    if not steps:
        return {MARK: seal(value)} if isinstance(value, str) and value else value
    step, rest = steps[0], steps[1:]
    if isinstance(value, list) and step == "*":
        return [_replaced(item, rest) for item in value]
    if isinstance(value, dict) and step in value:
        return {**value, step: _replaced(value[step], rest)}
    return value


def unsealed(value: Any) -> Any:
    """The document with every sealed text opened. Raises KeyMissing."""
    if isinstance(value, dict):
        if value.keys() == {MARK}:
            return unseal(value[MARK])
        return {name: unsealed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [unsealed(item) for item in value]
    return value


def _path() -> Path:
    return Path(settings.GATEFOLD_SEALING_KEYS)


def begun() -> bool:
    """Whether the file of the keys is there, whole or not. Raises KeyMissing where one cannot look."""
    try:
        return _path().exists()
    except OSError as error:
        raise _unreadable(_path(), cause(error)) from None


def begin() -> None:
    """The first key, unless there is a file: only for a database in which nothing is sealed yet."""
    make_once(_path(), f"{Fernet.generate_key().decode()}\n".encode())


def require_keys() -> None:
    """See that the file holds keys; raises KeyMissing."""
    _keys()


def _keys() -> MultiFernet:
    path = _path()
    if not begun():
        # Never made here: with new keys, what is sealed in the database would be lost without a word.
        raise _unreadable(path, "is missing")
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> MultiFernet:
    try:
        return MultiFernet([Fernet(line) for line in path.read_text().split()])
    except (OSError, ValueError) as error:
        raise _unreadable(path, f"holds no keys ({error})") from None


def _unreadable(path: Path, why: str) -> KeyMissing:
    return KeyMissing(
        f"{path} {why}. The secrets in the database are sealed with its keys, and nothing else opens them:"
        " put the file back from a backup"
    )


def _written(path: Path, keys: list[str]) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # readable by its owner alone
    with os.fdopen(handle, "w") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def add_key() -> None:
    """Put a new key before the others: from now on it seals."""
    path = _path()
    _keys()
    known = path.read_text().split()
    _written(path, [Fernet.generate_key().decode(), *known]).replace(path)


def drop_old_keys() -> int:
    """Forget all keys but the newest KEPT, after everything was sealed anew; returns how many went."""
    path = _path()
    known = path.read_text().split()
    _written(path, known[:KEPT]).replace(path)
    return max(0, len(known) - KEPT)
