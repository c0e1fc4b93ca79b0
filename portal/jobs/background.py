"""Background work as people see it: workers, the schedule, and how much waits in the broker."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from appliances.following.freshness import ALIVE
from appliances.models import TaskRun, Worker

logger = logging.getLogger(__name__)

TITLES = {
    "sweep": _("Compare what is wanted with what machines report"),
    "jobs": _("Send lost jobs again"),
    "visit": _("Ask disconnected machines how they stand"),
    "ping": _("Write down how machines are reached"),
    "alerts": _("Notice what is wrong, and tell people"),
    "backups": _("Back up clusters that have changed"),
    "check": _("Check the consistency of clusters"),
    "proposals": _("Bring proposals forward"),
}
"""What the entries of the schedule do, for people; an entry without one is shown by its name."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A task of the schedule and its last run. `since`: how long a worker has been there to run it."""

    name: str
    every: float
    run: TaskRun | None
    now: datetime
    since: datetime | None = None

    @property
    def title(self) -> str:
        return str(TITLES.get(self.name, self.name))

    @property
    def last(self) -> datetime | None:
        return self.run.started if self.run else None

    @property
    def next(self) -> datetime | None:
        """When it is due; in the past for one that is late."""
        begun = self.last or self.since
        return begun and begun + timedelta(seconds=self.every)

    @property
    def late(self) -> bool:
        begun = self.last or self.since
        return begun is None or self.now - begun > timedelta(seconds=2.5 * self.every)

    @property
    def state(self) -> str:
        """`failed`, `late` or `on time`."""
        if self.run and self.run.error:
            return "failed"
        return "late" if self.late else "on time"


@dataclass(frozen=True, slots=True)
class Process:
    """A worker, and whether it has shown a sign of life lately."""

    row: Worker
    alive: bool

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def seen(self) -> datetime:
        return self.row.seen

    @property
    def started(self) -> datetime:
        return self.row.started


@dataclass(frozen=True, slots=True)
class Background:
    """All of it at one moment; `waiting` is None where the broker is away."""

    workers: list[Process]
    schedule: list[Scheduled]
    waiting: int | None

    @property
    def living(self) -> int:
        """How many workers show signs of life."""
        return sum(process.alive for process in self.workers)

    @property
    def alive(self) -> bool:
        """Whether anybody does the work."""
        return self.living > 0

    @property
    def dead(self) -> list[Process]:
        """Workers that did not say goodbye; each says so when it is stopped in good order."""
        return [process for process in self.workers if not process.alive]


def background(now: datetime) -> Background:
    """Workers, schedule and broker as they are now."""
    workers = [Process(row, now - row.seen < ALIVE) for row in Worker.objects.all()]
    since = min((process.started for process in workers if process.alive), default=None)
    return Background(workers, list(_schedule(now, since)), _waiting())


def _schedule(now: datetime, since: datetime | None) -> Iterator[Scheduled]:
    runs = {run.name: run for run in TaskRun.objects.all()}
    entries: dict[str, Any] = current_app.conf.beat_schedule
    for name, entry in sorted(entries.items()):
        every = entry["schedule"]
        if not isinstance(every, int | float):  # a crontab or a schedule object
            every = every.run_every.total_seconds() if hasattr(every, "run_every") else 86_400.0
        yield Scheduled(name, float(every), runs.get(entry["task"]), now, since)


def _waiting() -> int | None:
    """Tasks that no worker has taken from the broker."""
    try:
        with current_app.connection_for_read() as connection:
            channel: Any = connection.default_channel
            queue = channel.queue_declare(current_app.conf.task_default_queue, passive=True)
            return int(queue.message_count)
    except (OperationalError, RedisError, OSError, LookupError) as error:
        logger.info("the broker does not tell how much waits: %s", error)
        return None
    except connection.channel_errors:  # there is no such queue yet
        return 0
