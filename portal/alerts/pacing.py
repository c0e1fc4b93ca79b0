"""When somebody is told again: gaps that double, up to a cap (SYN-16)."""

from __future__ import annotations

from datetime import timedelta

FLAP = timedelta(seconds=5)
"""Base for what comes and goes: told at once, then not before 5, 15, 35, 75, 155, 315 ... seconds."""

FLAP_CAP = timedelta(hours=1)

REMINDER = timedelta(minutes=5)
"""Base for what lasts: told again after 5, 15, 35, 75 ... minutes."""

REMINDER_CAP = timedelta(days=1)

REOPEN = timedelta(minutes=30)
"""What comes back so soon is the same incident, and not a new one."""

FLAPS = 3
"""What was never told, because it healed in time, is told when it has come so often."""


def gap(base: timedelta, cap: timedelta, told: int) -> timedelta:
    """How long to be silent after the `told`-th notice."""
    return min(cap, base * 2 ** min(max(told, 1) - 1, 30))


def flap_gap(told: int) -> timedelta:
    """After so many notices of one incident, the least time before a change of it is told."""
    return gap(FLAP, FLAP_CAP, told)


def reminder_gap(told: int) -> timedelta:
    """After so many notices that it lasts, the time before the next."""
    return gap(REMINDER, REMINDER_CAP, told)
