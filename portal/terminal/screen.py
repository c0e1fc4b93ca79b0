"""A terminal emulated here, so that the browser gets rows of text and never control codes."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

import pyte

from clusters.visible import shown

logger = logging.getLogger(__name__)

MOST_COLUMNS, MOST_ROWS = 240, 80
LEAST_COLUMNS, LEAST_ROWS = 20, 5
SCROLLED = 500

COLOURS = {
    "black", "red", "green", "brown", "blue", "magenta", "cyan", "white",
    "brightblack", "brightred", "brightgreen", "brightbrown", "brightblue", "brightmagenta", "brightcyan",
    "brightwhite",
}  # fmt: skip

Span = tuple[str, str]
"""A piece of a row, and the names of its style, separated by spaces."""


def fitting(columns: Any, rows: Any) -> tuple[int, int]:
    """A size that a terminal may have, whatever a browser says."""

    def within(value: Any, least: int, most: int) -> int:
        return min(max(int(value), least), most) if isinstance(value, int | float) else least

    return within(columns, LEAST_COLUMNS, MOST_COLUMNS), within(rows, LEAST_ROWS, MOST_ROWS)


class _Scrolling(pyte.Screen):
    """Keeps the rows that leave at the top, until somebody takes them."""

    def __init__(self, columns: int, lines: int) -> None:
        self.gone: deque[list[Span]] = deque(maxlen=SCROLLED)
        super().__init__(columns, lines)

    def index(self) -> None:
        bottom = self.margins.bottom if self.margins else self.lines - 1
        if self.cursor.y == bottom and not (self.margins and self.margins.top):
            self.gone.append(spans(self, 0))
        super().index()


class Screen:
    """The screen of one terminal: fed with what the machine sends, asked for what has changed."""

    def __init__(self, columns: int, rows: int) -> None:
        self._screen = _Scrolling(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._screen.dirty.update(range(rows))

    def feed(self, data: bytes) -> None:
        """What the machine has sent; what the emulator cannot make sense of is left out."""
        try:
            self._stream.feed(data)
        except Exception as error:  # its handlers take no sequence they do not expect, whatever they raise
            logger.info("a terminal sent something unusual (%s)", type(error).__name__)
            self._stream = pyte.ByteStream(self._screen)

    def resize(self, columns: int, rows: int) -> None:
        """Another size; everything is drawn anew."""
        self._screen.resize(rows, columns)
        self._screen.dirty.update(range(rows))

    def changes(self) -> dict[str, Any]:
        """What has changed since it was asked last: rows that scrolled away, rows by number, the cursor."""
        screen = self._screen
        rows = {str(y): spans(screen, y) for y in sorted(screen.dirty) if y < screen.lines}
        scrolled = list(screen.gone)
        screen.dirty.clear()
        screen.gone.clear()
        return {
            "rows": rows,
            "scrolled": scrolled,
            "cursor": [self._letters(), screen.cursor.y, not screen.cursor.hidden],
            "size": [screen.columns, screen.lines],
        }

    def _letters(self) -> int:
        """Letters before the cursor: a wide one takes two columns and is one letter."""
        cursor, row = self._screen.cursor, self._screen.buffer[self._screen.cursor.y]
        return sum(len(shown(row[x].data)) for x in range(cursor.x))


def spans(screen: pyte.Screen, y: int) -> list[Span]:
    """A row as pieces of one style each; what is blank at its end is left out."""
    found: list[list[str]] = []
    for x in range(screen.columns):
        char = screen.buffer[y][x]
        style = _style(char)
        if found and found[-1][1] == style:
            found[-1][0] += char.data
        else:
            found.append([char.data, style])
    while found and not found[-1][1] and not found[-1][0].strip():
        found.pop()
    if found and not found[-1][1]:
        found[-1][0] = found[-1][0].rstrip()
    return [(shown(text), style) for text, style in found]


def _style(char: Any) -> str:
    names = []
    if char.fg in COLOURS:
        names.append(f"fg-{char.fg}")
    if char.bg in COLOURS:
        names.append(f"bg-{char.bg}")
    names += [name for name in ("bold", "reverse", "underscore", "italics") if getattr(char, name)]
    return " ".join(names)
