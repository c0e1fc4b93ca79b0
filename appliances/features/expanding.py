"""What Postfix makes of an alias table: whom an address ends at, how far it grows, where it never ends.

Rows go from an address to its targets, both by `patterns.key`. Postfix replaces an address by its targets,
and each of these by its own, until none has a row; an address that is among its own targets is replaced once
and then stands. It counts places, not people: who is reached by two ways takes two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import islice

Rows = Mapping[str, Sequence[str]]

MOST_NAMED = 10
"""Cycles and lists that are looked for; each costs a walk through the table."""
MOST_STEPS = 2_000_000
"""Rows that may be visited to count growth exactly, about two seconds; after that the bound holds."""
COUNTED = 1_000_000_000
"""Where counting ends: lists that name each other twice grow to numbers of a thousand digits."""


def _turning(rows: Rows) -> dict[str, Sequence[str]]:
    """The rows that are replaced each time they are met: those that do not keep their own address."""
    return {name: targets for name, targets in rows.items() if name not in targets}


def _order(turning: Rows) -> TopologicalSorter[str]:
    """Targets before the rows that name them."""
    return TopologicalSorter({name: [t for t in turning[name] if t in turning] for name in turning})


def expanded(rows: Rows, address: str) -> tuple[str, ...]:
    """Whom mail to the address reaches, each once, in the order found. Ends for any rows."""
    waiting, seen, reached = [address], {address}, []
    while waiting:
        here = waiting.pop()
        targets = rows.get(here, (here,))
        if here in targets:
            reached.append(here)
        further = [each for each in dict.fromkeys(targets) if each not in seen]
        seen.update(further)
        waiting += reversed(further)
    return tuple(reached)


def cycles(rows: Rows) -> list[list[str]]:
    """Addresses that stand for one another for ever, each list ending where it began; the first few."""
    left = _turning(rows)
    found: list[list[str]] = []
    while len(found) < MOST_NAMED:
        try:
            _order(left).prepare()
        except CycleError as error:
            found.append(error.args[1][::-1])
            del left[found[-1][0]]
        else:
            break
    return found


class Growth:
    """How many places the addresses of a table without cycles take when they are expanded.

    A row that keeps its own address is replaced at its first place only. So an address takes what it takes
    with these rows left alone, and for each of them that it reaches what that row adds, once.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        turning = _turning(rows)
        self._alone: dict[str, int] = {}
        for name in _order(turning).static_order():
            self._alone[name] = self._places(turning[name])
        self._added = {name: self._places(rows[name]) - 1 for name in rows.keys() - turning.keys()}

    def _places(self, targets: Sequence[str]) -> int:
        return min(COUNTED, sum(self._alone.get(each, 1) for each in targets))

    @property
    def bound(self) -> int:
        """What no address exceeds; found in one walk, and exact where no row keeps its own address."""
        return max(self._alone.values(), default=1) + sum(self._added.values())

    def of(self, address: str) -> int:
        """The places that one address takes."""
        return self._alone.get(address, 1) + sum(self._added.get(each, 0) for each in self._reached(address))

    def above(self, most: int) -> Iterator[tuple[str, int]]:
        """The first few aliases that take more than `most` places, with how many."""
        if self.bound > most:
            counted = zip(self._rows, self._counted(), strict=True)
            yield from islice((each for each in counted if each[1] > most), MOST_NAMED)

    def _counted(self) -> Iterator[int]:
        steps, everything = 0, sum(self._added.values())
        for name in self._rows:
            added = everything
            if steps < MOST_STEPS:
                reached = self._reached(name)
                steps += len(reached)
                added = sum(self._added.get(each, 0) for each in reached)
            yield self._alone.get(name, 1) + added

    def _reached(self, address: str) -> set[str]:
        waiting, seen = [address], {address}
        while waiting:
            further = set(self._rows.get(waiting.pop(), ())) - seen
            seen |= further
            waiting += further
        return seen
