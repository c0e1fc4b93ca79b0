"""Background tasks: what people started, what runs by the clock, and which workers are alive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from appliances.models import TaskRun, Worker
from portal.celery import app
from portal.jobs import Job, again, cancel, start
from portal.pages.access import Place, cluster_page
from portal.tenants import Right, role_in

SHOWN = 30
ALIVE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A task of the schedule and its last run."""

    name: str
    every: float
    run: TaskRun | None
    late: bool


def _schedule(now: Any) -> list[Scheduled]:
    runs = {run.name: run for run in TaskRun.objects.all()}
    return [
        Scheduled(
            name, entry["schedule"], runs.get(entry["task"]), _late(runs.get(entry["task"]), entry, now)
        )
        for name, entry in sorted(app.conf.beat_schedule.items())
    ]


def _late(run: TaskRun | None, entry: dict[str, Any], now: Any) -> bool:
    return (
        run is None or run.started is None or now - run.started > timedelta(seconds=2.5 * entry["schedule"])
    )


def _context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    mine = Job.objects.seen_by(request.user).select_related("cluster__replica", "tenant", "started_by")
    running = [Job.State.QUEUED, Job.State.RUNNING]
    waiting = mine.filter(state=Job.State.QUEUED).order_by("pk").first()
    return {
        "section": "jobs",
        "now": now,
        "active": list(mine.filter(state__in=running)),
        "over": list(mine.exclude(state__in=running)[:SHOWN]),
        "oldest": waiting,
        "schedule": _schedule(now),
        "workers": [(worker, now - worker.seen < ALIVE) for worker in Worker.objects.all()],
    }


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """All of it; htmx gets the changing part alone."""
    return render(request, "jobs/live.html" if request.htmx else "jobs/jobs.html", _context(request))


def job(request: HttpRequest, number: int) -> HttpResponse:
    """One job with its log; POST cancels or starts it again."""
    found = Job.objects.seen_by(request.user).select_related("cluster__replica", "tenant", "started_by")
    one = found.filter(pk=number).first()
    role = one and role_in(request.user, one.tenant_id, one.cluster_id)
    if one is None or role is None:
        raise Http404
    if request.method == "POST" and role.may(Right.EDIT):
        one = _act(one, request)
        return redirect("job", one.pk)
    context = {"job": one, "lines": one.lines.all(), "section": "jobs", "may_act": role.may(Right.EDIT)}
    return render(request, "jobs/job_live.html" if request.htmx else "jobs/job.html", context)


def _act(one: Job, request: HttpRequest) -> Job:
    if request.POST.get("do") == "cancel":
        cancel(one, request.user)
    elif request.POST.get("do") == "retry" and one.may_retry:
        return again(one, request.user)
    return one


@require_POST
@cluster_page(Right.EDIT)
def synchronise(request: HttpRequest, place: Place) -> HttpResponse:
    """Start the job "Synchronise" of a cluster."""
    return redirect("job", start("synchronise", place.cluster, request.user).pk)
