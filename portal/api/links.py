"""Who reaches whom."""

from __future__ import annotations

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import ClusterView
from portal.api.shapes import RemedyField, Shape
from portal.machines.links import map_of
from portal.tenants import Right


class SightingShape(Shape):
    """How one end sees the other; the portal itself is an observer too. `round_trip` in milliseconds."""

    observer = serializers.CharField(source="observer.serial")
    peer = serializers.CharField(source="peer.serial")
    state = serializers.CharField(help_text="`unknown` where it was not confirmed lately.")
    since = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    remedy = RemedyField()
    round_trip = serializers.FloatField(allow_null=True)
    heard = serializers.DateTimeField(allow_null=True)


class LinksShape(Shape):
    """The map of links; `whole` tells whether it has every link or, in a large cluster, the troubled ones."""

    whole = serializers.BooleanField()
    total = serializers.IntegerField()
    connected = serializers.IntegerField()
    trouble = serializers.IntegerField(source="wrong")
    unknown = serializers.IntegerField()
    links = SightingShape(source="sightings", many=True)


class Links(ClusterView):
    """Every link as its ends see it, and those of the portal."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @extend_schema(responses=LinksShape)
    def get(self, request: Request, slug: str) -> Response:
        return Response(LinksShape(map_of(self.place, timezone.now())).data)
