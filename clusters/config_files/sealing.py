"""Secrets in a configuration file under a passphrase: scrypt for the key, AES-GCM for each value."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.utils.translation import gettext as _

from clusters.config_files.errors import WrongPassphrase

SALT, NONCE = 16, 12
MIN_PASSPHRASE = 8
COST = 2**15
"""Of scrypt: a tenth of a second for whoever tries a passphrase."""


@dataclass(frozen=True)
class Sealing:
    """Opens and closes the secrets of one file; `salt` stands in the file, the passphrase nowhere."""

    salt: bytes
    key: bytes

    @classmethod
    def new(cls, passphrase: str) -> Sealing:
        """For a file to be written; raises WrongPassphrase for one that is too short."""
        if len(passphrase) < MIN_PASSPHRASE:
            raise WrongPassphrase(
                _("The passphrase of a file has at least %(count)d characters.") % {"count": MIN_PASSPHRASE}
            )
        return cls.of(passphrase, os.urandom(SALT))

    @classmethod
    def of(cls, passphrase: str, salt: bytes) -> Sealing:
        """For a file with that salt."""
        return cls(salt, Scrypt(salt, length=32, n=COST, r=8, p=1).derive(passphrase.encode()))

    def seal(self, text: str) -> str:
        """The text encrypted, as base64."""
        nonce = os.urandom(NONCE)
        return base64.b64encode(nonce + AESGCM(self.key).encrypt(nonce, text.encode(), None)).decode()

    def unseal(self, text: str) -> str:
        """The text again; raises WrongPassphrase."""
        try:
            raw = base64.b64decode(text, validate=True)
            return AESGCM(self.key).decrypt(raw[:NONCE], raw[NONCE:], None).decode()
        except (InvalidTag, ValueError):
            raise WrongPassphrase(
                _("The passphrase does not open this file, or the file was changed.")
            ) from None
