"""The folder of releases that this portal hands out."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from appliances.releases.artifact import INDEX, Offer, read_index


def folder() -> Path:
    """Where the files lie."""
    return Path(settings.GATEFOLD_RELEASES)


def offers() -> list[Offer]:
    """What can be had, the newest first; nothing where there is no index. Raises ReleaseError, OSError."""
    index = folder() / INDEX
    return read_index(index.read_text()) if index.exists() else []
