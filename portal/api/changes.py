"""Pending changes, commits, history, revert, conflicts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from clusters import commits, drafts
from clusters.modes import Mode
from clusters.versions import Address, CommitId
from portal.api.base import ClusterView, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.shapes import (
    CommitDetailShape,
    CommitInput,
    CommitShape,
    ConflictShape,
    PendingAnswer,
    RevertInput,
    SettleInput,
    Shape,
)
from portal.modes import ModeConverter
from portal.tenants import Right


class PendingChanges(ClusterView):
    """What you have changed and not committed, over all modes."""

    rights: ClassVar = {"GET": Right.EDIT, "DELETE": Right.EDIT}

    @extend_schema(responses=PendingAnswer)
    def get(self, request: Request, slug: str) -> Response:
        return answer_pending(self.place)

    @extend_schema(responses={200: PendingAnswer, 422: Refusal}, parameters=[OpenApiParameter("entry", str)])
    def delete(self, request: Request, slug: str) -> Response:
        """Discard all of it, or only one `entry`."""
        entry = request.query_params.get("entry")
        only = [Address.parse(entry)] if entry else None
        drafts.clear(self.place.replica_id, self.place.user, only)
        return answer_pending(self.place)


def answer_pending(place: Any) -> Response:
    """Everything that is pending at a place, as the API tells it."""
    found = SimpleNamespace(
        changes=drafts.pending(place.replica_id, place.user),
        impact=[i for i in drafts.impact_of(place.replica_id, place.user) if i.settings_change],
    )
    return Response(PendingAnswer(found).data)


class HistoryShape(Shape):
    """A page of the history, the latest first; pages count from 1."""

    total = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    commits = CommitShape(many=True)


class Commits(ClusterView):
    """The history; POST commits everything you have pending, on all levels at once (CMT-01)."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(
        operation_id="clusters_commits_list",
        responses=HistoryShape,
        parameters=[
            OpenApiParameter("page", int),
            OpenApiParameter("text", str, description="In comment, user or host."),
            OpenApiParameter("user", str),
            OpenApiParameter("mode", str),
            OpenApiParameter("feature", str),
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        asked = request.query_params
        page = asked.get("page", "1")
        mode: Mode | None = ModeConverter().to_python(asked["mode"]) if asked.get("mode") else None
        found = commits.history(
            self.place.replica_id,
            page=int(page) if page.isdecimal() and len(page) < 9 else 1,
            mode=mode,
            feature=asked.get("feature", ""),
            user=asked.get("user", ""),
            text=asked.get("text", "")[:200],
        )
        return Response(HistoryShape(found).data)

    @extend_schema(request=CommitInput, responses={201: CommitShape, 409: Refusal, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        made = commits.commit_pending(
            self.place.replica_id,
            user=self.place.user,
            host=settings.GATEFOLD_PORTAL_NAME,
            comment=told(CommitInput, request)["comment"].strip(),
        )
        return Response(CommitShape(made).data, status=status.HTTP_201_CREATED)


class Commit(ClusterView):
    """What one commit did, per entry and per machine (CMT-02)."""

    @extend_schema(responses={200: CommitDetailShape, 404: Refusal})
    def get(self, request: Request, slug: str, origin: str, number: int) -> Response:
        return Response(
            CommitDetailShape(commits.detail(self.place.replica_id, CommitId(origin, number))).data
        )


class Revert(ClusterView):
    """The values before a commit become your pending changes."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(
        request=RevertInput, responses={200: PendingAnswer, 404: Refusal, 409: Refusal, 422: Refusal}
    )
    @once
    def post(self, request: Request, slug: str, origin: str, number: int) -> Response:
        over = told(RevertInput, request)["over"]
        commits.revert(self.place.replica_id, self.place.user, CommitId(origin, number), over=over)
        return answer_pending(self.place)


class Conflicts(ClusterView):
    """Entries changed in two places at once: what stands and what lost (SYN-08)."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(responses=ConflictShape(many=True))
    def get(self, request: Request, slug: str) -> Response:
        return Response(ConflictShape(commits.conflicts(self.place.replica_id), many=True).data)

    @extend_schema(request=SettleInput, responses={201: CommitShape, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Settle one by a commit."""
        sent = told(SettleInput, request)
        address = Address.parse(sent["entry"])
        by: dict[str, Any] = {"user": self.place.user, "host": settings.GATEFOLD_PORTAL_NAME}
        if sent["version"]:
            made = commits.restore_loser(
                self.place.replica_id, address, CommitId.parse(sent["version"]), **by
            )
        else:
            made = commits.accept_winner(self.place.replica_id, address, **by)
        return Response(CommitShape(made).data, status=status.HTTP_201_CREATED)
