"""Who the portal is to its peers: a serial number and keys, made once and kept in its home.

As soon as a cluster knows a portal by them they are never made anew: another serial number, or another key,
would be a stranger to every machine (TRL-29).
"""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

from django.conf import settings

from appliances.links.identity import WAY_BACK, Keys, KeyTrouble
from appliances.links.peer import Identity, Kind
from appliances.machine.release import release
from clusters.kept_files import file_fault, make_once
from clusters.models import Head
from clusters.state import Portal


@cache
def serial() -> str:
    """The portal's serial number; signs the commits made here. Raises KeyTrouble for a lost one."""
    path = Path(settings.GATEFOLD_PORTAL_HOME) / "serial"
    if not path.exists() and not _known_to_clusters():
        make_once(path, f"PORTAL-{secrets.token_hex(4).upper()}".encode())
    if why := file_fault(path):
        raise KeyTrouble(f"{path} {why}. By the number in it the clusters know this portal: {WAY_BACK}")
    return path.read_text("ascii", errors="replace").strip()


@cache
def keys() -> Keys:
    """The portal's keys; raises KeyTrouble for lost or damaged ones."""
    home = Path(settings.GATEFOLD_PORTAL_HOME) / "keys"
    lost = not Keys.complete(home) and _known_to_clusters()
    return Keys.of_home(home) if lost else Keys.first_of_home(home)


def require_known() -> None:
    """See that the portal is whom its clusters know, where it has any; raises KeyTrouble (TRL-29)."""
    if _known_to_clusters():
        serial()
        keys()


def _known_to_clusters() -> bool:
    return Head.objects.filter(address__startswith="portal/", rank=0).exists()


def identity(cluster: str = "", cluster_name: str = "") -> Identity:
    """The portal as one end of a link."""
    return Identity(serial(), settings.GATEFOLD_PORTAL_NAME, release(), Kind.PORTAL, cluster, cluster_name)


def portal() -> Portal:
    """The portal as an entry of a cluster."""
    return Portal(serial(), settings.GATEFOLD_PORTAL_NAME, keys().user_public)
