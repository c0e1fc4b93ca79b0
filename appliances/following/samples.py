"""How machines were doing lately: one row per machine and five minutes, from what they report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from appliances.machine.status import MachineStatus as Report
from appliances.machine.status import TrafficCounts
from clusters.models import Replica

STEP = timedelta(minutes=5)
KEPT = timedelta(days=8)
FINE = timedelta(days=2)
"""What is older has one row an hour."""

OUTCOMES = ("accepted", "rejected", "delivered", "deferred", "bounced", "expired")
MOST_LINKS = 40
MOST_GAINED = 10**9
MOST_QUEUED = 2**31 - 1


class MachineSample(models.Model):
    """The last report of a machine within five minutes.

    Counts only grow: a restart of the machine's own counters is reckoned in, so that the difference of two
    rows is what happened between them. `links` has the round trip to each peer in ms; null is no link.
    """

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="machine_samples")
    serial = models.CharField(_("serial number"), max_length=64)
    at = models.DateTimeField(_("five minutes from"))
    queue = models.PositiveIntegerField(_("messages in queue"), default=0)
    waiting = models.PositiveIntegerField(_("deferred or held"), default=0)
    accepted = models.BigIntegerField(_("accepted"), default=0)
    rejected = models.BigIntegerField(_("rejected"), default=0)
    delivered = models.BigIntegerField(_("delivered"), default=0)
    deferred = models.BigIntegerField(_("deferred"), default=0)
    bounced = models.BigIntegerField(_("bounced"), default=0)
    expired = models.BigIntegerField(_("expired"), default=0)
    links = models.JSONField(_("round trips"), default=dict, blank=True)

    class Meta:
        verbose_name = _("sample of a machine")
        verbose_name_plural = _("samples of machines")
        ordering: ClassVar[list[str]] = ["replica", "serial", "at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["replica", "serial", "at"], name="one_sample_per_five_minutes")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"{self.serial} {self.at:%Y-%m-%d %H:%M}"


def bucket(moment: datetime, step: timedelta = STEP) -> datetime:
    """The beginning of the step in which a moment lies."""
    seconds = int(moment.timestamp()) // int(step.total_seconds()) * int(step.total_seconds())
    return datetime.fromtimestamp(seconds, UTC)


def gained(before: TrafficCounts | None, now: TrafficCounts) -> dict[str, int]:
    """What happened between two reports. Counters that began anew count from nothing.

    Nothing is known of the time before the first report.
    """
    if before is None or not now.since:
        return dict.fromkeys(OUTCOMES, 0)
    goes_on = before.since == now.since and all(getattr(now, n) >= getattr(before, n) for n in OUTCOMES)
    start = before if goes_on else TrafficCounts()
    return {n: min(max(getattr(now, n) - getattr(start, n), 0), MOST_GAINED) for n in OUTCOMES}


def take(replica_id: int, before: Report | None, said: Report, now: datetime) -> None:
    """Keep a report as the latest of its five minutes; `before` is the report that came before it."""
    mine = MachineSample.objects.filter(replica=replica_id, serial=said.serial)
    last = mine.order_by("-at").first()
    gain = gained(before.traffic if before else None, said.traffic)
    totals = {name: (getattr(last, name) if last else 0) + number for name, number in gain.items()}
    waiting = said.queue.deferred + said.queue.hold
    row = MachineSample(
        replica_id=replica_id,
        serial=said.serial,
        at=bucket(now),
        queue=_bounded(said.queue.total),
        waiting=_bounded(waiting),
        links=_round_trips(said),
        **totals,
    )
    MachineSample.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["replica", "serial", "at"],
        update_fields=["queue", "waiting", "links", *totals],
    )


def _bounded(number: int) -> int:
    return min(max(number, 0), MOST_QUEUED)


def _round_trips(said: Report) -> dict[str, float | None]:
    found = said.links[:MOST_LINKS]
    return {
        link.serial: link.round_trip if link.state == "connected" else None
        for link in found
        if link.state != "connected" or link.round_trip is not None
    }


def thin(now: datetime) -> int:
    """Forget what is too old, and all but one row an hour of what is not recent; returns how many went.

    What a sweep that did not run for days has left stays until it is too old.
    """
    old = MachineSample.objects.filter(at__lt=now - KEPT)
    middle = MachineSample.objects.filter(at__range=(now - 2 * FINE, now - FINE)).exclude(at__minute=0)
    return int(old.delete()[0] + middle.delete()[0])


def lately(replica_id: int, serial: str, since: datetime) -> list[MachineSample]:
    """The samples since a moment, and the last one before it, from which their growth is reckoned."""
    mine = MachineSample.objects.filter(replica=replica_id, serial=serial)
    before = mine.filter(at__lt=since).order_by("-at")[:1]
    return [*before, *mine.filter(at__gte=since).order_by("at")]


@dataclass(frozen=True, slots=True)
class Slot:
    """A span of time and what happened in it; `heard` tells whether the machine reported in it."""

    at: datetime
    counts: dict[str, float]
    heard: bool

    def __getitem__(self, outcome: str) -> float:
        return self.counts[outcome]


def flow(samples: Sequence[MachineSample], start: datetime, slots: int, step: timedelta) -> list[Slot]:
    """What happened in each of `slots` spans of time from `start`; `samples` as `lately` gives them.

    What came between two reports that lie further apart is spread evenly over the time between them. Before
    the first sample there was nothing.
    """
    sums = [dict.fromkeys(OUTCOMES, 0.0) for _n in range(slots)]
    heard = [False] * slots
    for before, after in zip([None, *samples], samples, strict=False):
        place = int((after.at - start) // step)
        if 0 <= place < slots:
            heard[place] = True
        _spread(sums, before, after, start, step)
    return [Slot(start + n * step, sums[n], heard[n]) for n in range(slots)]


def _spread(
    sums: list[dict[str, float]],
    before: MachineSample | None,
    after: MachineSample,
    start: datetime,
    step: timedelta,
) -> None:
    pieces = max(1, round((after.at - before.at) / STEP)) if before else 1
    for piece in range(pieces):
        place = int((after.at - piece * STEP - start) // step)
        if 0 <= place < len(sums):
            for name in OUTCOMES:
                grown = max(getattr(after, name) - getattr(before, name, 0), 0)
                sums[place][name] += grown / pieces
