"""Search over everything that the caller may see."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.shapes import ModeField, Shape
from portal.search.finding import search


class HitShape(Shape):
    """Something found; `page` is the address of its page, `mode` where its settings are."""

    title = serializers.CharField()
    detail = serializers.CharField()
    cluster = serializers.CharField(source="cluster.slug")
    mode = ModeField(allow_null=True)
    page = serializers.CharField(source="href")


class ValueHitShape(HitShape):
    """A value in force; `waits`: a newer version of these settings waits for a decision (safe wait)."""

    waits = serializers.BooleanField()


class FeatureHitShape(Shape):
    """A feature found by its name, or by that of a field."""

    feature = serializers.CharField(source="name")
    title = serializers.CharField()
    fields_found = serializers.ListField(source="fields", child=serializers.CharField())


class ResultsShape(Shape):
    """What was found; `more` names the kinds of which only the first are here."""

    text = serializers.CharField()
    machines = HitShape(many=True)
    groups = HitShape(many=True)
    features = FeatureHitShape(many=True)
    values = ValueHitShape(many=True)
    commits = HitShape(many=True)
    more = serializers.SerializerMethodField()

    def get_more(self, found: Any) -> list[str]:
        return sorted(found.more)


class Search(APIView):
    """Settings, values, machines, groups and commits with a text in them; at least two characters."""

    @extend_schema(responses=ResultsShape, parameters=[OpenApiParameter("q", str)])
    def get(self, request: Request) -> Response:
        return Response(ResultsShape(search(request.user, request.query_params.get("q", ""))).data)
