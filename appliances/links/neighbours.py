"""Who keeps links with whom in a large cluster."""

from __future__ import annotations

from collections.abc import Iterable

CEILING = 20
"""Up to so many members every machine keeps a link with every other (COM-01, COM-04)."""


def everybody(serials: Iterable[str], own: str) -> frozenset[str]:
    """All others: what the portal keeps links with."""
    return frozenset(serials) - {own}


def neighbours(serials: Iterable[str], own: str) -> frozenset[str]:
    """The members with which the machine `own` keeps links.

    All others up to CEILING members. Above, with the serial numbers in a ring, those 1, 2, 4, 8 ... places
    away in both directions. Each machine comes to this by itself; the choice is mutual, the graph is
    connected, stays so when any one machine is gone, and no way is longer than about log2(n) links.
    """
    ring = sorted({*serials, own})
    if len(ring) <= CEILING:
        return everybody(ring, own)
    place = ring.index(own)
    steps = (2**power for power in range(len(ring).bit_length()) if 2**power <= len(ring) // 2)
    return frozenset(ring[(place + way * step) % len(ring)] for step in steps for way in (1, -1))
