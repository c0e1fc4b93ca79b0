"""The portal's own rows in the admin site."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin

from clusters.raw_edits import NeverAdded, NeverWritten, ReadInline, ReadOnly
from portal.admin_site import alerts as alerts_admin
from portal.admin_site import proposals as proposals_admin
from portal.admin_site.every_tenant import EveryTenant
from portal.audit.log import AuditRow
from portal.checks.rows import Check, Finding
from portal.config_files.backups import Backup
from portal.jobs.rows import Job, JobLine, JobPart
from portal.lint.advice import Dismissal
from portal.people.invitations import Invitation
from portal.people.tokens import ApiToken
from portal.tenants import ClusterRole, ManagedCluster, Member, Tenant

__all__ = ["alerts_admin", "proposals_admin"]  # registered by being imported

# Providers come from the environment, and what these tables would hold is secret or unused here.
for unused in (Authenticator, EmailAddress, SocialApp, SocialToken, UserSession):
    admin.site.unregister(unused)


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
class ManagedClusterAdmin(EveryTenant, NeverAdded, admin.ModelAdmin):
    """A cluster comes by adoption; here its tenant and its name in addresses can be changed."""

    list_display = ("replica", "tenant", "slug", "state", "adopted")
    list_filter = ("tenant", "state")
    list_select_related = ("replica", "tenant")
    readonly_fields = ("replica", "adopted")


class JobLineInline(ReadInline):
    model = JobLine
    readonly_fields = ("at", "text")


class JobPartInline(ReadInline):
    model = JobPart
    readonly_fields = ("order", "serial", "name", "state", "step", "percent", "message")


@admin.register(Job)
class JobAdmin(EveryTenant, NeverWritten, admin.ModelAdmin):
    """Jobs are started and cancelled on their pages; here they are read and cleared away."""

    list_display = ("__str__", "tenant", "cluster", "state", "started_by", "created", "ended")
    list_filter = ("state", "kind", "tenant")
    list_select_related = ("tenant", "cluster__replica", "started_by")
    inlines = (JobPartInline, JobLineInline)


class FindingInline(ReadInline):
    """What a check has found; the versions are sealed and stand on its page alone."""

    model = Finding
    fields = readonly_fields = ("address", "behind", "resolution", "resolved_by", "resolved")


@admin.register(Check)
class CheckAdmin(NeverWritten, admin.ModelAdmin):
    """Checks are started and resolved on their page; here they are read and cleared away."""

    list_display = ("cluster", "at", "started_by")
    list_filter = ("cluster",)
    list_select_related = ("cluster__replica", "started_by")
    inlines = (FindingInline,)


@admin.register(Dismissal)
class DismissalAdmin(NeverWritten, admin.ModelAdmin):
    """Advice that people have put aside; deleting a row brings it back."""

    list_display = ("rule", "cluster", "reason", "by", "at")
    list_filter = ("rule", "cluster")
    list_select_related = ("cluster__replica",)


@admin.register(AuditRow)
class AuditRowAdmin(ReadOnly, admin.ModelAdmin):
    """Append-only: the chain is checked by `gatefold portal verify_audit`."""

    list_display = ("number", "at", "actor", "action", "target", "tenant", "outcome", "address")
    list_filter = ("action", "outcome", "tenant")
    search_fields = ("actor", "target", "address")
    list_select_related = ("tenant",)


@admin.register(Authenticator)
class AuthenticatorAdmin(NeverWritten, admin.ModelAdmin):
    """Second factors: for a person who has lost all of them they are taken away here, and never shown."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    exclude = ("data",)


@admin.register(ClusterRole)
class ClusterRoleAdmin(admin.ModelAdmin):
    """A member's role in one cluster."""

    list_display = ("member", "cluster", "role")
    list_select_related = ("member__user", "member__tenant", "cluster__replica")
    list_filter = ("role",)


@admin.register(Invitation)
class InvitationAdmin(NeverWritten, admin.ModelAdmin):
    """Invitations are made by administrators of tenants; here they are read and taken away."""

    list_display = ("email", "tenant", "role", "invited_by", "created", "expires", "used")
    list_select_related = ("tenant",)


@admin.register(ApiToken)
class ApiTokenAdmin(NeverWritten, admin.ModelAdmin):
    """Tokens are made by their persons; here they are revoked."""

    list_display = ("name", "user", "read_only", "tenant", "created", "expires", "used")
    list_select_related = ("user", "tenant")


@admin.register(Backup)
class BackupAdmin(NeverWritten, admin.ModelAdmin):
    """Versions of configurations; what they hold is seen on the cluster's own pages."""

    list_display = ("__str__", "made", "same", "why", "by")
    list_filter = ("cluster", "why")
    list_select_related = ("cluster__replica", "by")
    exclude = ("text",)
