"""Who may log in: the users of the settings in force, the same on every member (CL-07)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from appliances.features.userconfig import ADMINISTRATOR, User, UserSettings
from appliances.links.peer import Login
from clusters.catalogue import Document

MIN_PASSPHRASE = 8
_HASHER = PasswordHasher()


@cache
def _nobody() -> str:
    """A hash that takes as long to check as anybody's."""
    return _HASHER.hash("a passphrase that nobody has")


def hashed(passphrase: str) -> str:
    """The Argon2 hash of a passphrase, as `userconfig` keeps it."""
    return _HASHER.hash(passphrase)


def matches(passphrase_hash: str, passphrase: str) -> bool:
    """Whether that is the passphrase; takes as long for a user who has none."""
    try:
        found = _HASHER.verify(passphrase_hash or _nobody(), passphrase)
    except (Argon2Error, InvalidHashError):
        return False
    return found and bool(passphrase_hash)


class People:
    """Logins from the users in force; satisfies `links.peer.Logins`. `users` gives the document now."""

    def __init__(self, users: Callable[[], Document]) -> None:
        self._users = users

    def named(self, name: str) -> User | None:
        """The user of that name now."""
        return UserSettings.model_validate(self._users()).named(name)

    async def by_passphrase(self, user: str, passphrase: str) -> Login | None:
        """The login of that user with that passphrase; None for any other."""
        found = self.named(user)
        known = found.passphrase_hash if found else ""
        right = await asyncio.to_thread(matches, known, passphrase)
        return _login(found) if found and right else None

    async def by_key(self, user: str, public_key: str) -> Login | None:
        """The login of that user with that key (`ssh-ed25519 AAAA...`, no comment)."""
        found = self.named(user)
        keys = [" ".join(key.split()[:2]) for key in found.authorised_keys] if found else []
        return _login(found) if found and public_key in keys else None


def _login(user: User) -> Login:
    return Login(user.name, user.role, user.role == ADMINISTRATOR)
