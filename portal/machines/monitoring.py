"""What a machine was heard to do: mail flow, queue and links of the last day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from appliances.following import samples
from appliances.following.samples import STEP, MachineSample, Slot
from appliances.machine.status import LinkStatus
from appliances.machine.status import MachineStatus as Report
from appliances.models import MachineStatus
from clusters.modes import Mode
from clusters.ordering import natural
from clusters.state import Machine
from portal.machines import plots
from portal.machines.plots import Plot, Spark
from portal.place import Place

DAY = timedelta(days=1)


WIDE = timedelta(minutes=15)
"""What one bar of mail flow stands for."""


APPLIES = 12


LONGEST = 3 * STEP
"""Between two samples of a machine that is heard; what is further apart is a gap."""


INCOMING = ("accepted", "rejected")


OUTGOING = ("delivered", "deferred", "bounced", "expired")


@dataclass(frozen=True, slots=True)
class Line:
    """A link of the machine: how it stands, and how it went for a day; `member` is None for a portal."""

    link: LinkStatus
    member: Machine | None
    spark: Spark

    @property
    def since(self) -> datetime | None:
        return moment(self.link.since)


@dataclass(frozen=True)
class Day:
    """What the machine was heard to do in the last day."""

    incoming: Plot
    outgoing: Plot
    queue: Plot
    by_hour: list[Slot]
    heard: bool


def moment(milliseconds: int | None) -> datetime | None:
    """A time of a report; None where there is none that makes sense."""
    if not milliseconds or not 0 < milliseconds < 4_102_444_800_000:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def status_of(place: Place, mode: Mode) -> MachineStatus:
    """The row of a machine; an empty one where nothing has been heard or reckoned yet."""
    found = MachineStatus.objects.filter(replica=place.replica_id, serial=mode.id).first()
    member = place.state.machines[mode.id]
    return found or MachineStatus(replica=place.cluster.replica, serial=mode.id, name=member.name)


def day_of(rows: Sequence[MachineSample], end: datetime) -> Day:
    """Mail flow in quarters of an hour and the queue, over the day before `end`."""
    last = samples.bucket(end, WIDE) + WIDE
    start = last - DAY
    slots = samples.flow(rows, start, int(DAY / WIDE), WIDE)
    shown = [(row.at, float(row.queue)) for row in rows if row.at >= start]
    return Day(
        plots.bars([[slot[n] for n in INCOMING] for slot in slots], INCOMING, start, WIDE),
        plots.bars([[slot[n] for n in OUTGOING] for slot in slots], OUTGOING, start, WIDE),
        plots.area(shown, "queue", start, last, LONGEST),
        samples.flow(rows, start, 24, DAY / 24),
        any(slot.heard for slot in slots),
    )


def lines_of(place: Place, report: Report, rows: Sequence[MachineSample], end: datetime) -> list[Line]:
    """The machine's links, those in trouble first."""
    start = end - DAY
    known = place.state.machines
    found = []
    for link in report.links:
        points = [(row.at, row.links[link.serial]) for row in rows if link.serial in row.links]
        points = [(at, trip) for at, trip in points if at >= start]
        found.append(Line(link, known.get(link.serial), plots.spark(points, start, end, LONGEST)))
    return sorted(found, key=lambda line: (line.link.state == "connected", natural(line.link.name)))
