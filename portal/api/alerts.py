"""Alerts of all clusters and of one, acknowledging, and maintenance windows."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from appliances.following.couriers import send
from portal.alerts import windows
from portal.alerts.incidents import Alert, acknowledge
from portal.alerts.kinds import Severity
from portal.alerts.looking import Filter, listed
from portal.alerts.windows import MaintenanceWindow
from portal.api.alert_shapes import (
    AcknowledgeInput,
    AlertQuery,
    AlertShape,
    AlertsOfCluster,
    WindowInput,
    WindowShape,
)
from portal.api.base import ClusterView, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import asked, lists, page_of
from portal.live.hints import hint, jobs_of
from portal.tenants import ManagedCluster, Right, account_of, role_in


def _page(request: Request, wanted: dict[str, Any], cluster: ManagedCluster | None = None) -> Response:
    names = ("state", "kind", "machine", "cluster")
    told = {name: wanted[name] for name in names if name in wanted}
    lowest = Severity[wanted["minimum"].upper()] if wanted["minimum"] else Severity.NOTICE
    found = listed(request.user, Filter(**told, minimum=lowest), cluster)
    return page_of(request, found, AlertShape, wanted)


class Alerts(APIView):
    """The alerts of your tenants; those that last where nothing else is asked for."""

    @lists(AlertShape, AlertQuery, "alerts_list")
    def get(self, request: Request) -> Response:
        return _page(request, asked(request, AlertQuery))


class ClusterAlerts(ClusterView):
    """The alerts of one cluster."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @lists(AlertShape, AlertsOfCluster, "clusters_alerts_list")
    def get(self, request: Request, slug: str) -> Response:
        return _page(request, asked(request, AlertsOfCluster), self.place.cluster)


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

    @lists(WindowShape, operation_id="clusters_windows_list")
    def get(self, request: Request, slug: str) -> Response:
        return page_of(request, _windows(self), WindowShape, asked(request))

    @extend_schema(request=WindowInput, responses={201: WindowShape, 400: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        cluster = self.place.cluster
        made = MaintenanceWindow(
            tenant=cluster.tenant,
            cluster=cluster,
            made_by=account_of(request.user),
            **told(WindowInput, request),
        )
        made.save()
        return Response(WindowShape(made).data, status=status.HTTP_201_CREATED)


class Window(ClusterView):
    """One maintenance window."""

    rights: ClassVar = {"DELETE": Right.EDIT}
    http_method_names = ["delete", "head", "options"]

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
