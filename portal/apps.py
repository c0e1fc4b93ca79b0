"""The application that people see: tenants, pages, live updates, jobs."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("Portal")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal import celery, signals
        from portal.login import events

        celery.app.set_default()
        # Registered now, with the application that is configured now: rows name their tasks.
        import_module("portal.tasks")
        signals.connect()
        events.connect()
