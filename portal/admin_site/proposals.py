"""Proposals and the policies that ask for them, in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from clusters.raw_edits import CAREFUL_JSON, NeverWritten, ReadInline
from portal.admin_site.every_tenant import EveryTenant
from portal.proposals.policy import CommitPolicy
from portal.proposals.proposal import Proposal, ProposalLine


@admin.register(CommitPolicy)
class CommitPolicyAdmin(admin.ModelAdmin):
    """What clusters ask of commits; their administrators set it on the page of the cluster."""

    formfield_overrides = CAREFUL_JSON
    list_display = ("cluster", "approval", "zone", "try_first")
    list_select_related = ("cluster__replica",)


class ProposalLineInline(ReadInline):
    model = ProposalLine
    readonly_fields = ("at", "user", "text")


@admin.register(Proposal)
class ProposalAdmin(EveryTenant, NeverWritten, admin.ModelAdmin):
    """Proposals are decided on their pages; here they are read. The changes may hold secrets: not shown."""

    list_display = ("__str__", "tenant", "cluster", "state", "user", "created", "ended")
    list_filter = ("state", "tenant")
    list_select_related = ("tenant", "cluster__replica")
    exclude = ("changes", "tried")
    inlines = (ProposalLineInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """One that is not over holds changes, or machines that try them."""
        return obj is not None and not obj.open and super().has_delete_permission(request, obj)
