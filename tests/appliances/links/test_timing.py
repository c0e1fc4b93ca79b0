from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.links.timing import BackOff, RealTime, Throttle, within


def test_throttle_lets_equal_alerts_out_ever_more_rarely():
    """SYN-16."""
    throttle = Throttle(base=5, cap=10_000)

    out = [second for second in range(400) if throttle.allows(second)]

    assert out == [0, 5, 15, 35, 75, 155, 315]


def test_throttle_gaps_grow_up_to_the_cap():
    throttle = Throttle(base=5, cap=20)

    out = [second for second in range(100) if throttle.allows(second)]

    assert out == [0, 5, 15, 35, 55, 75, 95]


def test_throttle_starts_anew_after_a_quiet_time():
    throttle = Throttle(base=5, cap=1000)
    for second in range(40):
        throttle.allows(second)

    assert throttle.allows(1000)
    assert not throttle.allows(1004)
    assert throttle.allows(1005)


def test_throttle_says_how_long_to_wait():
    throttle = Throttle(base=5, cap=1000)

    assert throttle.wait(0) == 0
    throttle.allows(0)
    assert throttle.wait(2) == 3


@given(st.floats(0, 1), st.integers(0, 100))
def test_back_off_doubles_with_jitter_up_to_its_last(chance, steps):
    back_off = BackOff(1.0, 60.0, lambda: chance)

    for step in range(steps):
        assert min(60.0, 2.0**step) / 2 <= back_off.next() <= min(60.0, 2.0**step)
    back_off.reset()
    assert back_off.next() <= 1.0


async def test_within_cancels_what_takes_too_long():
    cancelled = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        await within(RealTime(), 0.01, slow())
    assert cancelled.is_set()


async def test_within_gives_the_result_or_the_error():
    async def fails() -> None:
        raise KeyError("x")

    assert await within(RealTime(), 5, asyncio.sleep(0, "done")) == "done"
    with pytest.raises(KeyError):
        await within(RealTime(), 5, fails())
