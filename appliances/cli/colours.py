"""Colours for what a person looks for first: differences, states, modes. Only a terminal shows them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from clusters.modes import Level


class Colour(Enum):
    """By its number in a terminal."""

    RED = 31
    GREEN = 32
    YELLOW = 33
    MAGENTA = 35
    CYAN = 36

    def on(self, text: str) -> str:
        """The text between the sequences that turn the colour on and off."""
        return f"\x1b[{self.value}m{text}\x1b[0m"


SIGNS = {"+ ": Colour.GREEN, "- ": Colour.RED, "~ ": Colour.YELLOW, "! ": Colour.MAGENTA}
MODES = {Level.CLUSTER: Colour.MAGENTA, Level.GROUP: Colour.YELLOW, Level.MACHINE: Colour.CYAN}


class Coloured(str):
    """A line with the colour that a terminal gives it; elsewhere it is the line alone."""

    __slots__ = ("colour",)
    colour: Colour | None


def _coloured(line: str, colour: Colour | None) -> Coloured:
    found = Coloured(line)
    found.colour = colour
    return found


def of_difference(line: str) -> Coloured:
    """A line of a comparison, by its sign."""
    return _coloured(line, SIGNS.get(line.lstrip()[:2]))


def of_state(line: str, state: str) -> Coloured:
    """A line about a link, by its state."""
    return _coloured(line, Colour.GREEN if state == "connected" else Colour.RED)


def wanted(environment: Mapping[str, str], terminal: str) -> bool:
    """Whether a terminal shows colours: not a dumb one, and not where NO_COLOR says so (no-color.org)."""
    return not environment.get("NO_COLOR") and terminal not in ("", "dumb")
