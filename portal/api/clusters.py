"""Clusters, their modes and machines, and the catalogue of features."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from appliances.following.freshness import Enforcement
from clusters.installed import catalogue
from clusters.modes import Level
from portal.api.base import ClusterView
from portal.api.listing import OneOf, Query, Words, asked, lists, page_of
from portal.api.shapes import ClusterShape, FeatureShape, MachineShape, NamedMode
from portal.machines.choosing import SHOWN, Sieve
from portal.machines.seen import machines_seen
from portal.tenants import ManagedCluster, Right


class ClusterQuery(Query):
    """Which clusters."""

    q = Words(help_text="In the name, or the name in addresses.")
    tenant = Words(help_text="Short name of a tenant.")
    state = OneOf(ManagedCluster.State.choices)


class MachineQuery(Query):
    """Which machines."""

    q = Words(help_text="In the name or serial number.")
    group = Words(help_text="Id of a group.")
    connection = OneOf([str(each) for each in SHOWN])
    enforcement = OneOf([str(each) for each in Enforcement])


def sieve_of(wanted: Mapping[str, Any]) -> Sieve:
    """The machines that a MachineQuery wants."""
    return Sieve(**{name: wanted[name] for name in ("q", "group", "connection", "enforcement")})


class ModeQuery(Query):
    """Which modes."""

    q = Words(help_text="In the name.")
    level = OneOf([str(each) for each in Level])


class Clusters(APIView):
    """The clusters of your tenants."""

    @lists(ClusterShape, ClusterQuery, "clusters_list")
    def get(self, request: Request) -> Response:
        wanted = asked(request, ClusterQuery)
        found = ManagedCluster.objects.seen_by(request.user).select_related("replica", "tenant")
        if wanted["tenant"]:
            found = found.filter(tenant__slug=wanted["tenant"])
        if wanted["state"]:
            found = found.filter(state=wanted["state"])
        if wanted["q"]:
            found = found.filter(Q(replica__name__icontains=wanted["q"]) | Q(slug__icontains=wanted["q"]))
        return page_of(request, found, ClusterShape, wanted)


class Cluster(ClusterView):
    """One cluster."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @extend_schema(responses=ClusterShape)
    def get(self, request: Request, slug: str) -> Response:
        return Response(ClusterShape(self.place.cluster).data)


class Modes(ClusterView):
    """The cluster, each group and each machine as modes, in the order of menus."""

    @lists(NamedMode, ModeQuery, "clusters_modes_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted, state = asked(request, ModeQuery), self.place.draft
        named = [SimpleNamespace(mode=mode, name=state.mode_name(mode)) for mode in state.modes()]
        text, level = wanted["q"].casefold(), wanted["level"]
        found = [n for n in named if text in n.name.casefold() and level in ("", n.mode.level)]
        return page_of(request, found, NamedMode, wanted)


class Machines(ClusterView):
    """Every machine as it was heard last."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @lists(MachineShape, MachineQuery, "clusters_machines_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, MachineQuery)
        return page_of(request, sieve_of(wanted).sift(machines_seen(self.place)), MachineShape, wanted)


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

    @lists(FeatureShape, operation_id="features_list")
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
        return page_of(request, found, FeatureShape, asked(request))
