"""An alert follows the state, the throttle the repetition: whatever goes up, down, joins or leaves."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from appliances.links.errors import Unreachable
from appliances.links.keeping import Keeper
from appliances.links.states import Event, EventKind, Member, State, Wanted
from appliances.links.timing import Pace
from appliances.machine.alerts import Alerts
from tests.appliances.links.conftest import HandTime

MINUTE = 60.0


class StubLink:
    """A live link, as far as a keeper looks at it."""

    def __init__(self) -> None:
        self.dialled, self.dialler, self.alive = True, "A", True
        self.farewell, self.reason, self.trouble = "", "it is gone", ""
        self.heard_at, self.round_trip = 0.0, None
        self.ended = asyncio.Event()

    def start(self) -> None: ...

    def advanced(self) -> None: ...

    async def settled(self) -> None: ...

    async def wait_closed(self) -> None:
        await self.ended.wait()

    async def close(self, reason: str = "", text: str = "") -> None:
        self.alive = False
        self.ended.set()


class Around:
    """One machine, A, that watches another, B; both real but for their links."""

    pace = Pace(grace=0.0, first_retry=1.0, last_retry=1.0, attempts=1, patience=0.0)
    serial = "A"

    def __init__(self, path: Path) -> None:
        self.timing = HandTime()
        self.alerts = Alerts(path / "alerts.json")
        self.events: list[Event] = []
        self.up, self.near, self.away = True, True, False
        self.link: StubLink | None = None
        self.keeper: Keeper | None = None
        self.down = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, member: Member) -> Any:
        if not self.up:
            raise Unreachable("off")
        self.link = StubLink()
        return self.link

    async def second_opinion(self, serial: str) -> tuple[str, bool]:
        return "", True

    def report(self, event: Event) -> None:
        self.events.append(event)
        self.alerts.happened(event)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    def follow(self) -> None:
        """What a machine does when any entry of the cluster has changed."""
        if self.keeper is not None:
            wanted = Wanted.DISCONNECTED if self.away else Wanted.CONNECTED
            self.keeper.want(Member("B", "b.example", "192.0.2.2", 22, "key", wanted), self.near)
        self.alerts.follow({"B": self.away} if self.keeper is not None else {})

    async def passes(self, seconds: float) -> None:
        """So much time, in which everything that is due is done."""
        for _second in range(int(seconds)):
            self.timing.turn(1.0)
            for _turn in range(12):
                await asyncio.sleep(0)

    async def do(self, step: str) -> None:
        """One step, and what is known of B after it: `down` is what an alert has to say."""
        if step in ("up", "down"):
            self.up = step == "up"
            if not self.up and self.link is not None and self.link.alive:
                await self.link.close()
                if self.keeper is not None:
                    self.keeper.closed(self.link)  # type: ignore[arg-type]  # a stub
        elif step == "removed" and self.keeper is not None:
            self.keeper.remove()
            self.keeper = None
        elif step == "joined" and self.keeper is None:
            self.near, self.away = True, False
            self.keeper = Keeper(Member("B", "b.example", "192.0.2.2", 22, "key"), self)
        elif step in ("apart", "near"):
            self.near = step == "near"
        elif step in ("away", "back"):
            self.away = step == "away"
        self.follow()
        await self.passes(4)
        if self.keeper is None or self.away:
            self.down = False
        elif self.near:
            self.down = not self.up

    async def end(self) -> None:
        if self.keeper is not None:
            await self.keeper.stop()


STEPS = st.lists(
    st.sampled_from(["up", "down", "removed", "joined", "apart", "near", "away", "back", "another joins"]),
    max_size=14,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_machine_has_an_open_alert_exactly_while_it_is_known_to_be_down(steps: list[str]) -> None:
    """TRL-33: whatever happens to it and to others, and however soon after the last outage."""

    async def story(path: Path) -> None:
        around = Around(path)
        await around.do("joined")
        for step in steps:
            await around.do(step)
            lasting = [alert for alert in around.alerts.open() if alert.kind == EventKind.DOWN]
            assert len(lasting) == around.down, (step, around.keeper and around.keeper.view())
            if around.keeper is not None and around.keeper.state is State.DOWN:
                assert lasting
        await around.end()

    with tempfile.TemporaryDirectory() as path:
        asyncio.run(story(Path(path)))


async def test_outage_that_lasts_is_repeated_after_5_15_35_and_75_minutes(tmp_path: Path) -> None:
    """TRL-33, SYN-16: as docs/alerts.md says."""
    around = Around(tmp_path)
    await around.do("joined")
    await around.do("down")

    await around.passes(80 * MINUTE)

    first, *again = [event.at for event in around.events if event.kind is EventKind.DOWN]
    assert [round((at - first) / MINUTE) for at in again] == [5, 15, 35, 75]
    await around.end()


async def test_outages_that_follow_one_another_are_one_alert_each_told_at_once(tmp_path: Path) -> None:
    """TRL-33: the second came within five minutes and was silent."""
    around = Around(tmp_path)
    await around.do("joined")
    for step in ("down", "up", "down", "up", "down"):
        await around.do(step)

    told = [event.repeated for event in around.events if event.kind is EventKind.DOWN]
    assert told == [0, 1, 2]
    (alert,) = around.alerts.open()
    assert alert.count == 3
    await around.end()
