"""The page of a machine: what it really runs, why, how its mail and its links go (GUI-02, GUI-03)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from appliances.following import applies, samples
from appliances.following.freshness import seen
from appliances.following.samples import OUTCOMES, STEP, MachineSample, Slot
from appliances.machine.status import LinkStatus
from appliances.machine.status import MachineStatus as Report
from appliances.models import MachineStatus
from clusters import effective
from clusters.effective import Setting
from clusters.installed import catalogue
from clusters.modes import Level, Mode
from clusters.ordering import natural
from clusters.state import Machine
from portal import plots
from portal.editing.summaries import in_short
from portal.machines import Sieve
from portal.pages.access import PageRequest, Place, cluster_page, machines_seen
from portal.pages.navigation import entries, require_mode, tabs
from portal.pages.paging import MACHINES, MANY, page_of
from portal.plots import Plot, Spark
from portal.tenants import Right

DAY = timedelta(days=1)
WIDE = timedelta(minutes=15)
"""What one bar of mail flow stands for."""

APPLIES = 12
LONGEST = 3 * STEP
"""Between two samples of a machine that is heard; what is further apart is a gap."""

INCOMING = ("accepted", "rejected")
OUTGOING = ("delivered", "deferred", "bounced", "expired")
PARTS = ("now", "plots", "links", "story")


@dataclass(frozen=True, slots=True)
class Line:
    """A link of the machine: how it stands, and how it went for a day; `member` is None for a portal."""

    link: LinkStatus
    member: Machine | None
    spark: Spark

    @property
    def since(self) -> datetime | None:
        return moment(self.link.since)


@dataclass(frozen=True, slots=True)
class Told:
    """An effective value of the machine, in short."""

    feature: Any
    setting: Setting
    short: str


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


def story_of(place: Place, mode: Mode) -> list[Told]:
    """Every value that holds on the machine, where it comes from, and what it hides (CL-04).

    What somebody has defined comes first.
    """
    held = effective.effective(place.state, mode, catalogue()).settings
    found = [Told(f, held[f.name], in_short(f, held[f.name].value)) for f in catalogue()]
    return sorted(found, key=lambda told: not told.setting.story)


@require_safe
@cluster_page(Right.SEE_STATE)
def monitor(request: PageRequest, place: Place, mode: Mode) -> HttpResponse:
    """A machine; other modes let a person choose one (GUI-15). htmx gets one part alone (`?part=`)."""
    require_mode(place.state, mode)
    context: dict[str, Any] = {"place": place, "mode": mode, "section": "monitor", "now": timezone.now()}
    if mode.level is not Level.MACHINE:
        return render(
            request,
            "machine/choose.html",
            {**context, **_frame(place, mode), **_choice(request, place, mode)},
        )
    part = request.GET.get("part", "") if request.htmx else ""
    asked = [part] if part in PARTS else PARTS
    context.update(_one(place, mode, context["now"], asked))
    if part in PARTS:
        return render(request, f"machine/{part}.html", context)
    return render(request, "machine/overview.html", {**context, **_frame(place, mode)})


def _frame(place: Place, mode: Mode) -> dict[str, Any]:
    shown = list(tabs(entries(place, mode))) if place.may_see_settings else []
    return {"modes": place.state.modes(), "tabs": shown}


def _choice(request: PageRequest, place: Place, mode: Mode) -> dict[str, Any]:
    reached, sieve = {member.serial for member in place.state.reach(mode)}, Sieve.of(request.GET)
    machines = [one for one in machines_seen(place) if one.status.serial in reached]
    page = page_of(request, sieve.sift(machines), MACHINES)
    return {"page": page, "sieve": sieve, "many": len(machines) >= MANY}


def _one(place: Place, mode: Mode, now: datetime, parts: Sequence[str]) -> dict[str, Any]:
    row = status_of(place, mode)
    report = Report.from_wire(row.report) or Report(serial=mode.id)
    context: dict[str, Any] = {
        "one": seen(row, now, place.cluster.replica.revision),
        "member": place.state.machines[mode.id],
        "report": report,
    }
    rows = samples.lately(place.replica_id, mode.id, now - DAY) if {"plots", "links"} & set(parts) else []
    if "now" in parts:
        context.update(_now(report))
    if "plots" in parts:
        context["day"] = day_of(rows, now)
        context["counting_since"] = moment(report.traffic.since)
        context["counts"] = [(name, getattr(report.traffic, name)) for name in OUTCOMES]
    if "links" in parts:
        context["lines"] = lines_of(place, report, rows, now)
        context["log"] = applies.log(place.replica_id, mode.id, place.state, APPLIES)
    if place.may_see_settings and "story" in parts:
        context["story"] = story_of(place, mode)
    return context


def _now(report: Report) -> dict[str, Any]:
    return {
        "started": moment(report.started),
        "postfix_since": moment(report.postfix.since),
        "alerts": [(alert, moment(alert.since)) for alert in report.alerts],
    }
