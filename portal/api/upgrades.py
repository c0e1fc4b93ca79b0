"""Upgrades of a cluster: the pre-flight list, the run-book, going back."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.authentication import FRESH_TO_WRITE
from portal.api.base import ClusterView, told
from portal.api.clusters import MachineQuery, sieve_of
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import Words, asked, lists, page_of
from portal.api.shapes import JobShape, Shape
from portal.place import Place
from portal.tenants import Right
from portal.upgrades import run_book


class OfferShape(Shape):
    """A release that this portal hands out."""

    release = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    notes = serializers.CharField()


class ReadinessShape(Shape):
    """One line of the pre-flight list."""

    text = serializers.CharField()
    blocks = serializers.BooleanField()


class CandidateShape(Shape):
    """One machine before an upgrade."""

    serial = serializers.CharField(source="heard.serial")
    name = serializers.CharField(source="heard.name")
    connection = serializers.CharField(source="heard.machine.connection")
    release = serializers.CharField()
    previous = serializers.CharField(allow_null=True, help_text="Where it can go back to; empty: its set-up.")
    ready = serializers.BooleanField()
    disconnected = serializers.BooleanField(source="apart")
    waits = serializers.BooleanField(source="heard.waits", help_text="An answer is still to come.")
    findings = ReadinessShape(many=True)


class BookShape(Shape):
    """What can be had; call again while `waits`. `running`: more than one is drift."""

    wanted = serializers.CharField()
    running = serializers.ListField(child=serializers.CharField())
    waits = serializers.BooleanField()
    offers = OfferShape(many=True)
    ready = serializers.BooleanField(help_text="Every machine is, and no such job is under way.")
    active = JobShape(allow_null=True)


class BookQuery(Shape):
    """To which release; the newest, unless it is said."""

    release = Words(max_length=64)


class CandidateQuery(BookQuery, MachineQuery):
    """Which machines, and for which release they are looked at."""


class UpgradeInput(Shape):
    """To which release, and which machines in which order."""

    release = serializers.CharField(max_length=64)
    machines = serializers.ListField(child=serializers.CharField(max_length=64))


class ReleaseBeforeInput(Shape):
    """Which machine goes back to the release before."""

    machine = serializers.CharField(max_length=64)


class Upgrades(ClusterView):
    """The run-book of a cluster (UPG-01..UPG-10). Each GET asks the machines how ready they are."""

    rights: ClassVar = {"GET": Right.SEE_STATE, "POST": Right.ADMINISTER}
    permission_classes = FRESH_TO_WRITE

    @extend_schema(responses=BookShape, parameters=[BookQuery])
    def get(self, request: Request, slug: str) -> Response:
        return Response(BookShape(_book(self.place, asked(request, BookQuery))).data)

    @extend_schema(request=UpgradeInput, responses={202: JobShape, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Upgrade these machines, one after the other, by a job that can be stopped and resumed."""
        sent = told(UpgradeInput, request)
        job = run_book.begin(self.place, request.user, sent["release"], sent["machines"])
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)


class Candidates(ClusterView):
    """How ready each machine is. Each GET asks the machines, and has what came so far."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @lists(CandidateShape, CandidateQuery, "clusters_upgrades_machines_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, CandidateQuery)
        found = sieve_of(wanted).sift_heard(_book(self.place, wanted).candidates)
        return page_of(request, found, CandidateShape, wanted)


def _book(place: Place, wanted: dict[str, Any]) -> run_book.Book:
    run_book.ask(place)
    return run_book.book(place, wanted["release"])


class ReleaseBefore(ClusterView):
    """Back to the release before, for one machine."""

    rights: ClassVar = {"POST": Right.ADMINISTER}
    permission_classes = FRESH_TO_WRITE

    @extend_schema(
        request=ReleaseBeforeInput,
        responses={202: JobShape, 422: Refusal},
        operation_id="clusters_release_before",
    )
    @once
    def post(self, request: Request, slug: str) -> Response:
        job = run_book.revert(self.place, request.user, told(ReleaseBeforeInput, request)["machine"])
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)
