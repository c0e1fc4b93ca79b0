"""The portal's own passphrase for configuration files that it keeps: made once, in a file of its home."""

from __future__ import annotations

from pathlib import Path

from django.apps import apps
from django.conf import settings

from clusters.sealing import KeyMissing
from portal.settings.environment import kept_secret


def passphrase() -> str:
    """Under this the secrets of a kept backup are encrypted. Losing it means that they cannot be opened.

    Raises KeyMissing where it is lost: there are backups, and another one would open none of them (TRL-29).
    """
    path = Path(settings.GATEFOLD_PORTAL_HOME) / "file_key"
    if not path.exists() and apps.get_model("portal", "Backup").objects.exists():
        raise KeyMissing(
            f"{path} is missing. The secrets in the backups of configurations are encrypted with it: put it"
            " back from a backup of the portal"
        )
    return kept_secret(path)
