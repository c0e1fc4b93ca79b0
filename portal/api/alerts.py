"""Alerts of all clusters and of one, acknowledging, and maintenance windows."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.alerts.acting import acknowledge, end_window, plan_window, windows_of
from portal.alerts.incidents import Alert
from portal.alerts.kinds import Severity
from portal.alerts.looking import Filter, listed
from portal.alerts.windows import BadWindow
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
from portal.tenants import ManagedCluster, Right


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
        if not acknowledge(request, one, told(AcknowledgeInput, request)["note"]):
            text = _("Somebody has acknowledged it before, or it is over.")
            return Response({"detail": text}, status=status.HTTP_409_CONFLICT)
        return Response(AlertShape(_alert(request, number)).data)


class Windows(ClusterView):
    """The maintenance windows that last or are to come: alerts are recorded then, and nobody is told."""

    rights: ClassVar = {"GET": Right.SEE_STATE, "POST": Right.EDIT}

    @lists(WindowShape, operation_id="clusters_windows_list")
    def get(self, request: Request, slug: str) -> Response:
        return page_of(request, windows_of(self.place), WindowShape, asked(request))

    @extend_schema(request=WindowInput, responses={201: WindowShape, 400: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        try:
            made = plan_window(request, self.place, **told(WindowInput, request))
        except BadWindow as error:
            raise ValidationError({error.field: str(error)}) from None
        return Response(WindowShape(made).data, status=status.HTTP_201_CREATED)


class Window(ClusterView):
    """One maintenance window."""

    rights: ClassVar = {"DELETE": Right.EDIT}
    http_method_names = ["delete", "head", "options"]

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, number: int) -> Response:
        """Ends it; what is still open is told now."""
        if not end_window(request, self.place, number):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)
