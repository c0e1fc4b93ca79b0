"""A network in virtual time that delays, reorders, repeats, loses and splits."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.truth import Violation

LOSS = 0.04
REPEAT = 0.06
LATE = 0.03
USUAL_DELAY = (5, 2_000)
LONG_DELAY = (10_000, 600_000)
ENOUGH = 20_000
"""More messages than any life needs: a protocol that never falls silent."""


@dataclass
class Network:
    """Messages on their way; times in ms of the virtual clock."""

    random: Random
    cut: set[frozenset[str]] = field(default_factory=set)
    sides: dict[str, int] = field(default_factory=dict)
    quiet: bool = False
    sent: int = 0
    _flying: list[tuple[int, int, str, str, Any]] = field(default_factory=list)

    def connected(self, a: str, b: str) -> bool:
        """Whether a message could go from one to the other now."""
        return frozenset((a, b)) not in self.cut and self.sides.get(a, 0) == self.sides.get(b, 0)

    def send(self, now: int, source: str, target: str, message: Any) -> None:
        """Puts a message on its way, or not, or twice."""
        if not self.connected(source, target) or self._lost():
            return
        self._fly(now, source, target, message)
        if self.random.random() < REPEAT:
            self._fly(now, source, target, message)

    def _lost(self) -> bool:
        return not self.quiet and self.random.random() < LOSS

    def _fly(self, now: int, source: str, target: str, message: Any) -> None:
        late = not self.quiet and self.random.random() < LATE
        self.sent += 1
        if self.sent > ENOUGH:
            raise Violation("the replicas never stop talking")
        arrival = now + self.random.randint(*(LONG_DELAY if late else USUAL_DELAY))
        heapq.heappush(self._flying, (arrival, self.sent, source, target, message))

    def due(self, now: int) -> tuple[int, str, str, Any] | None:
        """The next message that has arrived by `now`: when, from whom, for whom, what."""
        while self._flying and self._flying[0][0] <= now:
            arrival, _, source, target, message = heapq.heappop(self._flying)
            if self.connected(source, target):
                return arrival, source, target, message
        return None

    def next_arrival(self) -> int | None:
        """When the next message arrives."""
        return self._flying[0][0] if self._flying else None

    def heal(self) -> None:
        """No cuts, no sides, no losses from here on."""
        self.cut.clear()
        self.sides.clear()
        self.quiet = True
