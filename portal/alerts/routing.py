"""Who wants to be told of what: channels, subscriptions and digests of a tenant."""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clusters.sealed_columns import SealedTextField
from portal.alerts.channels.base import Message
from portal.alerts.channels.ways import WAYS, WayName
from portal.alerts.incidents import Alert
from portal.alerts.kinds import Kind, Severity
from portal.tenants import ManagedCluster, Tenant, TenantManager


class Channel(models.Model):
    """One way to tell people. What was entered rests sealed; `shown` is what pages and the API say of it."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=100)
    way = models.CharField(_("way"), max_length=16, choices=WayName.choices)
    kept = SealedTextField(editable=False)
    shown = models.CharField(_("leads to"), max_length=2000, editable=False)
    language = models.CharField(_("language"), max_length=8, choices=settings.LANGUAGES, default="en")
    enabled = models.BooleanField(_("in use"), default=True)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering: ClassVar[list[str]] = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def enter(self, entered: Mapping[str, str]) -> dict[str, str]:
        """Take what a person entered and return what is kept, this once; raises BadChannel. Saves nothing."""
        kept = WAYS[self.way].checked(entered)
        self.kept, self.shown = json.dumps(kept), WAYS[self.way].shown(kept)[:2000]
        return kept

    def send(self, message: Message) -> None:
        """Deliver at once; raises ChannelError."""
        WAYS[self.way].send(json.loads(self.kept), message)


class Subscription(models.Model):
    """A channel that is told of incidents. Without a cluster it is told of all of the tenant."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    channel = models.ForeignKey(
        Channel, models.CASCADE, related_name="subscriptions", verbose_name=_("channel")
    )
    cluster = models.ForeignKey(
        ManagedCluster, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("cluster")
    )
    minimum = models.PositiveSmallIntegerField(
        _("at least"), choices=Severity.choices, default=Severity.WARNING
    )
    kinds = models.JSONField(_("kinds"), default=list, blank=True, help_text=_("None: all."))
    reminders = models.BooleanField(_("again while it lasts"), default=True)
    recovery = models.BooleanField(_("also when it is over"), default=True)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return f"{self.channel} · {self.cluster or self.tenant}"

    @property
    def kind_labels(self) -> list[str]:
        """The kinds in the reader's language."""
        return [str(Kind(kind).label) for kind in self.kinds if kind in Kind.values]


def check_zone(name: str) -> None:
    """Raises ValidationError for what is no time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(gettext("Enter a time zone such as Asia/Tokyo or Europe/Berlin."))


class Digest(models.Model):
    """Once a day over one channel: what is still wrong. `last` is the day of the last one, in its zone."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="digests", verbose_name=_("channel"))
    hour = models.PositiveSmallIntegerField(_("hour"), default=8, validators=[MaxValueValidator(23)])
    zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[check_zone])
    last = models.DateField(_("last"), null=True, blank=True, editable=False)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("daily digest")
        verbose_name_plural = _("daily digests")
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return f"{self.channel} · {self.hour:02}:00 {self.zone}"

    def local(self, now: datetime) -> datetime:
        """That moment on the clock of the digest."""
        return now.astimezone(zoneinfo.ZoneInfo(self.zone))


def told_of(alert: Alert, *, again: bool, over: bool) -> list[Channel]:
    """The channels that want this notice, each once. The portal's own incidents concern every subscriber."""
    found: Any = Subscription.everything.filter(
        tenant=alert.tenant_id, channel__enabled=True, minimum__lte=alert.severity
    ).select_related("channel")
    if alert.cluster_id is not None:
        found = found.filter(Q(cluster=None) | Q(cluster=alert.cluster_id))
    if again:
        found = found.filter(reminders=True)
    if over:
        found = found.filter(recovery=True)
    wanted = {each.channel_id: each.channel for each in found if not each.kinds or alert.kind in each.kinds}
    return list(wanted.values())
