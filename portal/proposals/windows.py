"""Commit windows: weekly times, in the time zone of a cluster, in which commits may take effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class BadWindow(ValueError):
    """A weekly time that is none."""


@dataclass(frozen=True, slots=True)
class Window:
    """One weekly time: `day` 0 is Monday; an end that is not after the start is on the next day."""

    day: int
    start: time
    end: time

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Window:
        """The window of such values; raises BadWindow."""
        day, start, end = row.get("day"), row.get("start"), row.get("end")
        if type(day) is not int or not 0 <= day <= 6:
            raise BadWindow("day")
        for value in (start, end):
            if not isinstance(value, str) or not TIME.fullmatch(value):
                raise BadWindow("time")
        return cls(day, time.fromisoformat(str(start)), time.fromisoformat(str(end)))


def _on(window: Window, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    ends = day if window.end > window.start else day + timedelta(days=1)
    begin = datetime.combine(day, window.start, zone).astimezone(UTC)
    return begin, datetime.combine(ends, window.end, zone).astimezone(UTC)


def _around(windows: Iterable[Window], zone: ZoneInfo, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    today = now.astimezone(zone).date()
    for window in windows:
        first = today + timedelta(days=(window.day - today.weekday()) % 7)
        for weeks in (-1, 0, 1):
            yield _on(window, first + timedelta(weeks=weeks), zone)


def is_open(windows: Sequence[Window], zone: ZoneInfo, now: datetime) -> bool:
    """Whether commits may take effect at that moment; without windows always."""
    return not windows or any(begin <= now < end for begin, end in _around(windows, zone, now))


def next_opening(windows: Sequence[Window], zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the next window begins, in UTC; None without windows."""
    return min((begin for begin, _end in _around(windows, zone, now) if begin > now), default=None)
