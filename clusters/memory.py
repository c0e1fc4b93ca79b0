"""A store in memory, for simulations, tests and simulated machines (see `clusters.replication`)."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge as merged

from clusters.versions import Address, Commit, Heads, Timestamp, Vector


class MemoryStore:
    """A store in memory: for simulations, tests and simulated machines."""

    def __init__(self) -> None:
        self._vector: dict[str, int] = {}
        self._floor: dict[str, int] = {}
        self._tips: dict[str, str] = {}
        self._time = Timestamp(0, 0)
        self._heads: dict[Address, Heads] = {}
        self._arrivals = 0
        self._log: dict[str, list[tuple[int, Commit]]] = {}
        self._held: list[Commit] = []

    def copy(self) -> MemoryStore:
        """A store of its own with the same contents: what a disk would have after a crash."""
        other = MemoryStore()
        other._vector, other._floor, other._tips = self._vector, self._floor, self._tips
        other._time, other._held, other._arrivals = self._time, self._held, self._arrivals
        other._heads = dict(self._heads)
        other._log = {origin: list(commits) for origin, commits in self._log.items()}
        return other

    def vector(self) -> dict[str, int]:
        return dict(self._vector)

    def set_vector(self, vector: Vector) -> None:
        self._vector = dict(vector)

    def floor(self) -> dict[str, int]:
        return dict(self._floor)

    def set_floor(self, vector: Vector) -> None:
        self._floor = dict(vector)

    def tips(self) -> dict[str, str]:
        return dict(self._tips)

    def set_tips(self, tips: Mapping[str, str]) -> None:
        self._tips = dict(tips)

    def time(self) -> Timestamp:
        return self._time

    def set_time(self, time: Timestamp) -> None:
        self._time = time

    def heads(self, addresses: Iterable[Address]) -> dict[Address, Heads]:
        return {address: self._heads[address] for address in addresses if address in self._heads}

    def all_heads(self) -> Iterable[tuple[Address, Heads]]:
        return list(self._heads.items())

    def put_heads(self, heads: Mapping[Address, Heads]) -> None:
        self._heads.update(heads)

    def append(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            self._arrivals += 1
            self._log.setdefault(commit.id.origin, []).append((self._arrivals, commit))

    def forget(self, vector: Vector) -> None:
        self._log = {o: log[_position(log, vector.get(o, 0)) :] for o, log in self._log.items()}

    def withdraw(self, origin: str, number: int) -> None:
        log = self._log.pop(origin, [])
        if kept := log[: _position(log, number)]:
            self._log[origin] = kept

    def links_before(self, origin: str, number: int) -> list[str]:
        log = self._log.get(origin, [])
        return [commit.previous for _, commit in log[_position(log, number) :]]

    def commits_after(self, vector: Vector) -> Iterator[Commit]:
        behind = [
            (log, vector.get(o, 0)) for o, log in self._log.items() if vector.get(o, 0) < self._vector[o]
        ]
        tails = [log[_position(log, number) :] for log, number in behind]
        return (commit for _, commit in merged(*tails, key=lambda arrival: arrival[0]))

    def last(self, most: int) -> list[Commit]:
        return list(deque(self.commits_after({}), most))

    def held(self) -> list[Commit]:
        return list(self._held)

    def set_held(self, commits: Sequence[Commit]) -> None:
        self._held = list(commits)


def _position(log: Sequence[tuple[int, Commit]], number: int) -> int:
    return bisect_right(log, number, key=lambda arrival: arrival[1].id.number)
