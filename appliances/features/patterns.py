"""How patterns for recipients contain one another: address < domain < .domain < ALL.

Two patterns either share nobody or one lies within the other. So a table in which the first match decides
says the same as a table in which the narrowest match decides, once its unreachable rows are left out;
Postfix reads the second kind without walking through it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from appliances.features.fields import ALL

Value = TypeVar("Value")


def key(pattern: str) -> str:
    """The form in which patterns are compared; user names count without regard to case."""
    return ALL if pattern == ALL else pattern.lower()


def enclosing(pattern: str) -> Iterator[str]:
    """The pattern itself and all that contain it, the narrowest first, ALL at the end."""
    if pattern != ALL:
        yield key(pattern)
        _local, at, domain = key(pattern).rpartition("@")
        if at:
            yield domain
        yield from _parents(domain.removeprefix("."))
    yield ALL


def _parents(domain: str) -> Iterator[str]:
    while "." in domain:
        domain = domain.partition(".")[2]
        yield f".{domain}"


def narrowest(table: Mapping[str, Value], pattern: str) -> Value | None:
    """What the table (by `key`) says of all that the pattern names; None where it says nothing."""
    # Most tables that are asked are empty, or name the pattern itself: of 40,000 rows each is asked so.
    if not table:
        return None
    if (found := table.get(key(pattern))) is not None:
        return found
    return next((table[each] for each in enclosing(pattern) if each in table), None)


def reachable(table: Iterable[tuple[str, Value]]) -> Iterator[tuple[str, Value]]:
    """The rows of a first-match table without those that an earlier row hides."""
    seen: set[str] = set()
    for pattern, value in table:
        if seen.isdisjoint(enclosing(pattern)):
            yield pattern, value
        seen.add(key(pattern))
