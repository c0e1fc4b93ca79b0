"""The rows of a long table that a form sent, put into the table that the page was made from.

Such a form carries only what a person has changed. A row is named by its place and a digest of what stood
there, so that a form that is older than the table changes the row that was meant, or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from appliances.features.fields import takes_all
from clusters.versions import canonical, digest

Schema = Mapping[str, Any]

Named = tuple[str, Any]
"""A row with its name in the form; empty for one that the form does not carry."""

NEW = "n"
"""How the name of a row begins that the page has made."""
PASTED = "p"
"""How the name of a row begins that came as one of many lines."""
DIGITS = 10


def name_of(place: int, item: Any, part: Schema) -> str:
    """How a form names the row at that place."""
    return f"{place}-{_digest(item, part)}"


def _digest(item: Any, part: Schema) -> str:
    """Of what a page shows of the row: the digest of a secret would help to guess it."""
    hidden = {name for name, field_ in part.get("properties", {}).items() if field_.get("x-secret")}
    shown = {k: v for k, v in item.items() if k not in hidden} if isinstance(item, dict) else item
    return digest([canonical(shown)])[:DIGITS]


@dataclass(frozen=True)
class Known:
    """The rows that the page was made from."""

    items: Sequence[Any]
    part: Schema
    first_match: str = ""
    """The field that says whom a row matches, where the first row that does decides."""

    def place(self, name: str) -> int | None:
        """Where the row of that name stands now; None for one that is no longer there, or is new."""
        number, dash, stamp = name.partition("-")
        if not (number.isascii() and number.isdecimal() and len(number) < 9):
            return None
        if not dash:
            return int(number) if int(number) < len(self.items) else None
        place = int(number)
        if place < len(self.items) and _digest(self.items[place], self.part) == stamp:
            return place
        return self._stamps.get(stamp)

    @cached_property
    def _stamps(self) -> dict[str, int]:
        return {_digest(item, self.part): place for place, item in enumerate(self.items)}


@dataclass
class Sent:
    """What a form says of a long table: changed and new rows by name, rows that are gone, and new places.

    `after` is the name behind which a row stands, empty for the top; `numbers` are places that were typed.
    """

    rows: dict[str, Any]
    gone: Sequence[str] = ()
    after: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)


def merged(known: Known, sent: Sent) -> list[Named]:
    """The table with what was sent, each row with its name; rows that nobody touched stay as they are.

    A new row without a place, and a changed one that is no longer there, stand at the end, but before the row
    that matches everything: nothing is lost, and nothing is out of reach (TRL-04).
    """
    rows = entered(*_in_order(known, sent), known.first_match)
    for name, number in sorted(_moves(known, sent), key=lambda pair: pair[1]):
        row = next(each for each in rows if each[0] == name)
        rows.remove(row)
        rows.insert(min(max(number - 1, 0), len(rows)), row)
    return rows


def entered(rows: Sequence[Named], new: Sequence[Named], first_match: str) -> list[Named]:
    """The rows with new ones that nobody gave a place: last, but before the one that matches everything."""
    place = next((i for i, (_name, row) in enumerate(rows) if takes_all(row, first_match)), len(rows))
    last = [each for each in new if takes_all(each[1], first_match)]
    return [*rows[:place], *(each for each in new if each not in last), *rows[place:], *last]


def _moves(known: Known, sent: Sent) -> list[tuple[str, int]]:
    """The numbers that say another place than the row has: each row is sent with its number."""
    return [
        (name, number)
        for name, number in sent.numbers.items()
        if name in sent.rows and (place := known.place(name)) is not None and number != place + 1
    ]


def _in_order(known: Known, sent: Sent) -> tuple[list[Named], list[Named]]:
    """The rows whose places are known, in their order; and those without a place."""
    places = {name: known.place(name) for name in sent.rows}
    gone = {place for name in sent.gone if (place := known.place(name)) is not None}
    anchored = {name for name in sent.rows if name in sent.after}
    stays = {place: name for name, place in places.items() if place is not None and name not in anchored}
    away = gone | {place for name in anchored if (place := places[name]) is not None}
    followers = _followers(known, sent, anchored)
    waiting = dict(sent.rows)

    def row(name: str) -> Named:
        return name, waiting.pop(name)

    def behind(key: int | str) -> Iterator[Named]:
        stack = list(reversed(followers.pop(key, [])))
        while stack:
            name = stack.pop()
            if name in waiting:
                yield row(name)
            stack += reversed(followers.pop(name, []))

    rows = list(behind(-1))
    for place, item in enumerate(known.items):
        if place in stays:
            rows.append(row(stays[place]))
        elif place not in away:
            rows.append(("", item))
        rows += behind(place)
    return rows, list(waiting.items())


def _followers(known: Known, sent: Sent, anchored: set[str]) -> dict[int | str, list[str]]:
    """Who stands behind whom: behind a row that is known by its place, behind a new or moved one by name."""
    found: dict[int | str, list[str]] = {}
    for name in sent.rows:
        if name in anchored:
            before = sent.after[name]
            place = known.place(before) if before and before not in anchored else None
            key = -1 if not before else before if place is None else place
            found.setdefault(key, []).append(name)
    return found
