"""The shapes of alerts and of who is told of them."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework import serializers

from portal.alerts.channels.ways import WayName
from portal.alerts.kinds import Kind, Severity
from portal.api.listing import OneOf, Query, Words
from portal.api.shapes import Shape

SEVERITIES = [severity.name.lower() for severity in Severity]


class SeverityField(serializers.ChoiceField):
    """`notice`, `warning` or `critical`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=SEVERITIES, **kwargs)

    def to_representation(self, value: Any) -> str:
        return Severity(value).name.lower()

    def to_internal_value(self, data: Any) -> Any:
        return Severity[str(super().to_internal_value(data)).upper()]


class AlertShape(Shape):
    """One incident; it lasts while `closed` is null."""

    number = serializers.IntegerField(source="pk")
    tenant = serializers.CharField(source="tenant.slug")
    cluster = serializers.CharField(
        source="cluster.slug", allow_null=True, default=None, help_text="Null: the portal."
    )
    kind = serializers.ChoiceField(choices=Kind.choices)
    severity = SeverityField()
    serial = serializers.CharField(help_text="Serial number of the machine, or the name of what it is about.")
    name = serializers.CharField()
    reason = serializers.CharField(source="why")
    remedy = serializers.CharField(source="what_to_do")
    opened = serializers.DateTimeField()
    seen = serializers.DateTimeField()
    count = serializers.IntegerField(help_text="How often it has come since it was opened.")
    closed = serializers.DateTimeField(allow_null=True)
    acknowledged = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField(source="acknowledged_by.username", allow_null=True, default=None)
    note = serializers.CharField()


class AlertsOfCluster(Query):
    """Which alerts of a cluster."""

    state = OneOf(["open", "closed", "all"], default="open")
    minimum = OneOf(SEVERITIES, help_text="Severity from which on.")
    kind = OneOf(Kind.choices)
    machine = Words(max_length=100, help_text="Part of a serial number or name.")


class AlertQuery(AlertsOfCluster):
    """Which alerts."""

    cluster = Words(max_length=80, help_text="Name in addresses.")


class AcknowledgeInput(Shape):
    """Who sends this takes care of it."""

    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class WindowInput(Shape):
    """When people work on the cluster, or on one machine of it."""

    serial = serializers.CharField(required=False, allow_blank=True, default="", max_length=64)
    begins = serializers.DateTimeField()
    ends = serializers.DateTimeField()
    reason = serializers.CharField(max_length=200)


class WindowShape(WindowInput):
    """A maintenance window that lasts or is to come."""

    number = serializers.IntegerField(source="pk")
    made_by = serializers.CharField(source="made_by.username", allow_null=True, default=None)


class ChannelInput(Shape):
    """A way to tell people. `recipients` for mail; `url` for webhooks and services, never shown again."""

    tenant = serializers.CharField(help_text="Short name of a tenant that you administer.")
    name = serializers.CharField(max_length=100)
    way = serializers.ChoiceField(choices=WayName.choices)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, default="en")
    enabled = serializers.BooleanField(default=True)
    recipients = serializers.CharField(required=False, write_only=True, max_length=2000)
    url = serializers.CharField(required=False, write_only=True, max_length=2000)
    signing_key = serializers.CharField(required=False, write_only=True, max_length=200)


class ChannelChange(Shape):
    """What of a channel is to be another; what is left out stays as it is."""

    name = serializers.CharField(required=False, max_length=100)
    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False)
    enabled = serializers.BooleanField(required=False)
    recipients = serializers.CharField(required=False, write_only=True, max_length=2000)
    url = serializers.CharField(required=False, write_only=True, max_length=2000)
    signing_key = serializers.CharField(required=False, write_only=True, max_length=200)


class ChannelShape(Shape):
    """A channel; `shown` is all that is said of where it leads."""

    number = serializers.IntegerField(source="pk")
    tenant = serializers.CharField(source="tenant.slug")
    name = serializers.CharField()
    way = serializers.ChoiceField(choices=WayName.choices)
    language = serializers.CharField()
    enabled = serializers.BooleanField()
    shown = serializers.CharField()


class MadeChannel(ChannelShape):
    """A new channel, with the signing key of a webhook, which is shown this once."""

    signing_key = serializers.CharField(allow_blank=True)


class SubscriptionInput(Shape):
    """What a channel is told of."""

    channel = serializers.IntegerField(min_value=1, max_value=2**62)
    cluster = serializers.CharField(required=False, allow_null=True, default=None, help_text="Null: all.")
    minimum = SeverityField(default=Severity.WARNING)
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=Kind.choices), default=list)
    reminders = serializers.BooleanField(default=True)
    recovery = serializers.BooleanField(default=True)


class SubscriptionShape(Shape):
    """A subscription."""

    number = serializers.IntegerField(source="pk")
    channel = serializers.IntegerField(source="channel_id")
    cluster = serializers.CharField(source="cluster.slug", allow_null=True, default=None)
    minimum = SeverityField()
    kinds = serializers.ListField(child=serializers.CharField())
    reminders = serializers.BooleanField()
    recovery = serializers.BooleanField()


class DigestInput(Shape):
    """When a channel gets the daily digest."""

    channel = serializers.IntegerField(min_value=1, max_value=2**62)
    hour = serializers.IntegerField(min_value=0, max_value=23, default=8)
    zone = serializers.CharField(default="UTC", max_length=64, help_text="Such as Asia/Tokyo.")

    def validate_zone(self, value: str) -> str:
        if value not in zoneinfo.available_timezones():
            raise serializers.ValidationError(_("Enter a time zone such as Asia/Tokyo or Europe/Berlin."))
        return value


class DigestShape(Shape):
    """A daily digest."""

    number = serializers.IntegerField(source="pk")
    channel = serializers.IntegerField(source="channel_id")
    hour = serializers.IntegerField()
    zone = serializers.CharField()
    last = serializers.DateField(allow_null=True)


class DeliveryShape(Shape):
    """What was, or is to be, sent."""

    number = serializers.IntegerField(source="pk")
    channel = serializers.IntegerField(source="channel_id")
    alert = serializers.IntegerField(source="alert_id", allow_null=True)
    title = serializers.CharField()
    state = serializers.CharField()
    tries = serializers.IntegerField()
    created = serializers.DateTimeField()
    ended = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()
