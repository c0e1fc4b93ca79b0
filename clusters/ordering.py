"""The order in which people count names."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"([0-9]+)")


def natural(name: str) -> tuple[tuple[str | int, ...], str]:
    """The key by which names are sorted as people count: m1, m2, m10; case does not matter (TRL-36)."""
    # Texts stand at even places and numbers at odd ones, so that only like is compared with like.
    parts = _NUMBER.split(name.casefold())
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name
