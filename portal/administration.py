"""The admin site: raw edits for those who run the portal itself, never for a tenant's people."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class GatefoldAdminConfig(AdminConfig):
    default_site = "portal.administration.GatefoldAdmin"


class GatefoldAdmin(admin.AdminSite):
    """Only superusers: rows of every tenant stand here side by side."""

    site_header = _("Gatefold administration")
    site_title = _("Gatefold")
    index_title = _("Everything that the portal keeps")

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)
