"""What went through this machine lately: counted from Postfix's log, in memory, since the program began."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliances.postfix.log import Event, Follower, Outcome, end_of

KEPT = timedelta(hours=1)
MOST = 200_000
WINDOWS = (1, 5, 15)
"""Minutes over which a rate is told."""


def domain_of(address: str | None) -> str:
    """The domain of an address; empty where there is none."""
    return (address or "").rpartition("@")[2].casefold()


@dataclass(frozen=True)
class Rates:
    """Messages of an outcome in the last minutes, one number per window of WINDOWS."""

    outcome: Outcome
    counts: tuple[int, ...]


class Traffic:
    """Follows one log; calls come from any thread."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._follower.position = end_of(follower.path)
        self._events: deque[Event] = deque(maxlen=MOST)
        self._totals: Counter[Outcome] = Counter()
        self._since = datetime.now()
        self._lock = threading.Lock()

    def read(self) -> None:
        """Takes in what is new in the log."""
        with self._lock:
            for event in self._follower.events():
                self._events.append(event)
                self._totals[event.outcome] += 1
            oldest = datetime.now() - KEPT
            while self._events and self._events[0].time < oldest:
                self._events.popleft()

    def reset(self) -> None:
        """Counts from nothing."""
        self.read()
        with self._lock:
            self._events.clear()
            self._totals.clear()
            self._since = datetime.now()

    def totals(self) -> tuple[dict[Outcome, int], datetime]:
        """How many of each outcome, and since when (local time)."""
        self.read()
        return dict(self._totals), self._since

    def rates(self, meant: Callable[[Event], bool] = lambda event: True) -> list[Rates]:
        """For each outcome how many in the last minutes, of the events that are meant."""
        self.read()
        now = datetime.now()
        with self._lock:
            found = [(event.outcome, now - event.time) for event in self._events if meant(event)]
        return [
            Rates(
                outcome,
                tuple(
                    sum(o is outcome and age <= timedelta(minutes=minutes) for o, age in found)
                    for minutes in WINDOWS
                ),
            )
            for outcome in Outcome
        ]

    def top(
        self, key: Callable[[Event], str], outcomes: Iterable[Outcome], count: int
    ) -> list[tuple[str, int]]:
        """The keys with the most events of these outcomes in the last hour."""
        self.read()
        wanted = set(outcomes)
        with self._lock:
            found = Counter(key(event) for event in self._events if event.outcome in wanted)
        found.pop("", None)
        return found.most_common(count)

    def last_to(self, domain: str) -> Event | None:
        """What happened last with mail for a domain."""
        self.read()
        with self._lock:
            return next((e for e in reversed(self._events) if domain_of(e.recipient) == domain), None)
