"""The portal's own rows in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.alerts.deliveries import Delivery
from portal.alerts.incidents import Alert
from portal.alerts.routing import Channel, Digest, Subscription
from portal.alerts.windows import MaintenanceWindow
from portal.jobs import Job, JobLine
from portal.tenants import ManagedCluster, Member, Tenant


class MemberInline(admin.TabularInline):
    model = Member
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Tenant)
class TenantAdmin(admin.ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (MemberInline,)


@admin.register(ManagedCluster)
class ManagedClusterAdmin(admin.ModelAdmin):
    """A cluster comes by adoption; here its tenant and its name in addresses can be changed."""

    list_display = ("replica", "tenant", "slug", "state", "adopted")
    list_filter = ("tenant", "state")
    list_select_related = ("replica", "tenant")
    readonly_fields = ("replica", "adopted")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return ManagedCluster.everything.all()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class JobLineInline(admin.TabularInline):
    model = JobLine
    extra = 0
    can_delete = False
    readonly_fields = ("at", "text")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    """Jobs are started and cancelled on their pages; here they are read and cleared away."""

    list_display = ("__str__", "tenant", "cluster", "state", "started_by", "created", "ended")
    list_filter = ("state", "kind", "tenant")
    list_select_related = ("tenant", "cluster__replica", "started_by")
    inlines = (JobLineInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Job.everything.all()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Recorded(admin.ModelAdmin):
    """Rows of alerts are made and changed on their pages; here they are read and cleared away."""

    list_select_related = ("tenant",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.model.everything.all()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
    exclude = ("sealed",)


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
