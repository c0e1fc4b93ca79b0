"""Alerts, channels and all that belongs to them, in the admin site."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from clusters.raw_edits import NeverWritten
from portal.admin_site.every_tenant import EveryTenant
from portal.alerts.deliveries import Delivery
from portal.alerts.incidents import Alert
from portal.alerts.routing import Channel, Digest, Subscription
from portal.alerts.windows import MaintenanceWindow


class Recorded(EveryTenant, NeverWritten, admin.ModelAdmin):
    """Rows of alerts are made and changed on their pages; here they are read and cleared away."""

    list_select_related: ClassVar[tuple[str, ...]] = ("tenant",)


@admin.register(Alert)
class AlertAdmin(Recorded):
    list_display = (
        "__str__",
        "tenant",
        "cluster",
        "severity",
        "opened",
        "closed",
        "count",
        "acknowledged_by",
    )
    list_filter = ("severity", "kind", "tenant")
    list_select_related = ("tenant", "cluster__replica", "acknowledged_by")


@admin.register(Delivery)
class DeliveryAdmin(Recorded):
    list_display = ("title", "tenant", "channel", "state", "tries", "created", "ended")
    list_filter = ("state", "tenant")
    list_select_related = ("tenant", "channel")


@admin.register(Channel)
class ChannelAdmin(Recorded):
    """What is sealed in it is shown to nobody."""

    list_display = ("name", "tenant", "way", "shown", "enabled")
    exclude = ("kept",)


@admin.register(Subscription)
class SubscriptionAdmin(Recorded):
    list_display = ("channel", "tenant", "cluster", "minimum")
    list_select_related = ("tenant", "channel", "cluster__replica")


@admin.register(Digest)
class DigestAdmin(Recorded):
    list_display = ("channel", "tenant", "hour", "zone", "last")
    list_select_related = ("tenant", "channel")


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(Recorded):
    list_display = ("reason", "tenant", "cluster", "serial", "begins", "ends", "made_by")
    list_select_related = ("tenant", "cluster__replica", "made_by")
