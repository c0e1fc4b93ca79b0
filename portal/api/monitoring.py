"""What a machine reported of itself, how its mail went for a day, and what it brought into force."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from appliances.following import applies, samples
from appliances.following.applies import Apply
from appliances.following.freshness import seen
from appliances.machine.status import MachineStatus as Report
from clusters.modes import machine
from portal.api.base import ClusterView
from portal.api.errors import Refusal
from portal.api.listing import asked, lists, page_of
from portal.api.shapes import MachineShape, RemedyField, Shape
from portal.machines.monitoring import APPLIES, DAY, day_of, moment, status_of
from portal.place import Place
from portal.tenants import Right


@extend_schema_field({"type": "string", "format": "date-time", "nullable": True})
class ReportedMoment(serializers.Field):
    """A time that a machine reported, in milliseconds since 1970 UTC."""

    def to_representation(self, value: int) -> str | None:
        found = moment(value)
        return found.isoformat() if found else None


class QueueShape(Shape):
    """How many messages wait, by queue."""

    incoming = serializers.IntegerField()
    active = serializers.IntegerField()
    deferred = serializers.IntegerField()
    hold = serializers.IntegerField()


class LinkShape(Shape):
    """How the machine sees a peer; `round_trip` in milliseconds."""

    serial = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.CharField()
    since = ReportedMoment()
    reason = serializers.CharField()
    remedy = RemedyField()
    round_trip = serializers.FloatField(allow_null=True)
    via = serializers.CharField()


class MachineAlertShape(Shape):
    """An incident that the machine itself complains of."""

    kind = serializers.CharField()
    severity = serializers.CharField()
    serial = serializers.CharField()
    name = serializers.CharField()
    text = serializers.CharField()
    since = ReportedMoment()
    count = serializers.IntegerField()


class CountsShape(Shape):
    """What became of mail."""

    accepted = serializers.FloatField()
    rejected = serializers.FloatField()
    delivered = serializers.FloatField()
    deferred = serializers.FloatField()
    bounced = serializers.FloatField()
    expired = serializers.FloatField()


class HourShape(Shape):
    """One hour of mail."""

    at = serializers.DateTimeField()
    heard = serializers.BooleanField(help_text="Whether the machine reported in this hour.")
    counts = CountsShape()


class ApplyShape(Shape):
    """A change of what the machine enforces, the latest first."""

    at = serializers.DateTimeField(source="row.at")
    enforced = serializers.CharField(source="row.enforced")
    wanted = serializers.CharField(source="row.wanted")
    generation = serializers.IntegerField(source="row.generation", allow_null=True)
    error = serializers.CharField(source="row.error")
    commits = serializers.SerializerMethodField(help_text="That led to it; empty for guests.")

    def get_commits(self, apply: Any) -> list[str]:
        return [str(commit.id) for commit in apply.commits]


class MonitorShape(Shape):
    """A machine as its page shows it."""

    machine = MachineShape()
    running = serializers.BooleanField(source="report.postfix.running")
    restarts = serializers.IntegerField(source="report.postfix.restarts")
    started = ReportedMoment(source="report.started")
    notes = serializers.ListField(source="report.notes", child=serializers.CharField())
    queues = QueueShape(source="report.queue")
    counting_since = ReportedMoment(source="report.traffic.since")
    counts = CountsShape(source="report.traffic")
    hours = HourShape(many=True)
    links = LinkShape(source="report.links", many=True)
    alerts = MachineAlertShape(source="report.alerts", many=True)
    applies = ApplyShape(many=True, help_text="The last ones; `applies/` lists all.")


class Monitor(ClusterView):
    """State, mail flow of the last day, links and log of applies of one machine (GUI-03)."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @extend_schema(responses={200: MonitorShape, 404: Refusal})
    def get(self, request: Request, slug: str, serial: str) -> Response:
        place, now = self.place, timezone.now()
        if serial not in place.state.machines:
            raise Http404
        row = status_of(place, machine(serial))
        rows = samples.lately(place.replica_id, serial, now - DAY)
        found = SimpleNamespace(
            machine=seen(row, now, place.cluster.replica.revision),
            report=Report.from_wire(row.report) or Report(serial=serial),
            hours=day_of(rows, now).by_hour,
            applies=_told(applies.log(place.replica_id, serial, place.state, APPLIES), place),
        )
        return Response(MonitorShape(found).data)


class Applies(ClusterView):
    """The log of applies of one machine, the latest first."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @lists(ApplyShape, operation_id="clusters_machines_applies_list", responses={404: Refusal})
    def get(self, request: Request, slug: str, serial: str) -> Response:
        place = self.place
        if serial not in place.state.machines:
            raise Http404
        rows = applies.rows_of(place.replica_id, serial)
        return page_of(
            request,
            rows,
            ApplyShape,
            asked(request),
            lambda page: _told(applies.explained(page, place.state), place),
        )


def _told(found: list[Apply], place: Place) -> list[Apply]:
    """As the person may hear it."""
    return found if place.may_see_settings else [replace(each, commits=()) for each in found]
