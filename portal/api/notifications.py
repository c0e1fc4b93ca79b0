"""Channels, subscriptions, digests and deliveries of the tenants that the caller administers."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.alerts.administering import administered
from portal.alerts.arranging import keep, remove, send_test
from portal.alerts.channels.base import BadChannel
from portal.alerts.deliveries import Delivery
from portal.alerts.routing import Channel, Digest, Subscription
from portal.api.alert_shapes import (
    ChannelChange,
    ChannelInput,
    ChannelShape,
    DeliveryShape,
    DigestInput,
    DigestShape,
    MadeChannel,
    SubscriptionInput,
    SubscriptionShape,
)
from portal.api.base import told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import OneOf, Query, asked, lists, page_of
from portal.tenants import ManagedCluster

GONE = ["delete", "head", "options"]


class OfChannel(Query):
    """Of which channel."""

    channel = serializers.IntegerField(min_value=1, max_value=2**62, default=None, allow_null=True)


class DeliveryQuery(OfChannel):
    """Which deliveries."""

    alert = serializers.IntegerField(min_value=1, max_value=2**62, default=None, allow_null=True)
    state = OneOf(Delivery.State.choices)


class Administered(APIView):
    """A view of what administrators alone see; others are told so (403), foreign rows are not found."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.tenants = administered(request.user)

    def row(self, model: Any, number: int) -> Any:
        """The row of one of the caller's tenants; Http404."""
        found = model.objects.among(self.tenants).filter(pk=number).first()
        if found is None:
            raise Http404
        return found

    def channel(self, number: int) -> Channel:
        """The channel that was sent; raises ValidationError."""
        found = Channel.objects.among(self.tenants).filter(pk=number).first()
        if found is None:
            raise ValidationError({"channel": _("There is no such channel.")})
        return found


def _secrets(entered: dict[str, Any]) -> dict[str, str]:
    return {name: entered.pop(name) for name in ("recipients", "url", "signing_key") if name in entered}


def _enter(channel: Channel, secrets: dict[str, str]) -> dict[str, str]:
    try:
        return channel.enter(secrets)
    except BadChannel as error:
        raise ValidationError({error.field: str(error)}) from None


class Channels(Administered):
    """Ways to tell people."""

    @lists(ChannelShape, operation_id="notifications_channels_list")
    def get(self, request: Request) -> Response:
        found = Channel.objects.among(self.tenants).select_related("tenant")
        return page_of(request, found, ChannelShape, asked(request))

    # Not `once`: the answer holds the signing key, and answers of keyed requests are kept.
    @extend_schema(request=ChannelInput, responses={201: MadeChannel, 400: Refusal})
    def post(self, request: Request) -> Response:
        entered = told(ChannelInput, request)
        tenant = self.tenants.filter(slug=entered.pop("tenant")).first()
        if tenant is None:
            raise ValidationError({"tenant": _("There is no such tenant.")})
        secrets = _secrets(entered)
        made = Channel(tenant=tenant, **entered)
        kept = _enter(made, secrets)
        keep(request, made)
        key = "" if "signing_key" in secrets else kept.get("signing_key", "")
        return Response({**ChannelShape(made).data, "signing_key": key}, status=status.HTTP_201_CREATED)


class OneChannel(Administered):
    """One channel."""

    @extend_schema(responses=ChannelShape)
    def get(self, request: Request, number: int) -> Response:
        return Response(ChannelShape(self.row(Channel, number)).data)

    @extend_schema(request=ChannelChange, responses={200: ChannelShape, 400: Refusal})
    def patch(self, request: Request, number: int) -> Response:
        """Changes it. Where it leads is entered as a whole: a webhook's address with its signing key."""
        one, entered = self.row(Channel, number), told(ChannelChange, request)
        secrets = _secrets(entered)
        if secrets:
            _enter(one, secrets)
        for name, value in entered.items():
            setattr(one, name, value)
        keep(request, one)
        return Response(ChannelShape(one).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Removes it with its subscriptions."""
        remove(request, self.row(Channel, number))
        return Response(status=status.HTTP_204_NO_CONTENT)


class TestChannel(Administered):
    """Sends a test message; the delivery tells what becomes of it."""

    @extend_schema(request=None, responses={202: DeliveryShape})
    @once
    def post(self, request: Request, number: int) -> Response:
        made = send_test(request, self.row(Channel, number))
        return Response(DeliveryShape(made).data, status=status.HTTP_202_ACCEPTED)


class Subscriptions(Administered):
    """What channels are told of."""

    @lists(SubscriptionShape, OfChannel, "notifications_subscriptions_list")
    def get(self, request: Request) -> Response:
        wanted = asked(request, OfChannel)
        found = _narrowed(Subscription.objects.among(self.tenants).select_related("cluster"), wanted)
        return page_of(request, found, SubscriptionShape, wanted)

    @extend_schema(request=SubscriptionInput, responses={201: SubscriptionShape, 400: Refusal})
    @once
    def post(self, request: Request) -> Response:
        entered = told(SubscriptionInput, request)
        channel, slug = self.channel(entered.pop("channel")), entered.pop("cluster")
        cluster = ManagedCluster.objects.of(channel.tenant).filter(slug=slug).first() if slug else None
        if slug and cluster is None:
            raise ValidationError({"cluster": _("The tenant of the channel has no such cluster.")})
        made = Subscription(tenant=channel.tenant, channel=channel, cluster=cluster, **entered)
        keep(request, made)
        return Response(SubscriptionShape(made).data, status=status.HTTP_201_CREATED)


class OneSubscription(Administered):
    """One subscription."""

    http_method_names = GONE

    @extend_schema(responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Removes it."""
        remove(request, self.row(Subscription, number))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Digests(Administered):
    """Daily digests of what is still wrong."""

    @lists(DigestShape, OfChannel, "notifications_digests_list")
    def get(self, request: Request) -> Response:
        wanted = asked(request, OfChannel)
        return page_of(request, _narrowed(Digest.objects.among(self.tenants), wanted), DigestShape, wanted)

    @extend_schema(request=DigestInput, responses={201: DigestShape, 400: Refusal})
    @once
    def post(self, request: Request) -> Response:
        entered = told(DigestInput, request)
        channel = self.channel(entered.pop("channel"))
        made = Digest(tenant=channel.tenant, channel=channel, **entered)
        keep(request, made)
        return Response(DigestShape(made).data, status=status.HTTP_201_CREATED)


class OneDigest(Administered):
    """One daily digest."""

    http_method_names = GONE

    @extend_schema(responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Removes it."""
        remove(request, self.row(Digest, number))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Deliveries(Administered):
    """What was sent, the latest first."""

    @lists(DeliveryShape, DeliveryQuery, "notifications_deliveries_list")
    def get(self, request: Request) -> Response:
        wanted = asked(request, DeliveryQuery)
        found = _narrowed(Delivery.objects.among(self.tenants), wanted, "channel", "alert", "state")
        return page_of(request, found, DeliveryShape, wanted)


def _narrowed(rows: Any, wanted: dict[str, Any], *names: str) -> Any:
    return rows.filter(**{name: wanted[name] for name in names or ("channel",) if wanted[name]})
