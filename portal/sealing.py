"""Text that may hold secrets, encrypted at rest under a key that follows from the portal's secret key."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class Unreadable(ValueError):
    """It was sealed under another key, or damaged."""


def _fernet(purpose: str) -> Fernet:
    digest = hashlib.sha256(f"{purpose}:{settings.SECRET_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def seal(text: str, purpose: str) -> str:
    """The text encrypted for that purpose."""
    return _fernet(purpose).encrypt(text.encode()).decode()


def unseal(text: str, purpose: str) -> str:
    """The text again; raises Unreadable."""
    try:
        return _fernet(purpose).decrypt(text.encode()).decode()
    except InvalidToken:
        raise Unreadable("sealed under another key") from None
