"""How much is measured: what the docs state, or so little that a test sees all of it run."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

TINY = "BENCH_TINY"
"""Set in the environment: the least of everything. The figures say nothing then."""


def scaled(full: T, tiny: T) -> T:
    """The number, or numbers, of something."""
    return tiny if os.environ.get(TINY) else full
