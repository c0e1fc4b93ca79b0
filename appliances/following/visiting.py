"""Looks after machines with which the portal keeps no link because they are disconnected on purpose.

Nobody calls the portal. When a machine was taken back while it had no link with any member, as after an
upgrade of the last one, the portal would never hear of it: so each is asked now and then how it stands.
"""

from __future__ import annotations

import asyncio
import logging

from appliances.following import statuses
from appliances.following.calling import call
from appliances.following.worker import Following, follower
from appliances.links.errors import LinkError
from appliances.links.states import State
from appliances.machine.threads import in_thread

logger = logging.getLogger(__name__)

PATIENCE = 15.0


async def look_after(found: Following) -> None:
    """Ask every disconnected machine of a cluster for its status; who is taken back elsewhere is visited."""
    away = [view.serial for view in found.table.views() if view.state is State.DISCONNECTED]
    await asyncio.gather(*(_look(found, serial) for serial in away))


async def _look(found: Following, serial: str) -> None:
    try:
        said = await call(found, serial, ["status", "--json"], user="portal", role="guest", patience=PATIENCE)
        status = said.value
        if not isinstance(status, dict):
            return
        await in_thread(statuses.heard, found.replica_id, serial, status)
        if status.get("disconnected") is False:
            async with asyncio.timeout(PATIENCE):
                await found.table.visit(serial)
            await found.update()
    except (LinkError, TimeoutError) as error:
        logger.info("%s is disconnected and was not heard: %s", serial, error)


def look_after_all() -> None:
    """The same for every cluster, from a task."""

    async def work() -> None:
        await asyncio.gather(*(look_after(found) for found in follower().all()))

    follower().submit(work()).result(4 * PATIENCE)


def look_after_one(replica_id: int) -> None:
    """The same for one cluster, from a task."""

    async def work() -> None:
        await look_after(await follower().follow(replica_id))

    follower().submit(work()).result(4 * PATIENCE)
