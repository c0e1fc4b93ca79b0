"""What many ask for at once is done once for all who asked before it began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Work = Coroutine[Any, Any, None]

GAP = 0.2
"""Seconds from one run to the next while more is asked for."""


class Merged:
    """Work that follows on events: the first begins it at once, those that come meanwhile share the next."""

    def __init__(self, work: Callable[[], Work], begin: Callable[[Work], None], gap: float = GAP) -> None:
        self._work, self._begin, self._gap = work, begin, gap
        self._asked = self._running = False

    def ask(self) -> None:
        """See that the work is done once more after now."""
        self._asked = True
        if not self._running:
            self._running = True
            self._begin(self._run())

    async def _run(self) -> None:
        self._asked = False
        try:
            await self._work()
            await asyncio.sleep(self._gap)
        finally:
            self._running = False
            if self._asked:
                self.ask()


class Shared(Generic[T]):
    """A question for which many wait: nobody gets an answer that was looked for before it was asked."""

    def __init__(self, find: Callable[[], Awaitable[T]]) -> None:
        self._find = find
        self._turn = asyncio.Lock()
        self._next: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """The answer as it is from now on; raises what looking for it raises."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._put())
        return await asyncio.shield(self._next)

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return self._next is None and not self._turn.locked()

    async def _put(self) -> T:
        async with self._turn:
            self._next = None
            return await self._find()
