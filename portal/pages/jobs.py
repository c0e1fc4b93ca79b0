"""Background tasks: what people started, what runs by the clock, and which workers are alive."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Case, Q, QuerySet, When
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal.jobs.background import background
from portal.jobs.kinds import kinds
from portal.jobs.rows import Job, again, cancel, skip, start, working_on
from portal.pages.access import PageRequest, cluster_page
from portal.pages.paging import page_of
from portal.place import Place
from portal.tenants import ManagedCluster, Right, role_in
from portal.upgrades.run_book import left_apart

SHOWN = 50
LATE = timedelta(seconds=60)
"""How long a job may wait for a worker before the page says so."""
FILTERS = ("cluster", "kind", "state", "machine")


def _mine(request: PageRequest) -> QuerySet[Job]:
    """The person's jobs that the filters of the address let through."""
    found: QuerySet[Job] = Job.objects.seen_by(request.user)
    names = {"cluster": "cluster__slug", "kind": "kind", "state": "state"}
    told = {field: request.GET[name] for name, field in names.items() if request.GET.get(name)}
    if machine := request.GET.get("machine", "").strip().replace("\0", "")[:100]:
        found = found.filter(working_on(machine))
    return found.filter(**told).select_related("cluster__replica", "tenant", "started_by")


def _context(request: PageRequest) -> dict[str, Any]:
    now = timezone.now()
    mine, running = _mine(request), Q(state__in=[Job.State.QUEUED, Job.State.RUNNING])
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    waiting = Job.objects.seen_by(request.user).filter(state=Job.State.QUEUED).order_by("pk").first()
    return {
        "section": "jobs",
        "now": now,
        "active": mine.filter(running).count(),
        "page": page_of(request, mine.order_by(Case(When(running, then=0), default=1), "-pk"), SHOWN),
        "oldest": waiting,
        "oldest_late": waiting is not None and _late(waiting, now),
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "clusters": list(ManagedCluster.objects.seen_by(request.user).select_related("replica")),
        "kinds": kinds().values(),
        "states": Job.State.choices,
        "work": background(now),
    }


def _late(job: Job, now: datetime) -> bool:
    return now - job.created > LATE


@require_safe
def jobs(request: PageRequest) -> HttpResponse:
    """All of it; htmx gets the changing part alone."""
    return render(request, "jobs/live.html" if request.htmx else "jobs/jobs.html", _context(request))


def job(request: PageRequest, number: int) -> HttpResponse:
    """One job with its machines and its log; POST cancels, starts again or skips a machine."""
    found = Job.objects.seen_by(request.user).select_related("cluster__replica", "tenant", "started_by")
    one = found.filter(pk=number).first()
    role = one and role_in(request.user, one.tenant_id, one.cluster_id)
    if one is None or role is None:
        raise Http404
    may_act = role.may(one.does.right)
    if request.method == "POST":
        if not may_act:
            raise PermissionDenied
        return redirect("job", _act(one, request).pk)
    context = {
        "job": one,
        "lines": one.last_lines,
        "parts": list(one.parts.all()),
        "section": "jobs",
        "may_act": may_act,
        "apart": left_apart(one),
        "late": one.state == Job.State.QUEUED and _late(one, timezone.now()),
    }
    return render(request, "jobs/job_live.html" if request.htmx else "jobs/job.html", context)


def _act(one: Job, request: PageRequest) -> Job:
    do = request.POST.get("do")
    if do == "cancel":
        cancel(one, request.user)
    elif do == "retry" and one.may_retry:
        return again(one, request.user)
    elif do == "skip" and one.does.resumable:
        skip(one, request.POST.get("serial", ""), request.user)
    return one


@require_POST
@cluster_page(Right.EDIT)
def synchronise(request: PageRequest, place: Place) -> HttpResponse:
    """Start the job "Synchronise" of a cluster."""
    return redirect("job", start("synchronise", place.cluster, request.user).pk)
