"""The portal's own rows in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.advice import Dismissal
from portal.checks import Check, Finding
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


class FindingInline(admin.TabularInline):
    """What a check has found; the versions are sealed and stand on its page alone."""

    model = Finding
    extra = 0
    can_delete = False
    fields = readonly_fields = ("address", "behind", "resolution", "resolved_by", "resolved")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Check)
class CheckAdmin(admin.ModelAdmin):
    """Checks are started and resolved on their page; here they are read and cleared away."""

    list_display = ("cluster", "at", "started_by")
    list_filter = ("cluster",)
    list_select_related = ("cluster__replica", "started_by")
    inlines = (FindingInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Dismissal)
class DismissalAdmin(admin.ModelAdmin):
    """Advice that people have put aside; deleting a row brings it back."""

    list_display = ("rule", "cluster", "reason", "by", "at")
    list_filter = ("rule", "cluster")
    list_select_related = ("cluster__replica",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
