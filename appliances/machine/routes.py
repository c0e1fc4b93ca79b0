"""Which way a request takes to a member with which this machine has no link (COM-01, COM-03).

The table of routes is what this machine and its peers last said of their links; it changes with each of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from appliances.links.errors import NO_MEMBER, LinkError, Unreachable
from appliances.links.peer import Wire
from appliances.machine.status import LinkStatus, MachineStatus

if TYPE_CHECKING:
    from appliances.machine.daemon import Daemon

HOPS = 6
"""Members that a request may pass on its way: log2 of the largest cluster, and one for an outage."""


def routes(own: Iterable[LinkStatus], heard: Mapping[str, MachineStatus]) -> dict[str, tuple[str, ...]]:
    """The shortest way to each member that can be reached: serial numbers from the next one to itself."""
    found: dict[str, tuple[str, ...]] = {serial: (serial,) for serial in _neighbours(own)}
    waiting = deque(found)
    while waiting:
        here = waiting.popleft()
        said = heard.get(here)
        for serial in _neighbours(said.links) if said else ():
            if serial not in found:
                found[serial] = (*found[here], serial)
                waiting.append(serial)
    return found


def _neighbours(links: Iterable[LinkStatus]) -> list[str]:
    return sorted(link.serial for link in links if link.kind == "machine" and link.state == "connected")


async def ask(
    daemon: Daemon, serial: str, request: Wire, user: str, hops: int = HOPS, past: Collection[str] = ()
) -> list[Wire]:
    """The answer of a member to a request, over other members where there is no link. Raises LinkError.

    `past`: those of this machine's neighbours over which it is not to go.
    """
    link = daemon.table.link(serial)
    if link is None:
        way = await _way(daemon, serial, past)
        between = daemon.table.link(way[0]) if len(way) > 1 and hops else None
        if between is not None:
            passed = {"relay": serial, "hops": hops - 1, "request": request}
            return [piece async for piece in between.run(passed, user)]
        link = await daemon.table.reach(serial)
    return [piece async for piece in link.run(request, user)]


async def _way(daemon: Daemon, serial: str, past: Collection[str] = ()) -> tuple[str, ...]:
    if serial not in daemon.view.state.machines:
        raise Unreachable(f"{serial} is no member of this cluster", NO_MEMBER)
    own = [link for link in (await daemon.status()).links if link.serial not in past]
    return routes(own, daemon.heard_statuses.all()).get(serial, ())


async def statuses(daemon: Daemon, serials: Iterable[str], seconds: float) -> dict[str, MachineStatus]:
    """What members say of themselves now, all asked at once; who does not answer in time is left out."""
    found = await asyncio.gather(*(_status_of(daemon, serial, seconds) for serial in serials))
    return {said.serial: said for said in found if said is not None}


async def _status_of(daemon: Daemon, serial: str, seconds: float) -> MachineStatus | None:
    """What a member says, asked over two neighbours in turn: the first may hang itself (TRL-32)."""
    try:
        past = (await _way(daemon, serial))[:1]
    except LinkError:
        return None
    first = await _told_over(daemon, serial, seconds / 2)
    return first or await _told_over(daemon, serial, seconds / 2, past)


async def _told_over(
    daemon: Daemon, serial: str, seconds: float, past: Collection[str] = ()
) -> MachineStatus | None:
    try:
        async with asyncio.timeout(seconds):
            pieces = await ask(daemon, serial, {"check": "status"}, "", past=past)
    except (LinkError, TimeoutError):
        return None
    said = MachineStatus.from_wire(pieces[0].get("status")) if pieces else None
    return said if said is not None and said.serial == serial else None


async def relay(daemon: Daemon, request: Wire, user: str) -> list[Wire] | None:
    """Passes a request on for another member; None for one that is not to be passed on. Raises LinkError."""
    match request:
        case {"relay": str(serial), "hops": int(hops), "request": dict(inner)} if 0 <= hops < HOPS:
            return await ask(daemon, serial, inner, user, hops)
    return None
