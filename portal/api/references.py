"""Who refers to what, where it is missing, and the two ways out (DEP-01..DEP-06)."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clusters import ways_out
from clusters.catalogue import Reference
from clusters.installed import catalogue
from clusters.references import uses
from portal.api.base import ClusterView, told
from portal.api.changes import pending_answer
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import Query, Words, YesOrNo, asked, lists, page_of
from portal.api.shapes import ModeField, PendingAnswer, Shape
from portal.editing.ways import Way, ways
from portal.modes import ModeConverter
from portal.tenants import Right


class UseShape(Shape):
    """Settings of a mode that name an item; `lacks` are the machines on which it leads nowhere."""

    feature = serializers.CharField(source="use.feature")
    mode = ModeField(source="use.mode")
    path = serializers.CharField(source="use.reference.path")
    wanted = serializers.CharField(source="use.reference.feature", help_text="The feature that is named.")
    item = serializers.CharField(source="use.reference.item")
    holders = serializers.ListField(source="use.holders", child=ModeField(), help_text="Who defines it.")
    has = serializers.SerializerMethodField(help_text="Serial numbers.")
    lacks = serializers.SerializerMethodField(help_text="Serial numbers.")
    promote_from = serializers.ListField(source="promotable", child=ModeField())
    demote_to = serializers.ListField(source="demotable", child=ModeField())
    hidden_by = serializers.ListField(
        source="hiding", child=ModeField(), help_text="Modes whose own settings hide what one above them has."
    )

    def get_has(self, way: Way) -> list[str]:
        return [machine.serial for machine in way.use.has]

    def get_lacks(self, way: Way) -> list[str]:
        return [machine.serial for machine in way.use.lacks]


class ReferenceQuery(Query):
    """Which references."""

    feature = Words(help_text="That refers or is referred to.")
    item = Words(max_length=255)
    broken = YesOrNo(help_text="Whether the item is missing on some machine.")


class PromoteInput(Shape):
    """Lift an item that `source` defines to the cluster."""

    feature = serializers.CharField()
    item = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]  # a field of that name, which the class gives up
        help_text="`group/<id>` or `machine/<serial>`"
    )


class DemoteInput(Shape):
    """Bring settings which name an item down to the modes that have it."""

    feature = serializers.CharField(help_text="The feature that names the item.")
    mode = serializers.CharField(help_text="Where its settings are now.")
    path = serializers.CharField()
    wanted = serializers.CharField(help_text="The feature that is named.")
    item = serializers.CharField()


class References(ClusterView):
    """Every reference of the cluster, with your pending changes."""

    @lists(UseShape, ReferenceQuery, "clusters_references_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, ReferenceQuery)
        everything = uses(self.place.draft, catalogue())
        found = ways(self.place, everything, wanted["feature"], wanted["item"])
        broken = wanted["broken"]
        shown = [way for way in found if broken is None or broken is bool(way.use.lacks)]
        return page_of(request, shown, UseShape, wanted)


class Promote(ClusterView):
    """Promote an item to the cluster, as a pending change (DEP-04)."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(request=PromoteInput, responses={200: PendingAnswer, 404: Refusal, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        sent = told(PromoteInput, request)
        source = ModeConverter().to_python(sent["source"])
        place: Any = self.place
        ways_out.promote(place.replica_id, place.user, sent["feature"], sent["item"], source)
        return pending_answer(place)


class Demote(ClusterView):
    """Demote what names an item to the modes that have it, as pending changes (DEP-04)."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(request=DemoteInput, responses={200: PendingAnswer, 404: Refusal, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        sent = told(DemoteInput, request)
        mode = ModeConverter().to_python(sent["mode"])
        wanted = Reference(sent["path"], sent["wanted"], sent["item"])
        ways_out.demote(self.place.replica_id, self.place.user, sent["feature"], mode, wanted)
        return pending_answer(self.place)
