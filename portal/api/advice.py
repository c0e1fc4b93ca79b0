"""Advice on a cluster: list, carry out a remedy, put aside and bring back (BP-01..BP-10)."""

from __future__ import annotations

from typing import ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from clusters.layout import Severity
from clusters.transfers import Action
from portal.api.base import ClusterView, told
from portal.api.changes import pending_answer
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import OneOf, Query, Words, asked, lists, page_of
from portal.api.settings import risks_of
from portal.api.shapes import MarkField, ModeField, PendingAnswer, Shape
from portal.lint.advice import Given, bring_back, dismiss, find
from portal.lint.remedies import all_advice, mend
from portal.tenants import Right


class RemedyShape(Shape):
    """A transfer of settings that mends it."""

    action = serializers.ChoiceField(choices=[str(action) for action in Action])
    feature = serializers.CharField()
    source = ModeField()  # type: ignore[assignment]  # a field of that name, which the class gives up
    targets = serializers.ListField(child=ModeField())


class DismissalShape(Shape):
    """Who has put it aside, when and why."""

    by = serializers.CharField()
    at = serializers.DateTimeField()
    reason = serializers.CharField()


class AdviceShape(Shape):
    """A piece of advice; `mended` says that your pending changes take it away."""

    key = serializers.CharField(source="advice.key")
    rule = serializers.CharField(source="advice.rule")
    severity = serializers.ChoiceField(source="advice.severity", choices=[str(each) for each in Severity])
    message = serializers.CharField(source="advice.message")
    why = serializers.SerializerMethodField()
    modes = serializers.ListField(source="advice.modes", child=ModeField())
    feature = serializers.CharField(source="advice.feature", allow_blank=True)
    remedy = RemedyShape(source="advice.remedy", allow_null=True)
    mended = serializers.BooleanField()
    dismissal = DismissalShape(allow_null=True)
    mark = serializers.CharField(allow_blank=True, help_text="Names the settings on which it is given.")

    def get_why(self, found: Given) -> str:
        return _(found.why)


class AdviceQuery(Query):
    """Which advice."""

    state = OneOf(["open", "dismissed"])
    severity = OneOf([str(each) for each in Severity])
    rule = Words()
    feature = Words()


class ReasonInput(Shape):
    """Why it does not apply."""

    reason = serializers.CharField(max_length=500)


class AgreedInput(Shape):
    """Without `agreed` a remedy that replaces or breaks something is answered with 409."""

    agreed = serializers.BooleanField(default=False)
    mark = MarkField("Of the advice as you have seen it; where its settings were changed, 409.")


class AdviceList(ClusterView):
    """All advice, warnings first; what was put aside carries its dismissal."""

    @lists(AdviceShape, AdviceQuery, "clusters_advice_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, AdviceQuery)
        found = [
            each
            for each in all_advice(self.place)
            if wanted["state"] in ("", "dismissed" if each.dismissal else "open")
            and all(wanted[n] in ("", getattr(each.advice, n)) for n in ("severity", "rule", "feature"))
        ]
        return page_of(request, found, AdviceShape, wanted)


class Remedy(ClusterView):
    """Carry out the remedy of a piece of advice, as pending changes."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(request=AgreedInput, responses={200: PendingAnswer, 409: Refusal, 422: Refusal})
    @once
    def post(self, request: Request, slug: str, key: str) -> Response:
        sent = told(AgreedInput, request)
        found = find(all_advice(self.place), key)
        planned, done = mend(self.place, found, sent["mark"], agreed=sent["agreed"])
        if not done:
            refused = {"detail": " ".join(risks_of(planned)), "mark": found.mark}
            return Response(refused, status=status.HTTP_409_CONFLICT)
        return pending_answer(self.place)


class Dismissed(ClusterView):
    """Put a piece of advice aside with a reason; DELETE brings it back."""

    rights: ClassVar = {"PUT": Right.EDIT, "DELETE": Right.EDIT}

    @extend_schema(request=ReasonInput, responses={200: DismissalShape, 422: Refusal})
    def put(self, request: Request, slug: str, key: str) -> Response:
        found = find(all_advice(self.place), key)
        reason = told(ReasonInput, request)["reason"]
        row = dismiss(request, self.place, found.advice, reason)
        return Response(DismissalShape(row).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, key: str) -> Response:
        bring_back(request, self.place, key)
        return Response(status=status.HTTP_204_NO_CONTENT)
