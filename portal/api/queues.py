"""Queues of a cluster over all its machines, and suspending mail."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from appliances.postfix.queue import QUEUES
from appliances.postfix.selecting import TERMS
from portal.api.base import ClusterView, told
from portal.api.clusters import MachineQuery, sieve_of
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import OneOf, Query, Words, asked, lists, page_of
from portal.api.shapes import Document, JobShape, Shape
from portal.machines import queues, suspension
from portal.machines.queues import FOR_EVER, VERBS, Choice
from portal.machines.suspend_job import WORDS
from portal.place import Place
from portal.tenants import Right


class NotAgreed(APIException):
    """What cannot be undone, or stops mail, wants `agreed`."""

    status_code = status.HTTP_409_CONFLICT


class RecipientShape(Shape):
    """A recipient that still waits, and why."""

    address = serializers.CharField()
    reason = serializers.CharField()


class MessageShape(Shape):
    """A queued message and the machine that holds it."""

    serial = serializers.CharField()
    machine = serializers.CharField()
    id = serializers.CharField()
    state = serializers.CharField()
    arrived = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField(help_text="Bytes.")
    sender = serializers.CharField(help_text="Empty for a bounce.")
    recipients = RecipientShape(many=True)
    more = serializers.IntegerField(help_text="Recipients beyond those listed.")


class MachineQueueShape(Shape):
    """What one machine says of its queue."""

    serial = serializers.CharField(source="heard.serial")
    name = serializers.CharField(source="heard.name")
    connection = serializers.CharField(source="heard.machine.connection")
    waiting = serializers.IntegerField(allow_null=True)
    counts = Document(help_text="By queue; empty before the machine has answered.")
    oldest = serializers.DateTimeField(allow_null=True)
    matching = serializers.IntegerField(allow_null=True)
    suspended = Document(help_text="Listeners and deliveries that are suspended; empty where mail flows.")
    waits = serializers.BooleanField(source="heard.waits", help_text="An answer is still to come.")
    as_of = serializers.DateTimeField(source="heard.as_of", allow_null=True)
    trouble = serializers.CharField(source="heard.trouble", help_text="Why there is no fresh answer.")


class QueuesShape(Shape):
    """How many machines have answered so far; call again while `waits`. The lists below have the answers."""

    waits = serializers.BooleanField()
    asked = serializers.IntegerField(help_text="Machines of which an answer is here or awaited.")
    answered = serializers.IntegerField()
    matching = serializers.IntegerField(help_text="Messages that match, on all machines.")


class Terms(Shape):
    """A search that is put to the machines; texts match anywhere, an empty word searches for nothing."""

    sender = Words()
    recipient = Words()
    host = Words(help_text="The whole domain of a recipient.")
    id = Words(help_text="Queue ids, separated by commas.")
    reason = Words()
    state = OneOf(list(QUEUES))
    older = serializers.IntegerField(
        min_value=0, max_value=10**9 - 1, default=None, allow_null=True, help_text="Seconds."
    )


class HeldQuery(Terms, MachineQuery):
    """Which machines, and for which messages `matching` counts."""


class MessageQuery(Terms, Query):
    """Which messages."""


class ChosenShape(Shape):
    """A message on its machine."""

    serial = serializers.CharField(max_length=64)
    id = serializers.CharField(max_length=24)


class WorkInput(Shape):
    """What to do, with which messages: named ones, or all that match `terms` on these machines or on all."""

    verb = serializers.ChoiceField(list(VERBS))
    messages = ChosenShape(many=True, required=False)
    terms = serializers.DictField(child=serializers.CharField(max_length=200), required=False)
    machines = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    agreed = serializers.BooleanField(default=False, help_text="Needed to delete and to bounce.")


class SuspensionInput(Shape):
    """What to suspend or resume, on which machines."""

    do = serializers.ChoiceField(list(WORDS))
    machines = serializers.ListField(child=serializers.CharField(max_length=64))
    agreed = serializers.BooleanField(default=False, help_text="Needed for what stops mail.")


class Queues(ClusterView):
    """The queues of all machines (GUI-03). Each GET asks the machines; the answer has what came so far."""

    rights: ClassVar = {"GET": Right.SEE_STATE, "POST": Right.EDIT}

    @extend_schema(responses=QueuesShape, parameters=[Terms])
    def get(self, request: Request, slug: str) -> Response:
        return Response(QueuesShape(_answers(self.place, asked(request, Terms))).data)

    @extend_schema(request=WorkInput, responses={202: JobShape, 409: Refusal, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Try now, hold, release, delete or return messages, by a job."""
        sent = told(WorkInput, request)
        choice = self._choice(sent)
        if sent["verb"] in FOR_EVER and not sent["agreed"]:
            raise NotAgreed(_("This cannot be undone: send `agreed`."))
        job = queues.work(self.place, request.user, sent["verb"], choice)
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)

    def _choice(self, sent: dict[str, Any]) -> Choice:
        if "messages" in sent:
            return queues.chosen(self.place, [f"{m['serial']}:{m['id']}" for m in sent["messages"]])
        if unknown := set(sent.get("terms", ())) - set(TERMS):
            raise queues.NothingChosen(_("There is no term %(name)s.") % {"name": sorted(unknown)[0]})
        if "terms" not in sent:
            raise queues.NothingChosen(_("Say which messages: `messages` or `terms`."))
        return queues.matching(self.place, queues.terms_of(sent["terms"]), sent.get("machines", ()))


class MachineQueues(ClusterView):
    """What each machine says of its queue. Each GET asks the machines, and has what came so far."""

    rights: ClassVar = {"GET": Right.SEE_STATE}

    @lists(MachineQueueShape, HeldQuery, "clusters_queues_machines_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, HeldQuery)
        found = sieve_of(wanted).sift_heard(_answers(self.place, wanted).machines)
        return page_of(request, found, MachineQueueShape, wanted)


class Messages(ClusterView):
    """Messages of all machines, the oldest first. Each GET asks the machines, and has what came so far."""

    rights: ClassVar = {"GET": Right.SEE_SETTINGS}

    @lists(MessageShape, MessageQuery, "clusters_queues_messages_list")
    def get(self, request: Request, slug: str) -> Response:
        """Of each machine at most the oldest two hundred that match."""
        wanted = asked(request, MessageQuery)
        return page_of(request, _answers(self.place, wanted).messages, MessageShape, wanted)


def _answers(place: Place, wanted: dict[str, Any]) -> queues.Queues:
    """Ask, and what has been answered so far; ages are texts for the machines."""
    terms = queues.terms_of({t: "" if wanted[t] is None else wanted[t] for t in TERMS})
    queues.ask(place, terms)
    return queues.look(place, terms)


class Suspension(ClusterView):
    """Whether machines take mail in and deliver it."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(request=SuspensionInput, responses={202: JobShape, 409: Refusal, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Suspend or resume, by a job; the status of each machine shows what holds."""
        sent = told(SuspensionInput, request)
        if sent["do"] in suspension.STOPS_MAIL and not sent["agreed"]:
            raise NotAgreed(_("This stops mail: send `agreed`."))
        job = suspension.tell(self.place, request.user, sent["do"], sent["machines"])
        return Response(JobShape(job).data, status=status.HTTP_202_ACCEPTED)
