"""The ways to tell people, by the name that stands in a channel's row."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.alerts.channels.base import Way
from portal.alerts.channels.mail import Mail
from portal.alerts.channels.services import Services
from portal.alerts.channels.webhook import Webhook


class WayName(models.TextChoices):
    """How a channel tells people."""

    MAIL = "mail", _("E-mail")
    WEBHOOK = "webhook", _("Webhook")
    SERVICE = "service", _("Service (Slack, PagerDuty, Telegram …)")


WAYS: dict[str, Way] = {WayName.MAIL: Mail(), WayName.WEBHOOK: Webhook(), WayName.SERVICE: Services()}
ENTERED: dict[str, tuple[str, ...]] = {
    WayName.MAIL: ("recipients",),
    WayName.WEBHOOK: ("url", "signing_key"),
    WayName.SERVICE: ("url",),
}
"""What a person enters for each."""
