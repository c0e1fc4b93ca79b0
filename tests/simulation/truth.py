"""What really happened, kept apart from vectors and merging, so that both can be judged by it.

Each acknowledged commit is one bit; what its author had really seen is a set of bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from clusters.versions import Address, Commit, CommitId, Heads, Version


class Violation(Exception):
    """An invariant of design section 3 does not hold."""


@dataclass
class Truth:
    """All commits that were ever made, in their order, and which of them are safe on a disk."""

    commits: list[Commit] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    bits: dict[CommitId, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)

    def made(self, commit: Commit, known: int) -> int:
        """Notes a commit, and what its author had seen; returns its bit."""
        self.commits.append(commit)
        self.seen.append(known)
        return 1 << len(self.commits) - 1

    def acknowledge(self, bit: int) -> None:
        """A commit is safe on disk and may be sent."""
        ident = self.commits[bit.bit_length() - 1].id
        if ident in self.bits:
            raise Violation(f"{ident} is made a second time")
        self.bits[ident] = bit
        self.last[ident.origin] = ident.number

    def bit(self, ident: CommitId) -> int:
        """The bit of a commit that somebody has received."""
        if ident not in self.bits:
            raise Violation(f"{ident} was sent before it was safe on disk")
        return self.bits[ident]

    def last_number(self, origin: str) -> int:
        """How many commits of a holder were acknowledged."""
        return self.last.get(origin, 0)

    def without(self, known: int) -> list[CommitId]:
        """The acknowledged commits that are not among these."""
        return [ident for ident, bit in self.bits.items() if not known & bit]

    def heads(self, known: int) -> dict[Address, list[tuple[CommitId, object]]]:
        """What must stand, by the words of the merge rule: per entry what none of the known had seen."""
        changes: dict[Address, list[int]] = {}
        for number, commit in enumerate(self.commits):
            if known >> number & 1:
                for change in commit.changes:
                    changes.setdefault(change.address, []).append(number)
        return {address: self._standing(address, numbers) for address, numbers in changes.items()}

    def _standing(self, address: Address, numbers: list[int]) -> list[tuple[CommitId, object]]:
        covered = 0
        for number in numbers:
            covered |= self.seen[number]
        left = [self.commits[n] for n in numbers if not covered >> n & 1]
        left.sort(key=lambda c: (c.time, c.id), reverse=True)
        return [(c.id, next(x.value for x in c.changes if x.address == address)) for c in left]

    def judge_waiting(self, who: str, address: Address, heads: Heads, stands: Version | None) -> None:
        """Raises Violation where a conflict is in force for all though not all its authors had seen it."""
        forgotten = any(head.past is None or not head.past.whole for head in heads)
        if stands is None or (stands.id == heads[0].id and forgotten):
            return
        bit = self.bits[stands.id]
        for head in heads:
            if not self.seen[self.bits[head.id].bit_length() - 1] & bit:
                raise Violation(f"{who}: {address} does not wait: {head.id} had not seen {stands.id}")

    def judge(self, who: str, known: int, entries: Iterable[tuple[Address, Heads]]) -> None:
        """Raises Violation where a replica's entries are not what they must be."""
        expected = self.heads(known)
        found = {a: [(v.id, v.value) for v in heads] for a, heads in entries}
        for address in sorted({*expected, *found}, key=str):
            if expected.get(address) != found.get(address):
                raise Violation(
                    f"{who}: {address} must be {expected.get(address)} and is {found.get(address)}"
                )
