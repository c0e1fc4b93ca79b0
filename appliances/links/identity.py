"""The keys of a holder: a host key that it shows to callers, and a user key with which it calls.

Both are Ed25519, made once and kept in files that only their owner can read. Losing or replacing one
by itself would look like an intruder to every peer, so a missing, damaged or open file is an error, never
a reason to make a new key.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from clusters.kept_files import file_fault, make_once

HOST_KEY = "host_ed25519"
USER_KEY = "user_ed25519"

ACCEPTED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
"""Kinds of public keys that may be entered (JN-20)."""

MIN_RSA_BITS = 2048


class KeyTrouble(Exception):
    """A key file that cannot be used; the message names the file and what to do."""


class InvalidKey(ValueError):
    """A text that is no public key we accept."""


@dataclass(frozen=True)
class Keys:
    """The host key and the user key of one holder."""

    host: asyncssh.SSHKey
    user: asyncssh.SSHKey

    @classmethod
    def make(cls) -> Keys:
        """A new pair that is kept nowhere."""
        return cls(asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519"))

    @classmethod
    def of_home(cls, home: Path) -> Keys:
        """The keys in that directory. Raises KeyTrouble, also for a missing one (TRL-29)."""
        return cls(_kept(home / HOST_KEY), _kept(home / USER_KEY))

    @staticmethod
    def complete(home: Path) -> bool:
        """Whether both files are in that directory, whole or not."""
        return all((home / name).exists() for name in (HOST_KEY, USER_KEY))

    @classmethod
    def first_of_home(cls, home: Path) -> Keys:
        """The keys in that directory, those that are missing made there: only while no peer knows them.

        Raises KeyTrouble, and OSError where they cannot be made.
        """
        for name in (HOST_KEY, USER_KEY):
            make_once(home / name, asyncssh.generate_private_key("ssh-ed25519").export_private_key())
        return cls.of_home(home)

    @classmethod
    def read(cls, host: str, user: str) -> Keys:
        """Keys from their private texts, for a holder without files. Raises KeyTrouble."""
        return cls(_read(host, "host key"), _read(user, "user key"))

    @property
    def host_public(self) -> str:
        """The public half that peers pin."""
        return public_text(self.host)

    @property
    def user_public(self) -> str:
        """The public half by which peers know a caller."""
        return public_text(self.user)


def public_text(key: asyncssh.SSHKey) -> str:
    """The one written form of a public key: kind and base64, no comment."""
    kind, data = key.export_public_key().decode("ascii").split()[:2]
    return f"{kind} {data}"


def fingerprint(public: str) -> str:
    """`SHA256:...` of a public key's text, as ssh-keygen shows it. Raises InvalidKey."""
    return _import(public).get_fingerprint()


def canonical_key(pasted: str) -> str:
    """A public key that a person pasted (with comment, over several lines), in the form of `public_text`.

    Raises InvalidKey, also for old kinds and short keys (JN-20).
    """
    key = _import(pasted)
    if key.algorithm.decode("ascii") not in ACCEPTED:
        raise InvalidKey(f"keys of kind {key.algorithm.decode('ascii')} are too weak; use Ed25519")
    if key.algorithm == b"ssh-rsa" and getattr(key.pyca_key, "key_size", 0) < MIN_RSA_BITS:
        raise InvalidKey(f"an RSA key needs at least {MIN_RSA_BITS} bits; Ed25519 is better")
    return public_text(key)


def _import(text: str) -> asyncssh.SSHKey:
    fields = text.split()
    if len(fields) < 2:
        raise InvalidKey("a public key starts with its kind, for instance ssh-ed25519, and its data")
    for data in (" ".join(fields), f"{fields[0]} {''.join(fields[1:])}", text):
        try:
            return asyncssh.import_public_key(data)
        except (asyncssh.KeyImportError, ValueError):
            continue
    raise InvalidKey("this is no public key; paste it whole, as it is printed")


MEANING = "By the host key and the user key the other members know whom they talk to"
WAY_BACK = (
    "restore it from a backup of the same day as the rest. Without one, make this machine anew and join the"
    " cluster again, or adopt the clusters again where this is the portal"
)


def _kept(path: Path) -> asyncssh.SSHKey:
    if why := file_fault(path):
        raise KeyTrouble(f"{path} {why}. {MEANING}: {WAY_BACK}")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyTrouble(
            f"others can read {path} (mode {mode:04o}); look who did, then run: chmod 600 {path}"
        )
    return _read(path.read_text("ascii", errors="replace"), str(path))


def _read(text: str, what: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise KeyTrouble(f"{what} is damaged ({error}). {MEANING}: {WAY_BACK}") from None
