"""How far the demo's machines are: what they reported, not what was sent to them."""

from __future__ import annotations

from django.utils import timezone

from appliances.following.freshness import tallies
from appliances.models import MachineStatus


def tally() -> tuple[int, int, int]:
    """How many machines the portal knows, is connected to, and knows to enforce what is wanted."""
    found = list(tallies(MachineStatus.objects.all(), timezone.now()).values())
    machines, connected, enforced = (
        sum(each[word] for each in found) for word in ("machines", "connected", "enforced")
    )
    return machines, connected, enforced
