"""Jobs that people started, and API tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal import tokens
from portal.api.base import ClusterView, Pages, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.shapes import IssuedToken, JobShape, TokenInput, TokenShape
from portal.jobs import Job, cancel, start
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
        job = start("synchronise", self.place.cluster, request.user)
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)


class Tokens(APIView):
    """Your tokens. They are made and revoked with a browser's session, never with a token."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, tokens.ApiToken):
            raise PermissionDenied(_("A token cannot see, make or revoke tokens."))

    @extend_schema(responses=TokenShape(many=True))
    def get(self, request: Request) -> Response:
        return Response(TokenShape(request.user.api_tokens.all(), many=True).data)

    @extend_schema(request=TokenInput, responses={201: IssuedToken, 400: Refusal})
    def post(self, request: Request) -> Response:
        row, text = tokens.issue(request.user, **told(TokenInput, request))
        return Response({**TokenShape(row).data, "token": text}, status=status.HTTP_201_CREATED)


class Token(Tokens):
    """One token of yours."""

    http_method_names: ClassVar = ["delete", "head", "options"]

    @extend_schema(responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Revokes it."""
        if not request.user.api_tokens.filter(pk=number).delete()[0]:
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)
