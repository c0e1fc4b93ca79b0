"""Alerts of all clusters and of one, acknowledging, and maintenance windows."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from appliances.following.couriers import send
from portal.alerts import windows
from portal.alerts.incidents import Alert, acknowledge
from portal.alerts.kinds import Kind, Severity
from portal.alerts.looking import Filter, listed
from portal.alerts.windows import MaintenanceWindow
from portal.api.alert_shapes import (
    SEVERITIES,
    AcknowledgeInput,
    AlertPage,
    AlertShape,
    WindowInput,
    WindowShape,
)
from portal.api.base import ClusterView, page_of, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.live.hints import hint, jobs_of
from portal.tenants import ManagedCluster, Right, role_in

PARAMETERS = [
    OpenApiParameter("state", str, enum=["open", "closed", "all"]),
    OpenApiParameter("minimum", str, enum=SEVERITIES, description="Severity from which on."),
    OpenApiParameter("kind", str, enum=Kind.values),
    OpenApiParameter("machine", str, description="Part of a serial number or name."),
    OpenApiParameter("page", int),
    OpenApiParameter("page_size", int),
]


def _page(view: APIView, request: Request, cluster: ManagedCluster | None = None) -> Response:
    asked: dict[str, Any] = dict(request.query_params.items())
    word = str(asked.get("minimum", "")).upper()
    asked["minimum"] = str(int(Severity[word])) if word in Severity.names else ""
    return page_of(view, request, listed(request.user, Filter.of(asked), cluster), AlertShape)


class Alerts(APIView):
    """The alerts of your tenants; those that last where nothing else is asked for."""

    @extend_schema(
        operation_id="alerts_list",
        responses=AlertPage,
        parameters=[*PARAMETERS, OpenApiParameter("cluster", str)],
    )
    def get(self, request: Request) -> Response:
        return _page(self, request)


class ClusterAlerts(ClusterView):
    """The alerts of one cluster."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @extend_schema(operation_id="clusters_alerts_list", responses=AlertPage, parameters=PARAMETERS)
    def get(self, request: Request, slug: str) -> Response:
        return _page(self, request, self.place.cluster)


def _alert(request: Request, number: int) -> Alert:
    found = Alert.objects.seen_by(request.user).select_related("cluster", "tenant", "acknowledged_by")
    one = found.filter(pk=number).first()
    if one is None:
        raise Http404
    return one


class OneAlert(APIView):
    """One alert."""

    @extend_schema(responses=AlertShape)
    def get(self, request: Request, number: int) -> Response:
        return Response(AlertShape(_alert(request, number)).data)


class Acknowledge(APIView):
    """Says that you take care of it: nobody is told again while it lasts."""

    @extend_schema(request=AcknowledgeInput, responses={200: AlertShape, 409: Refusal})
    @once
    def post(self, request: Request, number: int) -> Response:
        one = _alert(request, number)
        role = role_in(request.user, one.tenant_id, one.cluster_id)
        if role is None or not role.may(Right.EDIT):
            raise PermissionDenied
        note = told(AcknowledgeInput, request)["note"]
        if not acknowledge(one, request.user, note, timezone.now()):
            text = _("Somebody has acknowledged it before, or it is over.")
            return Response({"detail": text}, status=status.HTTP_409_CONFLICT)
        hint(jobs_of(one.tenant_id), "alerts")
        return Response(AlertShape(_alert(request, number)).data)


def _windows(view: ClusterView) -> Any:
    found = MaintenanceWindow.objects.of(view.place.cluster.tenant).filter(cluster=view.place.cluster)
    return found.filter(ends__gt=timezone.now()).select_related("made_by")


class Windows(ClusterView):
    """The maintenance windows that last or are to come: alerts are recorded then, and nobody is told."""

    rights: ClassVar = {"GET": Right.SEE_STATE, "POST": Right.EDIT}

    @extend_schema(responses=WindowShape(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return Response(WindowShape(_windows(self), many=True).data)

    @extend_schema(request=WindowInput, responses={201: WindowShape, 400: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        cluster = self.place.cluster
        made = MaintenanceWindow(
            tenant=cluster.tenant, cluster=cluster, made_by=request.user, **told(WindowInput, request)
        )
        made.save()
        return Response(WindowShape(made).data, status=status.HTTP_201_CREATED)


class Window(ClusterView):
    """One maintenance window."""

    rights: ClassVar = {"DELETE": Right.EDIT}
    http_method_names: ClassVar = ["delete", "head", "options"]

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, number: int) -> Response:
        """Ends it; what is still open is told now."""
        from portal.alerts import tasks  # registers with Celery, which must be configured first

        found = _windows(self).filter(pk=number).first()
        if found is None:
            raise Http404
        windows.end(found, timezone.now())
        send(tasks.notify)
        return Response(status=status.HTTP_204_NO_CONTENT)
