"""Who the portal is to its peers: a serial number and keys, made once and kept in its home."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

from django.conf import settings

from appliances.links.identity import Keys
from appliances.links.peer import Identity, Kind
from appliances.machine.release import release
from clusters.state import Portal


@cache
def serial() -> str:
    """The portal's serial number; signs the commits made here."""
    path = Path(settings.GATEFOLD_PORTAL_HOME) / "serial"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            file.write(f"PORTAL-{secrets.token_hex(4).upper()}")
    except FileExistsError:
        pass
    return path.read_text().strip()


@cache
def keys() -> Keys:
    """The portal's keys; raises KeyTrouble for damaged ones."""
    return Keys.of_home(Path(settings.GATEFOLD_PORTAL_HOME) / "keys")


def identity(cluster: str = "", cluster_name: str = "") -> Identity:
    """The portal as one end of a link."""
    return Identity(serial(), settings.GATEFOLD_PORTAL_NAME, release(), Kind.PORTAL, cluster, cluster_name)


def portal() -> Portal:
    """The portal as an entry of a cluster."""
    return Portal(serial(), settings.GATEFOLD_PORTAL_NAME, keys().user_public)
