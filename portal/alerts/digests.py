"""Once a day: what is still wrong, in one message."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from portal.alerts import deliveries
from portal.alerts.channels.base import Message
from portal.alerts.incidents import Alert
from portal.alerts.kinds import Severity
from portal.alerts.notices import address
from portal.alerts.routing import Digest
from portal.tenants import Tenant

MOST = 100


def send_due(now: datetime) -> list[int]:
    """Queue the digests whose hour has come, each once a day; none for a quiet tenant. Returns deliveries."""
    found = Digest.everything.filter(channel__enabled=True).select_related("channel", "tenant")
    queued = [_send(digest, now) for digest in found if digest.local(now).hour >= digest.hour]
    return [number for number in queued if number is not None]


@transaction.atomic
def _send(digest: Digest, now: datetime) -> int | None:
    today = digest.local(now).date()
    fresh = Digest.everything.filter(Q(last=None) | Q(last__lt=today), pk=digest.pk)
    if not fresh.update(last=today):
        return None
    said = message(digest.tenant, digest.channel.language, now)
    return None if said is None else deliveries.queue(digest.channel, said, now).pk


def message(tenant: Tenant, language: str, now: datetime) -> Message | None:
    """What is still wrong, the worst first; None when nothing but notices is open."""
    wrong = Alert.objects.of(tenant).filter(closed=None, severity__gt=Severity.NOTICE)
    rows = list(wrong.select_related("cluster__replica").order_by("-severity", "opened")[:MOST])
    if not rows:
        return None
    with override(language):
        title = ngettext(
            "%(tenant)s: %(n)d incident lasts", "%(tenant)s: %(n)d incidents last", len(rows)
        ) % {"tenant": tenant.name, "n": len(rows)}
        body = "\n\n".join(_line(alert, now) for alert in rows)
        return Message(
            title, body, {"event": "digest", "tenant": tenant.slug, "alerts": [a.pk for a in rows]}
        )


def _line(alert: Alert, now: datetime) -> str:
    severity = str(Severity(alert.severity).label)
    where = f" ({alert.cluster})" if alert.cluster else ""
    age = _("for %(age)s") % {"age": timesince(alert.opened, now, depth=1)}
    taken = _(", acknowledged by %(who)s") % {"who": alert.acknowledged_by} if alert.acknowledged else ""
    return f"[{severity}] {alert}{where}, {age}{taken}\n{address(alert)}"
