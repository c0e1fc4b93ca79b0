"""The page of a machine: what it really runs, why, how its mail and its links go (GUI-02, GUI-03)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from appliances.following import applies, samples
from appliances.following.freshness import seen
from appliances.following.samples import OUTCOMES
from appliances.machine.status import MachineStatus as Report
from clusters import effective
from clusters.effective import Setting
from clusters.installed import catalogue
from clusters.modes import Level, Mode
from portal.editing.menu import entries, require_mode, tabs
from portal.editing.summaries import in_short
from portal.machines.choosing import Sieve
from portal.machines.monitoring import APPLIES, DAY, day_of, lines_of, moment, status_of
from portal.machines.seen import machines_seen
from portal.pages.access import PageRequest, cluster_page
from portal.pages.paging import MACHINES, MANY, page_of
from portal.place import Place
from portal.tenants import Right

PARTS = ("now", "plots", "links", "story")


@dataclass(frozen=True, slots=True)
class Told:
    """An effective value of the machine, in short."""

    feature: Any
    setting: Setting
    short: str


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
