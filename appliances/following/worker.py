"""The links of a worker process: one event loop in one thread, with a table of links per cluster.

Tasks hand work to this loop; no handshake is made per ping or per commit (design, section 12).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from django.db import DatabaseError, close_old_connections, transaction
from django.dispatch import Signal
from django.utils import timezone

from appliances.following import identity, statuses
from appliances.following.holder import PortalHolder
from appliances.following.merging import Merged
from appliances.following.ways import link_port
from appliances.links.neighbours import everybody
from appliances.links.peer import Wire
from appliances.links.states import Event, Member, PeerView, State, Wanted
from appliances.links.table import Table
from appliances.links.timing import Pace
from appliances.machine.threads import in_thread
from appliances.models import Connection, Worker
from clusters import models, replicas
from clusters.state import ClusterState

logger = logging.getLogger(__name__)
T = TypeVar("T")

changed = Signal()
"""Sent when something that people see of a cluster's machines has changed, with `replica_id`."""

reconnected = Signal()
"""Sent when a machine is reached again, with `replica_id`."""

HEARTBEAT = 15.0

AT_ONCE = 50
"""Reports that are written in one transaction: nobody else writes to SQLite meanwhile."""

CALM = 5.0
"""Seconds between two couriers while one machine after the other is reached again."""

PACE = Pace(grace=0.0)
"""Nobody dials the portal, so it need not wait whether somebody does."""


class Following:
    """One cluster that this process follows: its holder and its table of links."""

    def __init__(self, replica_id: int, follower: Follower) -> None:
        self.replica_id = replica_id
        self._follower = follower
        self.holder = PortalHolder(replica_id, self._heard)
        self._writing = asyncio.Lock()
        self._said: list[tuple[str, Wire]] = []
        self._keeping = Merged(self._keep, follower.in_background)
        self._looking = Merged(self.look, follower.in_background)
        self._announcing = Merged(self._announce, follower.in_background)
        self._reaching = Merged(self._reached_again, follower.in_background, CALM)
        self.table = Table(
            self.holder,
            identity.serial(),
            identity.keys().user,
            listener=self._event,
            choose=everybody,
            pace=PACE,
        )

    async def update(self) -> None:
        """The members as the entries have them now; and whoever lacks commits gets them."""
        members = await in_thread(_members, self.replica_id)
        self.table.update(members)
        self.table.advanced()

    async def look(self) -> None:
        """Write down how every machine is reached now."""
        async with self._writing:  # what was seen first must not be written last
            flipped = await in_thread(_write_views, self.replica_id, self.table.views())
        if flipped:
            self._announcing.ask()

    def _heard(self, serial: str, status: Wire) -> None:
        self._said.append((serial, status))
        self._keeping.ask()

    async def _keep(self) -> None:
        while self._said:
            said, self._said = self._said[:AT_ONCE], self._said[AT_ONCE:]
            if await in_thread(_heard, self.replica_id, said):
                self._announcing.ask()

    def _event(self, event: Event) -> None:
        self._looking.ask()
        if event.state is State.CONNECTED:
            self._reaching.ask()

    async def _announce(self) -> None:
        await in_thread(_send, changed, self.replica_id)

    async def _reached_again(self) -> None:
        await in_thread(_send, reconnected, self.replica_id)


def _members(replica_id: int) -> list[Member]:
    state: ClusterState = replicas.state(replica_id)
    return [
        Member(
            m.serial,
            m.name,
            m.address,
            link_port(state, m),
            m.host_key,
            Wanted.DISCONNECTED if m.disconnected else Wanted.CONNECTED,
        )
        for m in state.machines.values()
    ]


def _write_views(replica_id: int, views: Sequence[PeerView]) -> bool:
    close_old_connections()
    return statuses.connections(replica_id, {view.serial: _reached(view) for view in views})


def _reached(view: PeerView) -> statuses.Reached:
    # What people took out or removed is so by the entries; from a link these words mean that it refuses us.
    refused = view.state in (State.REMOVED, State.DISCONNECTED)
    state = Connection.UNKNOWN if refused else Connection(view.state.value)
    return statuses.Reached(state, view.trouble or view.reason, view.remedy)


