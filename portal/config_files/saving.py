"""Configuration files as the portal saves them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from appliances.machine.release import release
from clusters.config_files.saving import save_cluster, save_machine
from clusters.config_files.sealing import Sealing
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Mode
from portal.place import Place


def text_of(place: Place, mode: Mode, passphrase: str = "") -> str:
    """The file of the cluster, or of one machine flattened; raises WrongPassphrase for a short one."""
    sealing = Sealing.new(passphrase) if passphrase else None
    told: dict[str, Any] = {"sealing": sealing, "release": release(), "at": timezone.now()}
    if mode == CLUSTER:
        return save_cluster(place.state, catalogue(), **told)
    return save_machine(place.state, mode.id, catalogue(), **told)


def name_of(place: Place, mode: Mode) -> str:
    """What a saved file is called."""
    what = place.cluster.slug if mode == CLUSTER else mode.id
    return f"{what}-{timezone.now():%Y%m%dT%H%M%SZ}.xml"
