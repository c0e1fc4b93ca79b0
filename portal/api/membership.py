"""Members and groups, and the operations that need no passphrase (GRP-02..GRP-08, UPG-02)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clusters.membership import pending_joins
from portal.api.base import ClusterView, told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.shapes import ImpactShape, JobShape, Shape
from portal.guided.operations import OPERATIONS, carry_out, preview
from portal.tenants import Right


class MemberShape(Shape):
    """A member as the cluster's entries have it."""

    serial = serializers.CharField()
    name = serializers.CharField()
    group = serializers.CharField(help_text="Id of its group.")
    address = serializers.CharField()
    port = serializers.IntegerField()
    ccs_port = serializers.IntegerField(allow_null=True)
    disconnected = serializers.BooleanField(help_text="On purpose.")


class GroupShape(Shape):
    """A group; the initial one is where joiners begin."""

    id = serializers.CharField()
    name = serializers.CharField()
    initial = serializers.BooleanField()


class WaitingShape(Shape):
    """A host that may join with its key."""

    serial = serializers.CharField()
    host = serializers.CharField()


class MembershipShape(Shape):
    """Who belongs to the cluster."""

    name = serializers.CharField()
    by_address = serializers.BooleanField(help_text="Whether machines reach one another by address.")
    safe_wait = serializers.BooleanField(
        help_text="Settings in conflict stay as they were until somebody decides; else the newest holds."
    )
    groups = GroupShape(many=True)
    machines = MemberShape(many=True)
    waiting = WaitingShape(many=True)


class OperationInput(Shape):
    """One operation; it takes effect at once, without a commit. Which fields it needs depends on it."""

    operation = serializers.ChoiceField(choices=sorted(OPERATIONS))
    name = serializers.CharField(
        required=False, max_length=255, help_text="Of the new group, or the new name."
    )
    group = serializers.CharField(required=False, help_text="Id of a group.")
    target = serializers.CharField(
        required=False, help_text="Id of the group that receives a deleted one's machines."
    )
    machines = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Serial numbers."
    )
    safe_wait = serializers.ChoiceField(choices=["on", "off"], required=False)
    dry_run = serializers.BooleanField(default=False, help_text="Only the command and what it would change.")


class OperationShape(Shape):
    """The command, what it changes on each machine, and the job that says who did it."""

    command = serializers.CharField(help_text="The same for the command line of a machine.")
    impact = ImpactShape(many=True)
    job = JobShape(allow_null=True, help_text="Null for a dry run.")


class Membership(ClusterView):
    """Groups, machines and who waits to join; POST does one operation."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(responses=MembershipShape)
    def get(self, request: Request, slug: str) -> Response:
        state = self.place.state
        found = {
            "name": state.name,
            "by_address": state.by_address,
            "safe_wait": state.safe_wait,
            "groups": GroupShape(state.groups.values(), many=True).data,
            "machines": MemberShape(state.machines.values(), many=True).data,
            "waiting": WaitingShape(pending_joins(state), many=True).data,
        }
        return Response(found)

    @extend_schema(request=OperationInput, responses={200: OperationShape, 404: Refusal, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Joins and removals are not here: they run on the machine concerned, with its own passphrase."""
        if not settings.GATEFOLD_GUIDED_CLUSTERCONFIG:
            raise Http404
        sent: dict[str, Any] = told(OperationInput, request)
        found = OPERATIONS[sent["operation"]](self.place.state, sent)
        shown = preview(self.place.replica_id, found)
        job = None if sent["dry_run"] else carry_out(self.place.cluster, request.user, found)
        answer = {
            "command": found.command,
            "impact": ImpactShape(shown.impacts, many=True).data,
            "job": None if job is None else JobShape(job).data,
        }
        return Response(answer)
