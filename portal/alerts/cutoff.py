"""Whether the portal itself has lost its network: one alert then, and machines are unknown, not down."""

from __future__ import annotations

from datetime import datetime, timedelta

from appliances.following.freshness import STALE_AFTER
from appliances.models import Connection, MachineStatus, Worker
from portal.alerts.facts import SILENT_AFTER

TOGETHER = timedelta(seconds=120)
"""Links notice a silent network with their next ping: within a minute, and the patience after it."""

FEWEST = 2
"""One machine that is lost alone is lost by itself."""


def since(now: datetime) -> datetime | None:
    """When all links were lost together, while workers live; None when the portal has its network.

    Machines that were away long before count for nothing.
    """
    if not Worker.objects.filter(seen__gt=now - SILENT_AFTER).exists():
        return None
    fresh = MachineStatus.objects.filter(replica__managed__isnull=False, checked__gt=now - STALE_AFTER)
    if fresh.filter(connection=Connection.CONNECTED).exists():
        return None
    lost = fresh.filter(connection__in=[Connection.DOWN, Connection.SUSPECT])
    moments = sorted(found for found in lost.values_list("since", flat=True) if found is not None)
    together = [moment for moment in moments if moments[-1] - moment <= TOGETHER]
    return together[0] if len(together) >= FEWEST else None
