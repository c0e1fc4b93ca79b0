"""Jobs that people started."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.base import ClusterView, Pages
from portal.api.idempotency import once
from portal.api.shapes import JobShape
from portal.jobs import Job
from portal.pages.jobs import cancel, start
from portal.tenants import Right, role_in


class Jobs(ListAPIView):
    """The jobs of your tenants, the latest first."""

    serializer_class = JobShape
    pagination_class = Pages

    def get_queryset(self) -> Any:
        return Job.objects.seen_by(self.request.user).select_related("cluster", "tenant")


def _job(request: Request, number: int) -> Job:
    found = Job.objects.seen_by(request.user).select_related("cluster", "tenant").filter(pk=number).first()
    if found is None:
        raise Http404
    return found


class OneJob(APIView):
    """One job; DELETE cancels it."""

    @extend_schema(responses={200: JobShape})
    def get(self, request: Request, number: int) -> Response:
        return Response(JobShape(_job(request, number)).data)

    @extend_schema(responses={202: JobShape})
    def delete(self, request: Request, number: int) -> Response:
        """Cancels at once what is queued, and asks what runs to stop."""
        job = _job(request, number)
        role = role_in(request.user, job.tenant_id, job.cluster_id)
        if role is None or not role.may(Right.EDIT):
            raise PermissionDenied
        cancel(job, request.user)
        job.refresh_from_db()
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)


class Synchronise(ClusterView):
    """Exchange with every machine what either side lacks."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(request=None, responses={202: JobShape})
    @once
    def post(self, request: Request, slug: str) -> Response:
        job = start(Job.Kind.SYNCHRONISE, self.place.cluster, request.user)
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)
