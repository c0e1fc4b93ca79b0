"""Several documents next to one another: where they differ, and one made of parts of each.

`differences` tells how one document becomes another; here any number of versions stand in columns, the first
of which the others are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusters.catalogue import Document
from clusters.differences import ORDER, item_key, mask_at, path_text
from clusters.wire import canonical


class Absent:
    """What stands in a column that has nothing there."""

    def __bool__(self) -> bool:
        return False


ABSENT = Absent()
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One place where the documents differ: a value per column, secrets hidden, ABSENT where there is none.

    `kinds` says of each column how it stands to the first: `same`, `changed`, `added` or `removed`.
    """

    path: Path
    values: tuple[Any, ...]
    kinds: tuple[str, ...]

    @property
    def text(self) -> str:
        """The path as people read it."""
        return path_text(self.path)


def side_by_side(documents: Sequence[Document | None], secrets: Collection[str] = ()) -> list[Row]:
    """The rows in which the documents differ; None is an absent document. None where all are equal."""
    patterns = [tuple(pattern.split(".")) for pattern in secrets]
    columns = tuple(ABSENT if document is None else document for document in documents)
    return [_row(path, values, patterns) for path, values in _unequal((), columns)]


def _row(path: Path, values: Sequence[Any], patterns: Sequence[Path]) -> Row:
    shown = tuple(v if v is ABSENT else mask_at(v, path, patterns) for v in values)
    return Row(path, shown, tuple(_kind(values[0], value) for value in values))


def _kind(first: Any, value: Any) -> str:
    if first is ABSENT or value is ABSENT:
        return "same" if first is value else ("added" if first is ABSENT else "removed")
    return "same" if canonical(first) == canonical(value) else "changed"


def _unequal(path: Path, values: tuple[Any, ...]) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    if _equal(values):
        return
    parts = _parts(values)
    if parts is None:
        yield path, values
        return
    for step, inner in parts.columns():
        yield from _unequal((*path, step), inner)
    if len({tuple(order) for order in parts.orders()}) > 1:
        yield (*path, ORDER), tuple(v if v is ABSENT else list(v) for v in parts.tables)


def _equal(values: Sequence[Any]) -> bool:
    return all(_kind(values[0], value) == "same" for value in values)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Values of one kind taken apart: per column its parts by name, or ABSENT."""

    tables: tuple[Any, ...]
    is_list: bool

    def names(self) -> list[str]:
        return list(dict.fromkeys(name for table in self.tables if table is not ABSENT for name in table))

    def columns(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for name in self.names():
            step = f"[{name}]" if self.is_list else name
            yield step, tuple(t if t is ABSENT else t.get(name, ABSENT) for t in self.tables)

    def orders(self) -> list[list[str]]:
        """Of lists with the same items, in which order each has them."""
        present = [list(table) for table in self.tables if table is not ABSENT]
        common = set.intersection(*map(set, present))
        return [[n for n in names if n in common] for names in present] if self.is_list else []


def _parts(values: tuple[Any, ...]) -> _Parts | None:
    """None for what is compared as a whole: scalars, lists without names, what is there or not."""
    present = [value for value in values if value is not ABSENT]
    if _equal(present):
        return None
    if all(isinstance(value, dict) for value in present):
        return _Parts(values, is_list=False)
    if not all(isinstance(value, list) for value in present):
        return None
    named = _naming(present)
    if named is None:
        return None
    return _Parts(tuple(v if v is ABSENT else {named(i): i for i in v} for v in values), is_list=True)


def _naming(lists: Sequence[list[Any]]) -> Callable[[Any], str] | None:
    """How the items of these lists are known again; None where they cannot be told apart."""
    everything = [item for items in lists for item in items]
    key = item_key(everything)
    if key is not None:
        return _once(lists, lambda item: str(item[key]))
    return _once(lists, str) if all(isinstance(item, str) for item in everything) else None


def _once(lists: Sequence[list[Any]], name: Callable[[Any], str]) -> Callable[[Any], str] | None:
    return name if all(len({name(item) for item in items}) == len(items) for items in lists) else None


def combined(documents: Sequence[Document | None], chosen: Mapping[str, int], default: int) -> Document:
    """One document of parts of several: at each row of `side_by_side` the column that `chosen` names.

    `chosen` maps the text of a row's path to a column; `default` holds for the rest.
    """
    columns = tuple(ABSENT if document is None else document for document in documents)
    found = _combined((), columns, chosen, default)
    return {} if found is ABSENT else found


def _combined(path: Path, values: tuple[Any, ...], chosen: Mapping[str, int], default: int) -> Any:
    if _equal(values):
        return values[default]
    parts = _parts(values)
    if parts is None:
        return values[chosen.get(path_text(path), default)]
    inner = {step: _combined((*path, step), v, chosen, default) for step, v in parts.columns()}
    kept = {step: value for step, value in inner.items() if value is not ABSENT}
    if not kept and ABSENT in values and values[default] not in ({}, []):
        return ABSENT
    if not parts.is_list:
        return kept
    ordered = parts.tables[chosen.get(path_text((*path, ORDER)), default)]
    steps = [f"[{name}]" for name in (() if ordered is ABSENT else ordered)]
    return [kept.pop(step) for step in steps if step in kept] + list(kept.values())
