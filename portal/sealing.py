"""Secrets at rest: sealed with keys that are outside the database (design, section 9).

The keys stand in VAR/portal/sealing_keys, one a line, or in GATEFOLD_SEALING_KEYS, separated by commas. The
first seals, all open; so a new key is put in front, everything is sealed again, and the old one is taken out.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

KEYS = "sealing_keys"


class Unsealable(RuntimeError):
    """No key opens it: the keys are not those with which it was sealed. The text says where they belong."""


def seal(text: str) -> str:
    """The text for a column of the database."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text again; raises Unsealable."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unsealable(
            f"no key in {_path()} opens a secret; put the old key back as a line of it"
        ) from None


def resealed(sealed: str) -> str:
    """The same secret under the first key; raises Unsealable."""
    return seal(unseal(sealed))


def add_key() -> None:
    """Put a new key in front. What is sealed stays readable; seal it again, then remove the old lines."""
    path = _path()
    old = path.read_text() if path.exists() else ""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(Fernet.generate_key().decode() + "\n" + old)
    fresh.replace(path)


def _path() -> Path:
    return Path(settings.GATEFOLD_PORTAL_HOME) / KEYS


def _box() -> MultiFernet:
    given = os.environ.get("GATEFOLD_SEALING_KEYS", "")
    keys = given.replace(",", " ").split() or _kept()
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        where = "GATEFOLD_SEALING_KEYS" if given else str(_path())
        raise Unsealable(f"{where} holds a line that is no key") from None


def _kept() -> list[str]:
    path = _path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().split()
    key = Fernet.generate_key().decode()
    with os.fdopen(handle, "w") as file:
        file.write(key + "\n")
    return [key]
