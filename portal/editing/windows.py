"""Which rows of a long table stand on a page: some of them in their order, or those that a filter finds.

Any legal document has to open in a page of at most 2 MB within 2 seconds, whatever its tables hold. So a
table is shown whole only while it is short; of others a page carries one window, and the server has the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

SHORT = 100
"""Rows of a table that is shown whole."""
MOST_ROWS = 50
"""Rows of one window."""
MOST_LINES = 500
"""Entries of a plain list that one text field takes; above, they are rows."""
MOST_WEIGHT = 1000
"""Fields that the rows of one table bring: a row of twenty hosts is as much to send as twenty rows of one."""
TEXT_WEIGHT = 200
"""Characters of a text that weigh as much as a field."""
LONGEST_FILTER = 200


@dataclass(frozen=True, slots=True)
class Looking:
    """What a person looks at: the table at `path` from `start` on, or the rows of it that hold `query`."""

    path: str = ""
    start: int = 0
    query: str = ""

    @classmethod
    def asked(cls, asked: Mapping[str, str]) -> Looking:
        """As the address of a page says it."""
        start = asked.get("from", "")
        number = int(start) if start.isascii() and start.isdecimal() and len(start) < 9 else 1
        return cls(asked.get("rows", ""), max(number - 1, 0), asked.get("q", "")[:LONGEST_FILTER].strip())


THE_TOP = Looking()


@dataclass(frozen=True, slots=True)
class Window:
    """The rows that are shown, by their places: `start` to `stop` of the `found` ones of `total`."""

    total: int
    found: int
    start: int
    stop: int
    before: int
    query: str = ""
    places: Sequence[int] = field(default=())

    @property
    def first(self) -> int:
        """The number of the first row shown; 0 where none is."""
        return self.start + 1 if self.places else 0

    @property
    def previous(self) -> int:
        """Where the window before begins, as addresses count."""
        return self.before + 1

    @property
    def next(self) -> int:
        """Where the window behind begins, as addresses count."""
        return self.stop + 1

    @property
    def more(self) -> bool:
        """Whether rows follow."""
        return self.stop < self.found


def weight(value: Any, most: int = MOST_WEIGHT) -> int:
    """How many fields a value brings to a page; counted no further than `most`."""
    if isinstance(value, str):
        return 1 + len(value) // TEXT_WEIGHT
    if not isinstance(value, (dict, list)):
        return 1
    found = 0
    for inner in value.values() if isinstance(value, dict) else value:
        found += weight(inner, most)
        if found > most:
            break
    return found


def is_long(items: Sequence[Any]) -> bool:
    """Whether a table is too long to be shown whole."""
    return len(items) > SHORT or weight(items) > MOST_WEIGHT


def is_long_list(items: Sequence[Any]) -> bool:
    """Whether a list of texts is too long for one text field."""
    return len(items) > MOST_LINES


def window(items: Sequence[Any], part: Schema, start: int, query: str, folded: bool = False) -> Window:
    """The window from `start` on of the rows that hold `query`. `folded` rows weigh nothing until opened.

    A start beyond the end gives the last window.
    """
    found = matching(items, part, query) if query else range(len(items))
    weights = 0 if folded else MOST_WEIGHT
    start = min(start, len(found)) if start < len(found) else _back(items, found, len(found), weights)
    stop = _forth(items, found, start, weights)
    before = _back(items, found, start, weights)
    return Window(len(items), len(found), start, stop, before, query, tuple(found[start:stop]))


def _forth(items: Sequence[Any], found: Sequence[int], start: int, most: int) -> int:
    return start + _fitting((items[place] for place in found[start : start + MOST_ROWS]), most)


def _back(items: Sequence[Any], found: Sequence[int], stop: int, most: int) -> int:
    rows = found[max(stop - MOST_ROWS, 0) : stop]
    return stop - _fitting((items[place] for place in reversed(rows)), most)


def _fitting(rows: Iterator[Any], most: int) -> int:
    """How many of the rows one window takes: at least one where there is one."""
    count = load = 0
    for row in rows:
        load += weight(row, most) if most else 0
        if count and load > most:
            break
        count += 1
    return count


def matching(items: Sequence[Any], part: Schema, query: str) -> list[int]:
    """The places of the rows that hold `query` in any text but a secret; case is ignored."""
    wanted = query.casefold()
    return [
        place
        for place, item in enumerate(items)
        if any(wanted in text.casefold() for text in _texts(item, part))
    ]


def _texts(value: Any, part: Schema) -> Iterator[str]:
    """What a person can read of a value: a filter that saw secrets would tell them letter by letter."""
    if part.get("x-secret"):
        return
    part = next((each for each in part.get("anyOf", ()) if each.get("type") != "null"), part)
    if isinstance(value, dict):
        known = part.get("properties", {})
        for name, inner in value.items():
            if name in known:
                yield from _texts(inner, known[name])
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, part.get("items", {}))
    elif value is not None:
        yield str(value)
