"""Arranging notifications: channels, subscriptions and digests of the tenants that a person administers.

Each change has its row in the audit log, in one transaction (TRL-25); what is secret of a channel never is.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from appliances.following.couriers import send
from portal.alerts import deliveries
from portal.alerts.channels.base import Message
from portal.alerts.deliveries import Delivery
from portal.alerts.routing import Channel, Digest, Subscription
from portal.audit.log import Action, record
from portal.tenants import Right, tenants_with

Arranged = Channel | Subscription | Digest


@transaction.atomic
def keep(who: Any, row: Arranged) -> None:
    """Save a row that was made or changed; raises PermissionDenied.

    What it leads to is what `Channel.enter` has taken, which judges it.
    """
    _require(who, row)
    change = "changed" if row.pk else "added"
    row.save()
    _noted(who, row, change)


@transaction.atomic
def remove(who: Any, row: Arranged) -> None:
    """Remove it, a channel with its subscriptions and digests; raises PermissionDenied."""
    _require(who, row)
    _noted(who, row, "removed")
    row.delete()


@transaction.atomic
def send_test(who: Any, channel: Channel) -> Delivery:
    """Queue a test message, and a courier for it; raises PermissionDenied."""
    from portal.alerts import tasks  # registers with Celery, which must be configured first

    _require(who, channel)
    words = {"portal": "Gatefold", "who": who.user.get_full_name() or who.user.get_username()}
    with override(channel.language):
        text = _("%(who)s sent this from %(portal)s to see whether it arrives.") % words
        said = Message(_("Test from Gatefold"), text, {"event": "test", "tenant": channel.tenant.slug})
    row = deliveries.queue(channel, said, timezone.now())
    _noted(who, channel, "tested")
    transaction.on_commit(lambda: send(tasks.deliver, row.pk))
    return row


def _require(who: Any, row: Arranged) -> None:
    if not tenants_with(who.user, Right.ADMINISTER).filter(pk=row.tenant_id).exists():
        raise PermissionDenied


def _noted(who: Any, row: Arranged, change: str) -> None:
    record(who, Action.NOTIFICATION, row, row.tenant, change=change, kind=row._meta.model_name)
