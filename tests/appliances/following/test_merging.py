"""What many ask for at once: done once for all who came before it began, and never too early."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from appliances.following.merging import Merged, Shared


class Desk:
    """Work that takes until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def work(self) -> None:
        self.begun += 1
        await self.go.wait()

    async def find(self) -> int:
        await self.work()
        return self.begun


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_events_during_one_run_are_one_further_run() -> None:
    desk = Desk()
    merged = Merged(desk.work, desk.begin, 0)
    merged.ask()
    await turn()
    for _ in range(100):
        merged.ask()
    await turn()
    assert desk.begun == 1
    desk.go.set()
    await asyncio.sleep(0.05)
    assert desk.begun == 2
    merged.ask()
    await turn()
    assert desk.begun == 3


async def test_work_that_fails_is_done_again_for_who_asked_meanwhile() -> None:
    desk = Desk()

    async def fail() -> None:
        await desk.work()
        raise ValueError("once more")

    merged = Merged(fail, desk.begin, 0)
    merged.ask()
    await turn()
    merged.ask()
    desk.go.set()
    await asyncio.sleep(0.05)
    assert desk.begun == 2
    for task in desk.tasks:
        with pytest.raises(ValueError, match="once more"):
            await task


async def test_who_asks_while_an_answer_is_looked_for_gets_the_next_one() -> None:
    desk = Desk()
    shared = Shared(desk.find)
    first = [asyncio.ensure_future(shared.get()) for _ in range(50)]
    await turn()
    later = [asyncio.ensure_future(shared.get()) for _ in range(50)]
    await turn()
    assert desk.begun == 1
    assert not shared.idle
    desk.go.set()
    assert set(await asyncio.gather(*first)) == {1}
    assert set(await asyncio.gather(*later)) == {2}
    assert shared.idle


async def test_who_gives_up_takes_the_answer_from_nobody() -> None:
    desk = Desk()
    shared = Shared(desk.find)
    impatient, patient = (asyncio.ensure_future(shared.get()) for _ in range(2))
    await turn()
    impatient.cancel()
    desk.go.set()
    assert await patient == 1
