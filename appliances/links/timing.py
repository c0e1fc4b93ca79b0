"""Time as links see it: a clock that tests can turn by hand, the intervals, back-off, throttled alerts."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Timing(Protocol):
    """A clock and a way to wait by it."""

    def now(self) -> float:
        """Seconds since 1970 UTC, for people."""
        ...

    def elapsed(self) -> float:
        """Seconds that never run backwards, for intervals."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class RealTime:
    """The computer's own clock."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def within(timing: Timing, seconds: float, work: Awaitable[T]) -> T:
    """The result of `work`; raises TimeoutError, and cancels it, when it takes longer than that."""
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(timing.sleep(seconds))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        await cancel(alarm, task)


async def cancel(*tasks: asyncio.Future[Any]) -> None:
    """Ends tasks and waits until they have ended; their own errors were reported elsewhere."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen, so that Python does not report it once more


@dataclass(frozen=True, slots=True)
class Pace:
    """All intervals of links, in seconds."""

    ping: float = 60.0
    """Between pings, also while everything is quiet (COM-04)."""
    answer: float = 20.0
    """Longest wait for a pong, a hello, an opinion or the SSH handshake."""
    store: float = 300.0
    """Longest wait for the other end to store what was sent."""
    relay: float = 0.1
    """Before commits of others are passed on, so that those who have them already can say so."""
    grace: float = 3.0
    """Before the end with the higher serial number dials as well."""
    first_retry: float = 1.0
    last_retry: float = 60.0
    """Back-off between attempts: doubled each time, up to the last."""
    attempts: int = 3
    patience: float = 15.0
    """A peer is down after so many failed attempts and seconds, when no other peer reaches it (SYN-01)."""
    awaited: float = 180.0
    """The same patience with a peer that dials us and cannot be dialled, such as the portal."""
    farewell: float = 5.0
    """Longest wait for a peer that is about to be removed or disconnected to take the last commits."""
    alert: float = 300.0
    alert_cap: float = 86400.0
    """Repeated alerts: 1, 3, 7, 15 ... times the base after the first, gaps up to the cap (SYN-16)."""


@dataclass(slots=True)
class BackOff:
    """Growing waits, jittered so that a whole cluster does not dial in step."""

    first: float
    last: float
    chance: Callable[[], float] = random.random
    _step: int = 0

    def next(self) -> float:
        """The next wait in seconds: between half and the whole of a doubled interval."""
        wait = min(self.last, self.first * 2.0 ** min(self._step, 30))
        self._step += 1
        return wait * (0.5 + 0.5 * self.chance())

    def reset(self) -> None:
        """After a success."""
        self._step = 0


@dataclass(slots=True)
class Throttle:
    """Which of many equal alerts go out: the first, then after base, 3, 7, 15 ... times base (SYN-16).

    With base 5: after 5, 15, 35, 75, 155, 315 seconds; no gap is longer than `cap`. A quiet time as long as
    the present gap starts anew.
    """

    base: float
    cap: float
    _due: float | None = field(default=None)
    _gap: float = 0.0

    def allows(self, now: float) -> bool:
        """Whether an alert at this time goes out."""
        if self._due is None or now >= self._due + self._gap:
            self._gap = self.base
        elif now < self._due:
            return False
        else:
            self._gap = min(self.cap, self._gap * 2)
            self._due += self._gap
            return True
        self._due = now + self._gap
        return True

    def wait(self, now: float) -> float:
        """Seconds until the next one is allowed."""
        return 0.0 if self._due is None else max(0.0, self._due - now)
