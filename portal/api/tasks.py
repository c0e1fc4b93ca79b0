"""Jobs that people started."""

from __future__ import annotations

from typing import ClassVar

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.base import ClusterView, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.job_shapes import BackgroundShape, JobDetailShape, JobLineShape, SkipInput
from portal.api.listing import OneOf, Query, Words, asked, lists, page_of
from portal.api.shapes import JobShape
from portal.jobs.background import background
from portal.jobs.kinds import kinds
from portal.jobs.rows import Job, again, cancel, skip, start, working_on
from portal.tenants import Right, role_in

FIELDS = {
    "cluster": "cluster__slug",
    "kind": "kind",
    "state": "state",
    "user": "started_by__username",
}


class JobQuery(Query):
    """Which jobs."""

    cluster = Words(help_text="Name in addresses.")
    kind = OneOf(sorted(kinds()))
    state = OneOf(Job.State.choices)
    user = Words(help_text="Who started it.")
    machine = Words(help_text="Part of the name or serial number of a machine that it works on.")


class Jobs(APIView):
    """The jobs of your tenants, the latest first."""

    @lists(JobShape, JobQuery, "jobs_list")
    def get(self, request: Request) -> Response:
        wanted = asked(request, JobQuery)
        told = {field: wanted[name] for name, field in FIELDS.items() if wanted[name]}
        found = Job.objects.seen_by(request.user).filter(**told).select_related("cluster", "tenant")
        if wanted["machine"]:
            found = found.filter(working_on(wanted["machine"]))
        return page_of(request, found, JobShape, wanted)


def _job(request: Request, number: int) -> Job:
    found = Job.objects.seen_by(request.user).select_related("cluster", "tenant").filter(pk=number).first()
    if found is None:
        raise Http404
    return found


def _mine(request: Request, number: int) -> Job:
    """A job that the caller may cancel and start again; raises Http404, PermissionDenied."""
    job = _job(request, number)
    role = role_in(request.user, job.tenant_id, job.cluster_id)
    if role is None or not role.may(job.does.right):
        raise PermissionDenied
    return job


class OneJob(APIView):
    """One job with its machines and the end of its log; DELETE cancels it."""

    @extend_schema(responses={200: JobDetailShape})
    def get(self, request: Request, number: int) -> Response:
        return Response(JobDetailShape(_job(request, number)).data)

    @extend_schema(responses={202: JobShape})
    def delete(self, request: Request, number: int) -> Response:
        """Cancels at once what is queued, and asks what runs to stop."""
        job = _mine(request, number)
        cancel(job, request.user)
        job.refresh_from_db()
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)


class JobLines(APIView):
    """All of a job's log, from its beginning."""

    @lists(JobLineShape, operation_id="jobs_lines_list")
    def get(self, request: Request, number: int) -> Response:
        return page_of(request, _job(request, number).lines.all(), JobLineShape, asked(request))


class JobAgain(APIView):
    """Starts a job that failed or was cancelled again; a resumable one goes on where it stood."""

    @extend_schema(request=None, responses={202: JobShape, 409: Refusal})
    @once
    def post(self, request: Request, number: int) -> Response:
        job = _mine(request, number)
        if not job.may_retry:
            return Response({"detail": _("This job cannot be started again.")}, status.HTTP_409_CONFLICT)
        return Response(JobShape(again(job, request.user)).data, status=status.HTTP_202_ACCEPTED)


class JobSkip(APIView):
    """Leaves a machine out that waits or has failed."""

    @extend_schema(request=SkipInput, responses={200: JobDetailShape, 409: Refusal})
    @once
    def post(self, request: Request, number: int) -> Response:
        job = _mine(request, number)
        if not job.does.resumable or not skip(job, told(SkipInput, request)["machine"], request.user):
            return Response({"detail": _("There is no such machine to skip.")}, status.HTTP_409_CONFLICT)
        return Response(JobDetailShape(job).data)


class BackgroundWork(APIView):
    """Who does the background work, what runs by the clock, and how much waits."""

    @extend_schema(responses=BackgroundShape)
    def get(self, request: Request) -> Response:
        found = background(timezone.now())
        oldest = Job.objects.seen_by(request.user).filter(state=Job.State.QUEUED).order_by("pk").first()
        told = {"alive": found.alive, "waiting": found.waiting, "oldest": oldest and oldest.created}
        told |= {"workers": found.workers, "schedule": found.schedule}
        return Response(BackgroundShape(told).data)


class Synchronise(ClusterView):
    """Exchange with every machine what either side lacks."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(request=None, responses={202: JobShape})
    @once
    def post(self, request: Request, slug: str) -> Response:
        job = start("synchronise", self.place.cluster, request.user)
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)
