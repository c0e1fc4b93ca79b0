"""Whether members that were taken back hear of it: they call nobody before, so somebody must reach them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from appliances.links.keeping import APART
from appliances.links.peer import Kind
from appliances.links.states import PeerView, State

if TYPE_CHECKING:
    from appliances.machine.daemon import Daemon

LOOK = 0.1
"""Seconds between two looks."""
TRIES = 3
"""Calls that must have failed: the first ones may come while the other end is only starting."""


async def unreached(daemon: Daemon, serials: Sequence[str], seconds: float) -> dict[str, str]:
    """Why there is no link with them yet, by serial number (`login_host.LoginHost.unreached`)."""
    await daemon.follow()
    before = {view.serial: view.attempts for view in daemon.table.views()}
    end = time.monotonic() + seconds
    missing = _missing(daemon, serials)
    while any(_is_awaited(view, before) for view in missing.values()) and time.monotonic() < end:
        await asyncio.sleep(LOOK)
        missing = _missing(daemon, serials)
    return {serial: view.reason for serial, view in missing.items()}


def _missing(daemon: Daemon, serials: Sequence[str]) -> dict[str, PeerView]:
    """Of each the link that is not there; links that this end does not keep are left out."""
    machines = (view for view in daemon.table.views() if view.kind is Kind.MACHINE)
    views = {view.serial: view for view in machines if view.remedy != APART}
    found = {s: views[s] for s in serials if s in views and views[s].state is not State.CONNECTED}
    alone = _alone(list(views.values())) if daemon.home.serial in serials else None
    return found if alone is None else {**found, daemon.home.serial: alone}


def _alone(views: Sequence[PeerView]) -> PeerView | None:
    """One of the links that are not there, where none is; who is away on purpose counts for nothing."""
    wanted = [view for view in views if view.state is not State.DISCONNECTED]
    linked = any(view.state is State.CONNECTED for view in wanted)
    return None if linked or not wanted else wanted[0]


def _is_awaited(view: PeerView, before: dict[str, int]) -> bool:
    """Whether its link may still come: it was not tried often enough since."""
    return view.attempts - before.get(view.serial, 0) < TRIES
