"""What a machine does that hears from many at once that it was removed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from appliances.links.states import Event, EventKind, State
from appliances.machine import daemon as program
from appliances.machine.daemon import Daemon

MEMBER, ALONE = SimpleNamespace(member="a member"), SimpleNamespace(member=None)


async def test_machine_leaves_once_however_many_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL-36: in a mesh of twenty each of them says it; the second time there was no cluster to leave."""
    left: list[Any] = []

    async def leave(daemon: Any) -> None:
        assert daemon.view is MEMBER
        left.append(daemon)
        await asyncio.sleep(0)

    async def in_thread(work: Any) -> Any:
        return work()

    monkeypatch.setattr(program.members, "leave", leave)
    monkeypatch.setattr(program, "in_thread", in_thread)
    machine = SimpleNamespace(view=MEMBER, _following=asyncio.Lock(), _read=lambda: ALONE if left else MEMBER)
    machine._go_alone = lambda: Daemon._go_alone(machine)  # type: ignore[arg-type]  # as far as it is needed
    event = Event(EventKind.REFUSED, "MX2", "mx2", State.REMOVED, "removed", 0.0, commit="MX2/7")

    await asyncio.gather(*(Daemon._leave(machine, event) for _member in range(20)))  # type: ignore[arg-type]  # as above

    assert len(left) == 1
