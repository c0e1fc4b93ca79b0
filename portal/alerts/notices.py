"""What is due to be told of incidents becomes deliveries, in one transaction with the note that it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from portal.alerts import deliveries, windows
from portal.alerts.channels.base import Message
from portal.alerts.incidents import Alert
from portal.alerts.kinds import Severity
from portal.alerts.pacing import FLAPS, reminder_gap
from portal.alerts.routing import told_of

MOST = 500


def due(now: datetime) -> list[Alert]:
    """The incidents of which people are to be told by now."""
    found = Alert.everything.filter(next_notice__lte=now).select_related("tenant", "cluster__replica")
    return list(found.order_by("next_notice", "pk")[:MOST])


def next_due() -> datetime | None:
    """When the next notice is due."""
    waiting = Alert.everything.exclude(next_notice=None).order_by("next_notice")
    return waiting.values_list("next_notice", flat=True).first()


def tell(alert: Alert, now: datetime) -> list[int]:
    """Queue the deliveries of one incident that is due; safe to call twice: only one caller tells it."""
    quiet_until = windows.silence(alert, now)
    if quiet_until is not None:
        _claim(alert, next_notice=quiet_until)
        return []
    if alert.closed is not None:
        return _over(alert, now)
    again = alert.told == Alert.Told.OPEN
    reminders = alert.reminders + 1
    claim = {
        "told": Alert.Told.OPEN,
        "notices": alert.notices + 1,
        "reminders": reminders,
        "last_notice": now,
    }
    return _queue(alert, now, again, claim | {"next_notice": now + reminder_gap(reminders)})


def _over(alert: Alert, now: datetime) -> list[int]:
    if alert.told == Alert.Told.NOTHING and alert.count < FLAPS:
        _claim(alert, next_notice=None)
        return []
    claim = {"told": Alert.Told.CLOSED, "notices": alert.notices + 1, "last_notice": now, "next_notice": None}
    return _queue(alert, now, False, claim)


def _claim(alert: Alert, **columns: Any) -> bool:
    unchanged = Alert.everything.filter(pk=alert.pk, next_notice=alert.next_notice, closed=alert.closed)
    return bool(unchanged.update(**columns))


@transaction.atomic
def _queue(alert: Alert, now: datetime, again: bool, claim: dict[str, Any]) -> list[int]:
    if not _claim(alert, **claim):
        return []
    channels = told_of(alert, again=again, over=alert.closed is not None)
    return [deliveries.queue(c, message(alert, c.language, again), now, alert).pk for c in channels]


def message(alert: Alert, language: str, again: bool = False) -> Message:
    """What is said of an incident, in that language."""
    with override(language):
        state = _("over") if alert.closed else _("still") if again else ""
        severity = str(Severity(alert.severity).label)
        head = f"[{state or severity}] {alert}"
        where = f" ({alert.cluster})" if alert.cluster else ""
        return Message(head + where, "\n".join(_lines(alert)), _data(alert, again))


def _lines(alert: Alert) -> Iterator[str]:
    yield str(alert.meaning.text)
    if alert.why:
        yield _("Reason: %(why)s") % {"why": alert.why}
    yield _("Since %(when)s.") % {"when": _moment(alert.opened)}
    if alert.closed is not None:
        yield _("Over since %(when)s.") % {"when": _moment(alert.closed)}
    else:
        yield _("What to do: %(remedy)s") % {"remedy": alert.what_to_do}
    if alert.count > 1:
        yield _("It has come %(n)d times.") % {"n": alert.count}
    if settings.GATEFOLD_URL:
        yield ""
        yield address(alert)


def address(alert: Alert) -> str:
    """Where the incident stands in the portal; only its path while the operator has given no GATEFOLD_URL."""
    return f"{settings.GATEFOLD_URL.rstrip('/')}/alerts/{alert.pk}/"


def _moment(when: datetime) -> str:
    return f"{timezone.localtime(when):%Y-%m-%d %H:%M:%S %Z}"


def _data(alert: Alert, again: bool) -> dict[str, Any]:
    return {
        "event": "closed" if alert.closed else "reminder" if again else "opened",
        "alert": alert.pk,
        "tenant": alert.tenant.slug,
        "cluster": alert.cluster.slug if alert.cluster else None,
        "kind": alert.kind,
        "severity": Severity(alert.severity).name.lower(),
        "serial": alert.serial,
        "name": alert.name,
        "reason": alert.why,
        "opened": alert.opened.isoformat(),
        "closed": alert.closed.isoformat() if alert.closed else None,
        "count": alert.count,
        "url": address(alert),
    }
