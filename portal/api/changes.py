"""Pending changes, commits, history, revert."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from clusters import commits, drafts
from clusters.versions import Address, CommitId
from portal.api.base import ClusterView, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import ModeWord, Query, Words, asked, lists, page_of
from portal.api.proposals import CanaryShape, ProposalShape, canary_of
from portal.api.shapes import (
    CommitDetailShape,
    CommitInput,
    CommitShape,
    MarkField,
    PendingAnswer,
    RevertInput,
)
from portal.changes.settling import revert
from portal.proposals.deciding import Wish, submit
from portal.proposals.policy import policy_of
from portal.proposals.proposal import Proposal
from portal.tenants import Right

MARK = "What GET told, of all or of that entry; what you have not seen is answered with 409."


class PendingChanges(ClusterView):
    """What you have changed and not committed, over all modes."""

    rights: ClassVar = {"GET": Right.EDIT, "DELETE": Right.EDIT}

    @extend_schema(responses=PendingAnswer)
    def get(self, request: Request, slug: str) -> Response:
        return pending_answer(self.place)

    @extend_schema(
        responses={200: PendingAnswer, 409: Refusal, 422: Refusal},
        parameters=[OpenApiParameter("entry", str), OpenApiParameter("mark", str, description=MARK)],
    )
    def delete(self, request: Request, slug: str) -> Response:
        """Discard all of it, or only one `entry`; with `mark` only what you have seen."""
        entry, shown = request.query_params.get("entry"), request.query_params.get("mark")
        only = [Address.parse(entry)] if entry else None
        drafts.clear(self.place.replica_id, self.place.user, only, shown)
        return pending_answer(self.place)


def pending_answer(place: Any) -> Response:
    """All that the caller has pending, with its impact."""
    changes = drafts.pending(place.replica_id, place.user)
    found = SimpleNamespace(
        changes=changes,
        mark=drafts.mark(changes),
        impact=[i for i in drafts.impact_of(place.replica_id, place.user) if i.settings_change],
    )
    return Response(PendingAnswer(found).data)


class CommitQuery(Query):
    """Which commits."""

    text = Words(help_text="In comment, user or host.")
    user = Words()
    mode = ModeWord()
    feature = Words(max_length=64)


class SubmitInput(CommitInput):
    """Why, and how. `at_once` is an administrator's reason to pass by the commit window."""

    approval = serializers.BooleanField(default=False, help_text="Ask for a second person.")
    canary = CanaryShape(default=None, allow_null=True, help_text="Some machines first; `{}`: by the policy.")
    at_once = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)
    settles = serializers.ListField(
        child=serializers.CharField(max_length=100),
        default=list,
        help_text="Ids of the versions of conflicts that wait, as `waiting` of your changes names them.",
    )
    mark = MarkField()


class Commits(ClusterView):
    """The history, the latest first; POST commits all that you have pending, on all levels (CMT-01)."""

    rights: ClassVar = {"POST": Right.EDIT}

    @lists(CommitShape, CommitQuery, "clusters_commits_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, CommitQuery)
        told = {name: wanted[name] for name in ("mode", "feature", "user", "text")}
        found = commits.kept(self.place.replica_id, **told)
        return page_of(request, found, CommitShape, wanted, lambda rows: [row.read() for row in rows])

    @extend_schema(
        request=SubmitInput, responses={201: CommitShape, 202: ProposalShape, 409: Refusal, 422: Refusal}
    )
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Commit, or propose: 202 with the proposal where you or the policy of the cluster want that."""
        sent, place = told(SubmitInput, request), self.place
        wish = Wish(
            comment=sent["comment"].strip(),
            approval=sent["approval"],
            canary=canary_of(policy_of(place.cluster), sent["canary"]),
            at_once=sent["at_once"].strip(),
            settles=tuple(map(CommitId.parse, sent["settles"])),
            shown=sent["mark"],
        )
        made = submit(place.cluster, place.person, place.role, wish, settings.GATEFOLD_PORTAL_NAME)
        if isinstance(made, Proposal):
            return Response(ProposalShape(made).data, status=status.HTTP_202_ACCEPTED)
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
        sent = told(RevertInput, request)
        only = Address.parse(sent["entry"]) if sent["entry"] else None
        ident, seen = CommitId(origin, number), [CommitId.parse(each) for each in sent["seen"]]
        revert(request, self.place, ident, over=sent["over"], only=only, seen=seen, shown=sent["mark"])
        return pending_answer(self.place)
