"""A ring of nodes with lines between them: where each stands in the drawing."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, pi, sin

WIDTH, HEIGHT = 760, 600
X, Y = WIDTH / 2, HEIGHT / 2
"""The middle."""

RADIUS = 240
BESIDE = 22
"""From a node to its name."""

ASIDE = 70
"""How far a line between opposite nodes keeps from the middle, where this portal stands."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a node stands, and where its name begins; `anchor` is the end of the name that is there."""

    x: float
    y: float
    text_x: float
    text_y: float
    anchor: str


CENTRE = Spot(X, Y, X, Y + 36, "middle")


def spots(count: int) -> list[Spot]:
    """Evenly on the ring, the first at the top, clockwise."""
    return [_spot(2 * pi * n / count - pi / 2) for n in range(count)]


def _spot(angle: float) -> Spot:
    across, up = cos(angle), sin(angle)
    x, y = X + RADIUS * across, Y + RADIUS * up
    if abs(across) < 0.2:
        return Spot(round(x, 1), round(y, 1), round(x, 1), round(y + (32 if up > 0 else -22), 1), "middle")
    text_x = x + (BESIDE if across > 0 else -BESIDE)
    return Spot(round(x, 1), round(y, 1), round(text_x, 1), round(y + 5, 1), "start" if across > 0 else "end")


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two spots, and its middle, where a sign can stand."""

    path: str
    x: float
    y: float


def line(one: Spot, other: Spot) -> Line:
    """A line that bends a little towards the middle of the ring, so that neighbours can be told apart."""
    x, y = (one.x + other.x) / 2, (one.y + other.y) / 2
    if CENTRE in (one, other):
        return Line(f"M{one.x} {one.y}L{other.x} {other.y}", round(x, 1), round(y, 1))
    bend_x, bend_y = x + (X - x) * 0.3, y + (Y - y) * 0.3
    if hypot(x - X, y - Y) < ASIDE / 2:
        long = hypot(other.x - one.x, other.y - one.y)
        bend_x = x - (other.y - one.y) / long * ASIDE
        bend_y = y + (other.x - one.x) / long * ASIDE
    path = f"M{one.x} {one.y}Q{bend_x:.1f} {bend_y:.1f} {other.x} {other.y}"
    # A quadratic curve passes half-way between its bend and the middle of its ends.
    return Line(path, round((x + bend_x) / 2, 1), round((y + bend_y) / 2, 1))
