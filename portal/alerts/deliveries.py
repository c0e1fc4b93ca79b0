"""Deliveries: what is to go out, as rows that couriers carry out; what fails is put away and never loops."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from clusters.phrases import Text, phrase
from portal.alerts.channels.base import Message, Passing, Permanent
from portal.alerts.incidents import Alert
from portal.alerts.routing import Channel
from portal.phrases import PhraseField, words_of
from portal.tenants import Tenant, TenantManager

logger = logging.getLogger(__name__)

TRIES = 3
PAUSES = (timedelta(seconds=10), timedelta(minutes=2))
LOST_AFTER = timedelta(minutes=3)
KEPT = timedelta(days=30)


class Delivery(models.Model):
    """One message over one channel. A courier may come twice or late: only who claims the row sends it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="deliveries")
    alert = models.ForeignKey(Alert, models.SET_NULL, null=True, blank=True, related_name="deliveries")
    title = models.CharField(_("title"), max_length=500)
    body = models.TextField(_("text"))
    data = models.JSONField(default=dict, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    created = models.DateTimeField(_("created"))
    due = models.DateTimeField(_("next try"))
    ended = models.DateTimeField(_("ended"), null=True, blank=True)
    error = PhraseField(_("error"), blank=True)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["state", "due"])]

    def __str__(self) -> str:
        return self.title

    @property
    def ident(self) -> str:
        """What stays the same over all tries, for receivers that want nothing twice."""
        return f"gatefold-{self.pk}"


def queue(channel: Channel, message: Message, now: datetime, alert: Alert | None = None) -> Delivery:
    """Write a delivery down; a courier or the sweep takes it from there."""
    words = {"title": message.title[:500], "body": message.body, "data": dict(message.data)}
    return Delivery.everything.create(
        tenant_id=channel.tenant_id, channel=channel, alert=alert, created=now, due=now, **words
    )


def waiting(now: datetime) -> list[int]:
    """What is due, the oldest first."""
    found = Delivery.everything.filter(state=Delivery.State.WAITING, due__lte=now)
    return list(found.order_by("due", "pk").values_list("pk", flat=True)[:200])


def deliver(number: int, now: datetime) -> datetime | None:
    """Send one that is due, if nobody else does; returns when it is to be tried again.

    The try is counted before it begins, so that a row which ends its courier is not tried for ever.
    """
    due = Delivery.everything.filter(pk=number, state=Delivery.State.WAITING, due__lte=now)
    if not due.update(state=Delivery.State.SENDING, tries=F("tries") + 1, due=now + LOST_AFTER):
        return None
    row = Delivery.everything.select_related("channel").get(pk=number)
    try:
        row.channel.send(Message(row.title, row.body, row.data, row.ident))
    except Permanent as error:
        return _failed(row, words_of(error), now, again=False)
    except Passing as error:
        return _failed(row, words_of(error), now, again=True)
    except Exception as error:
        # Not the text of it: what a foreign library raises may hold the address, which is a secret.
        logger.error("delivery %s failed with %s", number, type(error).__name__)
        return _failed(row, type(error).__name__, now, again=True)
    _write(row, state=Delivery.State.SENT, ended=now, error="")
    return None


def _failed(row: Delivery, why: Text, now: datetime, *, again: bool) -> datetime | None:
    if not again or row.tries >= TRIES:
        _write(row, state=Delivery.State.FAILED, ended=now, error=why)
        return None
    due = now + PAUSES[min(row.tries, len(PAUSES)) - 1]
    _write(row, state=Delivery.State.WAITING, due=due, error=why)
    return due


def _write(row: Delivery, **columns: object) -> None:
    Delivery.everything.filter(pk=row.pk, state=Delivery.State.SENDING, tries=row.tries).update(**columns)


def recover(now: datetime) -> None:
    """Take back what a courier lost on its way, put away what was lost too often, forget what is old."""
    lost = Delivery.everything.filter(state=Delivery.State.SENDING, due__lte=now)
    why = phrase(gettext_noop("The worker ended while it was sent."))
    lost.filter(tries__gte=TRIES).update(state=Delivery.State.FAILED, ended=now, error=why)
    lost.filter(tries__lt=TRIES).update(state=Delivery.State.WAITING, error=why)
    over = Q(state__in=[Delivery.State.SENT, Delivery.State.FAILED])
    Delivery.everything.filter(over, created__lt=now - KEPT).delete()
