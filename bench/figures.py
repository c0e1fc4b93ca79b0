"""Times as a person reads them: median and spread of several runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def timed(action: Callable[[], object], runs: int = 7) -> list[float]:
    """Seconds of each of `runs` calls, after one that is not counted."""
    action()
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return seconds


def spread(seconds: Sequence[float]) -> str:
    """Median, least and most, in milliseconds."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"median {middle * 1000:.1f} ms (min {low * 1000:.1f}, max {high * 1000:.1f}, n={len(seconds)})"
