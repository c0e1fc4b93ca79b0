"""The members of a cluster as they may be shown now: a state that was not confirmed lately is unknown."""

from __future__ import annotations

from django.utils import timezone

from appliances.following.freshness import Seen, seen
from portal.alerts import watching
from portal.place import Place


def machines_seen(place: Place, cut_off: bool | None = None) -> list[Seen]:
    """Every member; the same few queries for one Place, however often it is asked.

    `cut_off`: whether the portal has lost its own network, where the caller knows it; None asks.
    """
    now, revision = timezone.now(), place.cluster.replica.revision
    lost = _lost(place) if cut_off is None else cut_off
    return [seen(row, now, revision, cut_off=lost) for row in place.statuses]


def _lost(place: Place) -> bool:
    if place.cut_off is None:
        place.cut_off = watching.cut_off(place.cluster.tenant_id)
    return place.cut_off
