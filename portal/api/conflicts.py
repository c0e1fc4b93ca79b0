"""The conflict desk: what both sides replaced, what each made of it, and how it is settled (SYN-08)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from clusters import commits
from clusters.differences import masked
from clusters.sealing import secrets_of
from clusters.side_by_side import ABSENT
from clusters.versions import Address, CommitId, Version
from portal.api.base import ClusterView, told
from portal.api.changes import pending_answer
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import Query, Words, asked, lists, page_of
from portal.api.shapes import AuthorshipShape, CommitShape, Document, PendingAnswer, Shape
from portal.changes.conflicts import Columns, desk
from portal.changes.settling import settle
from portal.tenants import Right

COLUMNS = ("ancestor", "newest", "other")


class VersionShape(AuthorshipShape):
    """A version of an entry; `value` is null where it was deleted, secrets read ********."""

    value = Document(allow_null=True)


@extend_schema_field({})
class AnyValue(serializers.JSONField):
    """A value of a document, or null where there is none."""


class RowShape(Shape):
    """One place where the three differ; `suggested` is what a merge takes unless it is told otherwise."""

    path = serializers.CharField()
    ancestor = AnyValue(allow_null=True)
    newest = AnyValue(allow_null=True)
    other = AnyValue(allow_null=True)
    suggested = serializers.ChoiceField(choices=COLUMNS)


class ConflictShape(Shape):
    """An entry changed in two places at once: the newest version, and one of the others."""

    entry = serializers.CharField()
    waits = serializers.BooleanField(help_text="The ancestor is in force, until somebody decides.")
    ancestor = VersionShape(allow_null=True, help_text="What both had seen; null where there was none.")
    newest = VersionShape()
    other = VersionShape()
    rows = RowShape(many=True)


class ConflictQuery(Query):
    """Which conflicts."""

    entry = Words(help_text="Part of an entry's address.")


class SettleInput(Shape):
    """Without `version` what is in force is kept; with it that one is put in force, or merged."""

    entry = serializers.CharField()
    version = serializers.CharField(required=False, allow_blank=True, default="")
    seen = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        help_text="Ids of the versions that you looked at: another one is answered with 409.",
    )
    merge = serializers.DictField(
        child=serializers.ChoiceField(choices=COLUMNS),
        required=False,
        help_text="What to take at which path; the newest holds for the rest. Makes a pending change.",
    )


class Conflicts(ClusterView):
    """Entries changed in two places at once: what both replaced, and what each made of it."""

    rights: ClassVar = {"POST": Right.EDIT}

    @lists(ConflictShape, ConflictQuery, "clusters_conflicts_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, ConflictQuery)
        text = wanted["entry"].casefold()
        found = [each for each in desk(self.place) if text in str(each.conflict.address).casefold()]
        return page_of(request, found, ConflictShape, wanted, lambda rows: [_conflict(row) for row in rows])

    @extend_schema(
        request=SettleInput, responses={200: PendingAnswer, 201: CommitShape, 409: Refusal, 422: Refusal}
    )
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Settle one by a commit; a merge becomes a pending change, whose commit settles it."""
        sent = told(SettleInput, request)
        address = Address.parse(sent["entry"])
        place = self.place
        seen = list(map(CommitId.parse, sent["seen"])) if "seen" in sent else None
        if "merge" in sent:
            chosen = {path: COLUMNS.index(column) for path, column in sent["merge"].items()}
            other = CommitId.parse(sent["version"])
            commits.draft_merge(place.replica_id, place.user, address, other, chosen, seen)
            return pending_answer(place)
        chosen_one = CommitId.parse(sent["version"]) if sent["version"] else None
        made = settle(request, place, address, chosen_one, seen=seen)
        return Response(CommitShape(made).data, status=status.HTTP_201_CREATED)


def _conflict(found: Columns) -> SimpleNamespace:
    address = found.conflict.address
    ancestor, newest, other = (version and _version(address, version) for version in found.versions)
    rows = [
        {
            "path": row.text,
            **{n: None if v is ABSENT else v for n, v in zip(COLUMNS, row.values, strict=True)},
            "suggested": COLUMNS[suggested],
        }
        for row, suggested in found.rows
    ]
    return SimpleNamespace(
        entry=address,
        waits=found.conflict.waits,
        ancestor=ancestor,
        newest=newest,
        other=other,
        rows=rows,
    )


def _version(address: Address, version: Version) -> SimpleNamespace:
    value = None if version.value is None else masked(version.value, secrets_of(address))
    names = ("id", "time", "user", "host", "comment")
    return SimpleNamespace(value=value, **{name: getattr(version, name) for name in names})
