"""Couriers over rows: claimed once, three tries, a poison row is put away, secrets stay sealed."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from django.db import connection

from portal.alerts import deliveries
from portal.alerts.channels.base import Message, Passing, Permanent
from portal.alerts.channels.ways import WAYS
from portal.alerts.deliveries import LOST_AFTER, PAUSES, Delivery
from portal.alerts.routing import Channel
from portal.tenants import Tenant
from tests.portal.alerts.conftest import NOON, channel

CANARY = "s3cr3t-canary-in-the-path"


class Way:
    """Answers each call with the next outcome; the real ways have tests of their own."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0

    def send(self, _kept: object, _message: Message) -> None:
        self.calls += 1
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome


def row(acme: Tenant, monkeypatch: pytest.MonkeyPatch, way: Way) -> Delivery:
    made = channel(acme)
    monkeypatch.setitem(WAYS, "mail", way)
    return deliveries.queue(made, Message("Title", "Body", {}), NOON)


def test_passing_error_is_tried_three_times_with_growing_pauses(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Way(Passing("busy"), Passing("busy"), Passing("still busy"))
    one = row(acme, monkeypatch, way)
    now, pauses = NOON, []
    for _attempt in range(5):
        due = deliveries.deliver(one.pk, now)
        if due is None:
            break
        pauses.append(due - now)
        assert deliveries.deliver(one.pk, due - timedelta(seconds=1)) is None, "not before it is due"
        now = due
    one.refresh_from_db()
    assert pauses == list(PAUSES)
    assert pauses[0] < pauses[1]
    assert (one.state, one.tries, one.error, way.calls) == ("failed", 3, "still busy", 3)


def test_permanent_error_is_tried_once(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    way = Way(Permanent("gone"))
    one = row(acme, monkeypatch, way)
    assert deliveries.deliver(one.pk, NOON) is None
    one.refresh_from_db()
    assert (one.state, one.error) == ("failed", "gone")
    assert deliveries.waiting(NOON + timedelta(days=1)) == []


def test_second_courier_sends_nothing(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    way = Way(None)
    one = row(acme, monkeypatch, way)
    deliveries.deliver(one.pk, NOON)
    deliveries.deliver(one.pk, NOON)
    one.refresh_from_db()
    assert (one.state, way.calls) == ("sent", 1)


def test_row_that_ends_its_courier_is_put_away_and_never_loops(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Way(*[KeyboardInterrupt() for _ in range(9)])
    one = row(acme, monkeypatch, way)
    now = NOON
    for _crash in range(9):
        for number in deliveries.waiting(now):
            with pytest.raises(KeyboardInterrupt):
                deliveries.deliver(number, now)
        now += LOST_AFTER + timedelta(seconds=1)
        deliveries.recover(now)
    one.refresh_from_db()
    assert (one.state, way.calls) == ("failed", 3)


def test_error_of_a_library_is_kept_without_its_text(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = row(acme, monkeypatch, Way(RuntimeError(f"https://x.example/{CANARY}")))
    with caplog.at_level(logging.DEBUG):
        deliveries.deliver(one.pk, NOON)
    one.refresh_from_db()
    assert one.error == "RuntimeError"
    assert CANARY not in caplog.text


def test_old_rows_are_forgotten(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    one = row(acme, monkeypatch, Way(None))
    deliveries.deliver(one.pk, NOON)
    deliveries.recover(NOON + timedelta(days=29))
    assert Delivery.everything.exists()
    deliveries.recover(NOON + timedelta(days=31))
    assert not Delivery.everything.exists()


def test_secret_of_a_channel_is_in_no_row_of_the_database(acme: Tenant) -> None:
    made = Channel(tenant=acme, name="Hook", way="webhook")
    kept = made.enter({"url": f"https://hooks.example.com/{CANARY}?token={CANARY}"})
    made.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM portal_channel")
        found = json.dumps(cursor.fetchall(), default=str)
    assert CANARY not in found
    assert kept["signing_key"] not in found
    assert made.shown == "https://hooks.example.com/…"
