"""What a status row still says at a given moment: an old one is never shown as a fresh one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, When
from django.utils.translation import gettext as _

from appliances.following.questions import Question
from appliances.models import Connection, MachineStatus, Worker

STALE_AFTER = timedelta(seconds=150)
"""Two and a half rounds of pings: whoever was silent for so long is unknown."""

LATE_AFTER = timedelta(seconds=60)
"""How long a connected machine may take to enforce new settings before the page says so."""

ALIVE = timedelta(seconds=60)
"""Four heartbeats: a worker that was silent for so long is dead."""

LIVE = (Connection.CONNECTED, Connection.SUSPECT, Connection.DOWN)
"""States that hold only while somebody looks."""


HEARABLE = (Connection.CONNECTED, Connection.SUSPECT, Connection.DISCONNECTED)
"""States in which a machine's word may be a fresh one."""


class Enforcement(StrEnum):
    """How what a machine runs with stands to what it should run with."""

    ENFORCED = "enforced"
    LAST_HEARD = "last-heard"
    """It was enforced when the machine was heard last; nobody knows whether it is now."""
    APPLYING = "applying"
    LATE = "late"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Seen:
    """A status as it may be shown: `fresh` tells whether its connection is news or what was known last.

    `told`: the machine itself was heard lately. What is down was looked at a moment ago, and told long ago.
    """

    status: MachineStatus
    connection: Connection
    reason: str
    remedy: str
    enforcement: Enforcement
    fresh: bool
    told: bool

    @property
    def since(self) -> datetime | None:
        """Since when the shown connection state holds."""
        return self.status.since if self.fresh or self.status.connection not in LIVE else self.status.checked


def seen(status: MachineStatus, now: datetime, revision: int, *, cut_off: bool = False) -> Seen:
    """What may be said of a machine at `now`, with the replica at `revision`.

    `cut_off`: the observer itself has lost its network; what it cannot reach is unknown then, not down.
    """
    fresh = status.checked is not None and now - status.checked < STALE_AFTER
    connection = Connection(status.connection)
    reason, remedy = status.reason, status.remedy
    if connection in LIVE and not fresh:
        connection = Connection.UNKNOWN
        reason = _("The portal itself has had no news of this machine for a while.")
        remedy = _("Look at Background tasks: is a worker alive?")
    elif cut_off and connection in (Connection.DOWN, Connection.SUSPECT):
        connection = Connection.UNKNOWN
        reason = _("The portal itself has lost its network.")
        remedy = _("Look at the network of the portal; the machines go on by themselves.")
    heard = status.heard is not None and now - status.heard < STALE_AFTER
    told = heard and connection in HEARABLE
    enforcement = _enforcement(status, connection, now, revision, told=told)
    return Seen(status, connection, reason, remedy, enforcement, fresh, told)


def _enforcement(
    status: MachineStatus, connection: Connection, now: datetime, revision: int, *, told: bool
) -> Enforcement:
    if not status.enforced:
        return Enforcement.FAILED if status.error else Enforcement.UNKNOWN
    if status.error:
        return Enforcement.FAILED
    if status.enforced == status.wanted and status.wanted_revision >= revision:
        return Enforcement.ENFORCED if told else Enforcement.LAST_HEARD
    overdue = status.wanted_since is not None and now - status.wanted_since > LATE_AFTER
    return Enforcement.LATE if overdue or connection is not Connection.CONNECTED else Enforcement.APPLYING


def _fresh(now: datetime) -> Q:
    return Q(checked__gt=now - STALE_AFTER)


def _told(now: datetime) -> Q:
    """Whose word of what it enforces is fresh; a row checked a moment ago may say "down" (TRL-19)."""
    return _fresh(now) & Q(heard__gt=now - STALE_AFTER, connection__in=HEARABLE)


def _down(now: datetime, cut_off: bool) -> Q:
    return Q(pk__in=[]) if cut_off else Q(connection=Connection.DOWN) & _fresh(now)


def in_trouble(
    statuses: QuerySet[MachineStatus], now: datetime, *, cut_off: bool = False
) -> QuerySet[MachineStatus]:
    """Machines that refuse settings, are down, or are late with settings; in this order."""
    down = _down(now, cut_off)
    late = (
        Q(wanted_since__lt=now - LATE_AFTER)
        & ~Q(enforced=F("wanted"))
        & ~Q(connection=Connection.DISCONNECTED)
    )
    rank = Case(When(~Q(error=""), then=0), When(down, then=1), default=2)
    found = statuses.exclude(connection=Connection.REMOVED).filter(~Q(error="") | down | late)
    return found.annotate(rank=rank).order_by("rank", "name", "pk")


def tallies(
    statuses: QuerySet[MachineStatus], now: datetime, *, cut_off: bool = False
) -> dict[int, dict[str, int]]:
    """Per replica how many machines there are, are connected, enforce what is wanted, or are in trouble.

    `enforced` are those that have said so lately; `late` are connected and have not.

    One query, whatever the number of clusters and machines.
    """
    fresh, alike = _fresh(now), Q(enforced=F("wanted"), error="") & ~Q(enforced="")
    enforced = alike & Q(wanted_revision__gte=F("replica__revision")) & _told(now)
    connected = Q(connection=Connection.CONNECTED) & fresh
    rows = (
        statuses.exclude(connection=Connection.REMOVED)
        .values("replica")
        .annotate(
            machines=Count("pk"),
            connected=Count("pk", filter=connected),
            down=Count("pk", filter=_down(now, cut_off)),
            away=Count("pk", filter=Q(connection=Connection.DISCONNECTED)),
            # Before `enforced`: after it the name would mean the count, not the column.
            late=Count("pk", filter=connected & ~enforced),
            enforced=Count("pk", filter=enforced),
            failed=Count("pk", filter=~Q(error="")),
        )
        .order_by()
    )
    counted: Any = rows  # values() has a type of its own, whose keys cannot go
    return {row.pop("replica"): row for row in counted}


def worker_lives(now: datetime) -> bool:
    """Whether any worker has shown a sign of life lately."""
    return Worker.objects.filter(seen__gt=now - ALIVE).exists()


def why_late(question: Question, now: datetime, *, alive: bool) -> str:
    """Why no answer has come to a question yet; empty while it is not late."""
    if not question.overdue(now):
        return ""
    if not alive:
        return _("No worker is alive, so nobody asks the machine: start the Celery worker of this portal.")
    if question.taken is None:
        return _("The workers are busy; the question waits for one.")
    return _("The machine has not answered.")
