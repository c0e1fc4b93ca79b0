"""Plots as the paths of an SVG, reckoned by the server: no script, no inline style (CSP).

A plot is stretched to the width of its card, so that it holds no text; words stand around it as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 960, 120
SPARK_WIDTH, SPARK_HEIGHT = 240, 24
GAP = 0.22
"""The part of a bar's place that stays empty."""


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of thing in a plot: `path` draws it, `total` is all of it together."""

    name: str
    path: str
    total: float


@dataclass(frozen=True, slots=True)
class Plot:
    """Series over one span of time; `top` is the value at the upper edge, `hours` what stands below."""

    series: tuple[Series, ...]
    top: float
    hours: tuple[datetime, ...]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def half(self) -> float:
        """The value at the line in the middle."""
        return self.top / 2

    @property
    def empty(self) -> bool:
        """Whether nothing happened."""
        return not any(one.path for one in self.series)


def round_up(value: float) -> float:
    """The next value that is easily read: 1, 2 or 5 times a power of ten; at least 1."""
    size = 1.0
    while True:
        for step in (1, 2, 5):
            if value <= step * size:
                return step * size
        size *= 10


def hours(start: datetime, end: datetime, count: int = 5) -> tuple[datetime, ...]:
    """Moments at even distances, the first and the last included."""
    step = (end - start) / (count - 1)
    return tuple(start + n * step for n in range(count))


def bars(values: Sequence[Sequence[float]], names: Sequence[str], start: datetime, step: timedelta) -> Plot:
    """Bars, one per row of `values`, each put together from one value per name."""
    top = round_up(max((sum(row) for row in values), default=0))
    pieces: dict[str, list[str]] = {name: [] for name in names}
    place = WIDTH / max(len(values), 1)
    for number, row in enumerate(values):
        below = 0.0
        for name, value in zip(names, row, strict=True):
            if value > 0:
                pieces[name].append(_bar(number * place, place, below / top, value / top))
            below += value
    totals = [sum(row[n] for row in values) for n in range(len(names))]
    made = (Series(name, "".join(pieces[name]), total) for name, total in zip(names, totals, strict=True))
    return Plot(tuple(made), top, hours(start, start + len(values) * step))


def _bar(left: float, place: float, below: float, part: float) -> str:
    wide, tall = place * (1 - GAP), part * HEIGHT
    return f"M{left + place * GAP / 2:.1f} {HEIGHT - below * HEIGHT:.1f}h{wide:.1f}v-{tall:.2f}h-{wide:.1f}z"


def area(
    points: Sequence[tuple[datetime, float]],
    name: str,
    start: datetime,
    end: datetime,
    longest: timedelta,
) -> Plot:
    """A filled line; between points further apart than `longest` nothing is known, and nothing drawn."""
    top = round_up(max((value for _at, value in points), default=0))
    path = "".join(_hill(run, start, end, top) for run in runs(points, longest))
    return Plot((Series(name, path, points[-1][1] if points else 0),), top, hours(start, end))


def runs(points: Sequence[tuple[datetime, float]], longest: timedelta) -> list[list[tuple[datetime, float]]]:
    """The points in pieces without gaps."""
    found: list[list[tuple[datetime, float]]] = []
    for point in points:
        if found and point[0] - found[-1][-1][0] <= longest:
            found[-1].append(point)
        else:
            found.append([point])
    return found


def _hill(run: Sequence[tuple[datetime, float]], start: datetime, end: datetime, top: float) -> str:
    across = [((at - start) / (end - start)) * WIDTH for at, _value in run]
    up = [HEIGHT - value / top * HEIGHT for _at, value in run]
    if len(run) == 1:
        across, up = [across[0], across[0] + 2], [up[0], up[0]]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(across, up, strict=True))
    return f"M{across[0]:.1f} {HEIGHT}L{line}V{HEIGHT}Z"


@dataclass(frozen=True, slots=True)
class Spark:
    """The quality of one link over a day: a line of round trips (ms), and marks where there was no link."""

    line: str
    lost: str
    median: float | None
    highest: float | None
    share: int | None
    width: int = SPARK_WIDTH
    height: int = SPARK_HEIGHT


def spark(
    points: Sequence[tuple[datetime, float | None]], start: datetime, end: datetime, longest: timedelta
) -> Spark:
    """Round trips over time; None is a moment without a link."""
    known = [(at, trip) for at, trip in points if trip is not None]
    trips = sorted(trip for _at, trip in known)
    top = round_up(trips[-1]) if trips else 1.0
    line = "".join(_thread(run, start, end, top) for run in runs(known, longest) if len(run) > 1)
    lost = "".join(_mark(at, start, end, longest) for at, trip in points if trip is None)
    share = round(100 * len(known) / len(points)) if points else None
    middle = trips[len(trips) // 2] if trips else None
    return Spark(line, lost, middle, trips[-1] if trips else None, share)


def _thread(run: Sequence[tuple[datetime, float]], start: datetime, end: datetime, top: float) -> str:
    room = SPARK_HEIGHT - 6
    points = (
        f"{(at - start) / (end - start) * SPARK_WIDTH:.1f} {room + 1 - trip / top * room:.1f}"
        for at, trip in run
    )
    return "M" + "L".join(points)


def _mark(at: datetime, start: datetime, end: datetime, longest: timedelta) -> str:
    wide = max(longest / 3 / (end - start) * SPARK_WIDTH, 1.0)
    return f"M{(at - start) / (end - start) * SPARK_WIDTH:.1f} {SPARK_HEIGHT - 3}h{wide:.1f}v3h-{wide:.1f}z"
