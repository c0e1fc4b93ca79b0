"""The commit policy of a cluster, and its proposals."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Invalid
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import ClusterView, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import OneOf, Query, Words, asked, lists, page_of
from portal.api.shapes import ImpactShape, PathShape, Shape
from portal.proposals.acting import ACTIONS, act, offered
from portal.proposals.comparing import before_of, impact_of, proposed
from portal.proposals.policy import CommitPolicy, change, check_windows, check_zone, policy_of
from portal.proposals.proposal import Proposal, State
from portal.proposals.stop_rule import Canary
from portal.proposals.watching import watched
from portal.tenants import Right


class CanaryShape(Shape):
    """Some machines first. What is left out is as the policy says."""

    machines = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        help_text="Serial numbers; without any, `per_group` of each group.",
    )
    per_group = serializers.IntegerField(min_value=1, max_value=100, required=False)
    minutes = serializers.IntegerField(min_value=0, max_value=1440, required=False)
    enforce_within = serializers.IntegerField(min_value=10, max_value=3600, required=False)
    queue_growth = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False)
    deferred_share = serializers.IntegerField(min_value=1, max_value=100, required=False)
    bounced_share = serializers.IntegerField(min_value=1, max_value=100, required=False)
    rejected_rise = serializers.IntegerField(min_value=1, max_value=100, required=False)


def canary_of(policy: CommitPolicy, sent: dict[str, Any] | None) -> Canary | None:
    """The try that a caller wants, on the defaults of the policy; None without one."""
    if sent is None:
        return None
    return Canary.model_validate({**policy.defaults.model_dump(), **sent})


class CommitWindowShape(Shape):
    """A weekly time; an end that is not after its start is on the next day."""

    day = serializers.IntegerField(min_value=0, max_value=6, help_text="0 is Monday.")
    start = serializers.RegexField(r"^([01]\d|2[0-3]):[0-5]\d\Z", help_text="22:00")
    end = serializers.RegexField(r"^([01]\d|2[0-3]):[0-5]\d\Z")


class PolicyInput(Shape):
    """What the cluster asks of commits that are made in this portal."""

    approval = serializers.BooleanField(default=False)
    zone = serializers.CharField(max_length=64, default="UTC")
    windows = CommitWindowShape(many=True, default=list)
    try_first = serializers.BooleanField(default=False)
    canary = CanaryShape(default=dict)

    def validate_zone(self, zone: str) -> str:
        return self._valid(check_zone, zone)

    def validate_windows(self, windows: Any) -> Any:
        return self._valid(check_windows, [dict(row) for row in windows])

    @staticmethod
    def _valid(check: Any, value: Any) -> Any:
        try:
            check(value)
        except Invalid as error:
            raise serializers.ValidationError(error.messages) from None
        return value


class PolicyShape(PolicyInput):
    """The policy, and what it means now."""

    open = serializers.SerializerMethodField(help_text="Whether commits may take effect now.")
    opens = serializers.SerializerMethodField()

    def get_open(self, policy: CommitPolicy) -> bool:
        return policy.is_open(timezone.now())

    def get_opens(self, policy: CommitPolicy) -> str | None:
        found = policy.opens(timezone.now())
        return found.isoformat() if found else None


class Policy(ClusterView):
    """The commit policy. Commits made on the command line of a machine are not held by it."""

    rights: ClassVar = {"PUT": Right.ADMINISTER}

    @extend_schema(responses=PolicyShape)
    def get(self, request: Request, slug: str) -> Response:
        return Response(PolicyShape(policy_of(self.place.cluster)).data)

    @extend_schema(request=PolicyInput, responses={200: PolicyShape, 400: Refusal})
    def put(self, request: Request, slug: str) -> Response:
        """Set all of it; what is left out is as on a cluster without a policy."""
        sent = told(PolicyInput, request)
        sent["windows"] = [dict(row) for row in sent["windows"]]
        sent["canary"] = Canary.model_validate(sent["canary"]).model_dump(mode="json", exclude={"machines"})
        return Response(PolicyShape(change(request, self.place, sent)).data)


class ProposalShape(Shape):
    """Changes that do not take effect at once, and where they stand."""

    number = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(choices=State.values)
    user = serializers.CharField()
    comment = serializers.CharField()
    created = serializers.DateTimeField()
    ended = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    decided = serializers.DateTimeField(allow_null=True)
    decision = serializers.CharField()
    reason = serializers.CharField(help_text="Why it was refused, stopped, or has been overtaken.")
    at_once = serializers.CharField(help_text="Why it did not wait for the commit window.")
    canary = CanaryShape(allow_null=True)
    paused = serializers.BooleanField()
    watched_until = serializers.DateTimeField(allow_null=True)
    commit = serializers.CharField(help_text="Its commit; empty while there is none.")
    trial = serializers.CharField(help_text="The commit that gave it to the machines that try it.")
    returned = serializers.CharField(help_text="The commit of the way back.")


class ProposedShape(Shape):
    """What it does to one entry."""

    entry = serializers.CharField(source="address")
    changes = PathShape(source="paths", many=True)


class WatchedShape(Shape):
    """A machine that tries it now."""

    serial = serializers.CharField()
    name = serializers.CharField()
    health = serializers.CharField(source="verdict.health")
    reason = serializers.CharField(source="verdict.reason")


class LogLineShape(Shape):
    """A line of its log; `user` is empty for what happened by itself."""

    at = serializers.DateTimeField()
    user = serializers.CharField()
    text = serializers.CharField()


class ProposalMore(Shape):
    """What a list does not tell. `impact` is empty when it is over."""

    offered = serializers.ListField(child=serializers.CharField(), help_text="What you can do with it now.")
    entries = ProposedShape(many=True)
    impact = ImpactShape(many=True)
    watched = WatchedShape(many=True)
    log = LogLineShape(many=True)


class ProposalDetail(ProposalShape, ProposalMore):
    """All of a proposal."""


class ProposalQuery(Query):
    """Which proposals."""

    state = OneOf(State.choices)
    user = Words(help_text="Whose changes.")


class ActInput(Shape):
    """What to do, and why; `at_once` needs a reason."""

    do = serializers.ChoiceField(choices=list(ACTIONS))
    comment = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class Proposals(ClusterView):
    """Changes that wait, are tried, or are over, the latest first. POST to the commits makes one."""

    @lists(ProposalShape, ProposalQuery, "clusters_proposals_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, ProposalQuery)
        rows = self.place.cluster.proposals.select_related("decided_by").order_by("-pk")
        for name in ("state", "user"):
            rows = rows.filter(**{name: wanted[name]}) if wanted[name] else rows
        return page_of(request, rows, ProposalShape, wanted)


class OneProposal(ClusterView):
    """One proposal; POST approves, refuses, withdraws, takes back, or steers its try."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            self.place.require_any(Right.EDIT, Right.APPROVE)

    def _found(self, number: int) -> Proposal:
        rows = Proposal.objects.of(self.place.cluster.tenant).filter(cluster=self.place.cluster, pk=number)
        found: Proposal | None = rows.select_related("cluster__replica", "author", "decided_by").first()
        if found is None:
            raise Http404
        return found

    @extend_schema(responses={200: ProposalDetail, 404: Refusal})
    def get(self, request: Request, slug: str, number: int) -> Response:
        return self._answer(request, self._found(number))

    @extend_schema(
        request=ActInput,
        responses={200: ProposalDetail, 400: Refusal, 403: Refusal, 404: Refusal, 409: Refusal},
    )
    @once
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Do one of what `offered` names."""
        found, sent = self._found(number), told(ActInput, request)
        act(found, request.user, self.place.role, sent["do"], sent["comment"])
        return self._answer(request, self._found(number))

    def _answer(self, request: Request, found: Proposal) -> Response:
        before = before_of(found, self.place.state)
        more = {
            "offered": sorted(offered(found, request.user, self.place.role)),
            "entries": proposed(found, before),
            "impact": impact_of(found, before) if found.open else [],
            "watched": watched(found) if found.state == State.CANARY else [],
            "log": found.lines.all(),
        }
        return Response({**ProposalShape(found).data, **ProposalMore(more).data})
