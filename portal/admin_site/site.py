"""The admin site: raw edits for those who run the portal itself, never for a tenant's people."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class GatefoldAdminConfig(AdminConfig):
    default_site = "portal.admin_site.site.GatefoldAdmin"

    def ready(self) -> None:
        super().ready()
        # After the others' tables: what of them must not be seen here is taken out again.
        import_module("portal.admin_site.tables")


class GatefoldAdmin(admin.AdminSite):
    """Only superusers: rows of every tenant stand here side by side."""

    site_header = _("Gatefold administration")
    site_title = _("Gatefold")
    index_title = _("Everything that the portal keeps")

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The portal's own login with its second factor; no door beside it."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect(f"{reverse('account_login')}?next={reverse('admin:index')}")
