"""Couriers of alerts: they may come twice or late; the rows say what is to be done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from appliances.following.couriers import send
from portal.alerts import deliveries, digests, notices, watching

SOON = timedelta(seconds=60)
"""What is due later is left to the sweep."""


@shared_task(name="portal.alerts.tasks.sweep")
def sweep() -> None:
    """Each minute: incidents by what the rows say now, what was lost, digests, and all that is due."""
    now = timezone.now()
    watching.look_at_everything(now)
    deliveries.recover(now)
    digests.send_due(now)
    notify()
    for number in deliveries.waiting(now):
        send(deliver, number)


@shared_task(name="portal.alerts.tasks.notify")
def notify() -> None:
    """Queue the deliveries of incidents that are due, and come again when the next one is."""
    now = timezone.now()
    for alert in notices.due(now):
        for number in notices.tell(alert, now):
            send(deliver, number)
    _again(notify, (), notices.next_due(), now)


@shared_task(name="portal.alerts.tasks.deliver")
def deliver(number: int) -> None:
    """Send one delivery."""
    now = timezone.now()
    _again(deliver, (number,), deliveries.deliver(number, now), now)


def _again(task: Any, arguments: tuple[int, ...], due: datetime | None, now: datetime) -> None:
    if due is not None and due - now <= SOON:
        send(task, *arguments, after=max(0.0, (due - now).total_seconds()))
