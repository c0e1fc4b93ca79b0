"""The portal's own key for configuration files that it keeps: made once, in a file of its home."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cryptography.fernet import Fernet
from django.conf import settings

from portal.settings.environment import kept_secret


def passphrase() -> str:
    """Under this the secrets of a kept backup are encrypted. Losing it means that they cannot be opened."""
    return kept_secret(Path(settings.GATEFOLD_PORTAL_HOME) / "file_key").strip()


def locker() -> Fernet:
    """Closes a whole file that waits to be loaded."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(passphrase().encode()).digest()))
