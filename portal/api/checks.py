"""clustercheck: start one, what the last one found, and which version shall hold (SYN-10..SYN-13)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import ClusterView, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import OneOf, Query, Words, YesOrNo, asked, lists, page_of
from portal.api.shapes import AuthorshipShape, JobShape, Shape
from portal.checks.columns import Compared, begin
from portal.checks.rows import Check, Finding, latest, resolve
from portal.tenants import Right


class HolderShape(Shape):
    """Who was asked; `serial` is empty for the portal's own copy, `reason` says why it was not checked."""

    name = serializers.CharField()
    serial = serializers.CharField(allow_blank=True)
    digest = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)


class HeldVersionShape(Shape):
    """A version and who holds it; `made` is null where the entry was never heard of."""

    version = serializers.IntegerField(help_text="Its number, for resolving.")
    holders = serializers.ListField(child=serializers.CharField())
    made = AuthorshipShape(allow_null=True)


class FindingShape(Shape):
    """An entry that is not the same everywhere; `behind`: the next synchronisation brings what is missing."""

    finding = serializers.IntegerField()
    entry = serializers.CharField()
    behind = serializers.BooleanField()
    resolution = serializers.ChoiceField(choices=Finding.Resolution.values)
    versions = HeldVersionShape(many=True)
    differs = serializers.ListField(child=serializers.CharField(), help_text="Paths inside the document.")


class CheckShape(Shape):
    """The last check."""

    check_number = serializers.IntegerField(source="pk")
    at = serializers.DateTimeField()
    holders = HolderShape(many=True)
    findings = serializers.IntegerField(source="findings.count", help_text="`findings/` lists them.")
    open = serializers.IntegerField(help_text="Findings that wait for a choice.")


class FindingQuery(Query):
    """Which findings."""

    entry = Words(help_text="Part of an entry's address.")
    resolution = OneOf(Finding.Resolution.choices)
    behind = YesOrNo()


class ChoiceShape(Shape):
    """What shall become of a finding: the number of a version, or null to ignore it until the next check."""

    finding = serializers.IntegerField()
    version = serializers.IntegerField(allow_null=True, min_value=0)


class ResolveInput(Shape):
    """Choices for findings of the last check."""

    choices = ChoiceShape(many=True)


class ResolvedShape(Shape):
    """How many entries were made the same everywhere."""

    forced = serializers.IntegerField()


class ClusterCheck(ClusterView):
    """The last comparison of what all machines hold; POST starts one as a job."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(responses={200: CheckShape, 404: Refusal})
    def get(self, request: Request, slug: str) -> Response:
        return Response(CheckShape(_last(self.place)).data)

    @extend_schema(request=None, responses={202: JobShape})
    @once
    def post(self, request: Request, slug: str) -> Response:
        job = begin(self.place, request.user)
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)


class Findings(ClusterView):
    """What the last check found."""

    @lists(FindingShape, FindingQuery, "clusters_check_findings_list", responses={404: Refusal})
    def get(self, request: Request, slug: str) -> Response:
        wanted, rows = asked(request, FindingQuery), _last(self.place).findings.all()
        rows = rows.filter(address__icontains=wanted["entry"])
        if wanted["resolution"]:
            rows = rows.filter(resolution=wanted["resolution"])
        if wanted["behind"] is not None:
            rows = rows.filter(behind=wanted["behind"])
        return page_of(
            request, rows, FindingShape, wanted, lambda rows: [_finding(Compared(row)) for row in rows]
        )


class ResolveCheck(ClusterView):
    """Make chosen versions hold everywhere by one commit, or ignore findings."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(
        request=ResolveInput, responses={200: ResolvedShape, 404: Refusal, 409: Refusal, 422: Refusal}
    )
    @once
    def post(self, request: Request, slug: str) -> Response:
        choices = {each["finding"]: each["version"] for each in told(ResolveInput, request)["choices"]}
        forced = resolve(request, self.place, _last(self.place), choices)
        return Response(ResolvedShape({"forced": forced}).data)


def _last(place: Any) -> Check:
    last = latest(place.cluster)
    if last is None:
        raise Http404
    return last


def _finding(compared: Compared) -> dict[str, Any]:
    row = compared.finding
    versions = [
        {"version": number, "holders": held.holders, "made": held.version}
        for number, held in enumerate(compared.held)
    ]
    return {
        "finding": row.pk,
        "entry": row.address,
        "behind": row.behind,
        "resolution": row.resolution,
        "versions": versions,
        "differs": [each.text for each in compared.rows],
    }