def _heard(replica_id: int, said: Sequence[tuple[str, Wire]]) -> bool:
    # Each in a transaction of its own would wait for the others' turn to write.
    close_old_connections()
    with transaction.atomic():
        statuses.take(replica_id, {serial for serial, _status in said})
        news = [_heard_one(replica_id, serial, status) for serial, status in said]
    return any(news)


def _heard_one(replica_id: int, serial: str, status: Wire) -> bool:
    try:
        return statuses.heard(replica_id, serial, status)
    except DatabaseError:  # what one machine says is no reason to lose what the others say
        logger.exception("could not keep the status of %s", serial)
        return False


def _send(signal: Signal, replica_id: int) -> None:
    close_old_connections()
    signal.send(sender=Following, replica_id=replica_id)


class Follower:
    """All clusters that this process follows. `start` and `stop` are called from outside the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="links", daemon=True)
        self._following: dict[int, Following] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None
        self.started = timezone.now()
        self.name = f"{socket.gethostname()}/{os.getpid()}"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def start(self) -> None:
        """Begin to follow every cluster that the portal has. Raises KeyTrouble."""
        # Before the loop runs: the first look at them asks the database, which no loop may do.
        identity.serial()
        identity.keys()
        self._thread.start()
        self.submit(self._begin()).result(60)

    def stop(self, timeout: float = 20.0) -> None:
        """Say bye on all links and end the loop."""
        if not self._thread.is_alive():
            return
        try:
            self.submit(self._end()).result(timeout)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout)
            self._loop.close()
            Worker.objects.filter(name=self.name).delete()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Work for the loop, from another thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Work on the loop that nobody waits for; a failure is logged."""
        task = asyncio.ensure_future(_logged(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def follow(self, replica_id: int) -> Following:
        """The cluster of that replica, its links brought up to its entries."""
        found = self._following.get(replica_id)
        if found is None:
            found = self._following[replica_id] = Following(replica_id, self)
        await found.update()
        return found

    async def follow_all(self) -> None:
        """Every cluster that the portal has now; links of the rest are given up."""
        wanted = await in_thread(_replicas)
        for replica_id in [r for r in self._following if r not in wanted]:
            await self._following.pop(replica_id).table.close()
        for replica_id in wanted:
            await self.follow(replica_id)

    def all(self) -> list[Following]:
        """Every cluster that is followed now."""
        return list(self._following.values())

    async def look(self) -> None:
        """Write down how every machine of every cluster is reached."""
        for found in list(self._following.values()):
            await found.look()

    async def _begin(self) -> None:
        await self.follow_all()
        self._beating = asyncio.ensure_future(_logged(self._beat()))

    async def _end(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
        await asyncio.gather(*(found.table.close() for found in self._following.values()))
        if self._background:
            await asyncio.wait(set(self._background), timeout=5)

    async def _beat(self) -> None:
        while True:
            links = sum(len(found.table.links()) for found in self._following.values())
            await in_thread(_beat, self.name, self.started, links)
            await asyncio.sleep(HEARTBEAT)


def _replicas() -> list[int]:
    close_old_connections()
    return list(models.Replica.objects.exclude(name="").values_list("pk", flat=True))


def _beat(name: str, started: Any, links: int) -> None:
    close_old_connections()
    now = timezone.now()
    Worker.objects.update_or_create(name=name, defaults={"started": started, "seen": now, "links": links})


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception:
        logger.exception("work on links failed")


class WorkerEnds(RuntimeError):
    """This process ends and holds no links any more; another one takes the work."""


_follower: Follower | None = None
_ended = False
_lock = threading.Lock()


def follower() -> Follower:
    """The one of this process; started when first asked for. Raises WorkerEnds after `stop`."""
    global _follower
    with _lock:
        if _ended:
            raise WorkerEnds
        if _follower is None:
            _follower = Follower()
            _follower.start()
        return _follower


def stop() -> None:
    """End the one of this process, if it runs."""
    global _follower, _ended
    with _lock:
        found, _follower, _ended = _follower, None, True
    if found is not None:
        found.stop()
