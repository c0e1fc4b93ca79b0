"""Clusters, their modes and machines, and the catalogue of features."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from clusters.installed import catalogue
from portal.api.base import ClusterView, Pages, page_of
from portal.api.shapes import ClusterShape, FeatureShape, MachinePage, MachineShape, NamedMode
from portal.pages.access import machines_seen
from portal.tenants import ManagedCluster, Right


class Clusters(ListAPIView):
    """The clusters of your tenants."""

    serializer_class = ClusterShape
    pagination_class = Pages

    @extend_schema(parameters=[OpenApiParameter("tenant", str, description="Short name of a tenant.")])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        found = ManagedCluster.objects.seen_by(self.request.user).select_related("replica", "tenant")
        tenant = self.request.query_params.get("tenant")
        return found.filter(tenant__slug=tenant) if tenant else found


class Cluster(ClusterView):
    """One cluster."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @extend_schema(responses=ClusterShape)
    def get(self, request: Request, slug: str) -> Response:
        return Response(ClusterShape(self.place.cluster).data)


class Modes(ClusterView):
    """The cluster, each group and each machine as modes, in the order of menus."""

    @extend_schema(responses=NamedMode(many=True))
    def get(self, request: Request, slug: str) -> Response:
        state = self.place.draft
        named = [SimpleNamespace(mode=mode, name=state.mode_name(mode)) for mode in state.modes()]
        return Response(NamedMode(named, many=True).data)


class Machines(ClusterView):
    """Every machine as it was heard last."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @extend_schema(
        operation_id="clusters_machines_list",
        responses=MachinePage,
        parameters=[OpenApiParameter("page", int), OpenApiParameter("page_size", int)],
    )
    def get(self, request: Request, slug: str) -> Response:
        return page_of(self, request, machines_seen(self.place), MachineShape)


class Machine(ClusterView):
    """One machine."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @extend_schema(responses=MachineShape)
    def get(self, request: Request, slug: str, serial: str) -> Response:
        for found in machines_seen(self.place):
            if found.status.serial == serial:
                return Response(MachineShape(found).data)
        raise Http404


class Features(APIView):
    """The catalogue: every feature with the JSON schema of its settings."""

    @extend_schema(responses=FeatureShape(many=True))
    def get(self, request: Request) -> Response:
        known: list[Any] = list(catalogue())
        found = [
            SimpleNamespace(
                name=feature.name,
                title=_(feature.title),
                scope=str(feature.scope),
                tab=str(feature.tab),
                schema=feature.schema,
                factory_default=feature.factory_default,
            )
            for feature in known
        ]
        return Response(FeatureShape(found, many=True).data)
