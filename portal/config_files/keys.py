"""The portal's own passphrase for configuration files that it keeps: made once, in a file of its home."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from portal.settings.environment import kept_secret


def passphrase() -> str:
    """Under this the secrets of a kept backup are encrypted. Losing it means that they cannot be opened."""
    return kept_secret(Path(settings.GATEFOLD_PORTAL_HOME) / "file_key").strip()
