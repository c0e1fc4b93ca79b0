"""Reasons of alerts, and why a message was not delivered, are read in the language of the reader."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from portal.alerts import deliveries
from portal.alerts.channels.base import Message
from portal.alerts.deliveries import TRIES, Delivery
from portal.alerts.incidents import Fact, happened
from portal.alerts.kinds import Kind
from portal.alerts.routing import Channel
from portal.tenants import ManagedCluster, Tenant
from tests.portal.alerts.conftest import channel
from tests.portal.conftest import LogIn
from tests.portal.reading import LANGUAGES, Read, speaks


def test_alert_of_the_portal_is_read_in_the_language_of_each_reader(
    europe: ManagedCluster, written_in: str, page_in: Read, api_in: Read
) -> None:
    fact = Fact(Kind.LATE, "S1", "rome.example", details={"enforced": "aaaa", "wanted": "bbbb"})
    made = happened(europe.tenant, europe, fact, timezone.now())
    assert made is not None
    there = f"/alerts/{made.pk}/"
    for language in LANGUAGES:
        for text in (page_in(there, language), api_in(there, language)):
            speaks(text, language, ["It runs aaaa, wanted is bbbb."], ["適用中は aaaa、目標は bbbb です。"])


def test_delivery_that_failed_says_why_in_the_language_of_each_reader(
    acme: Tenant, written_in: str, page_in: Read, api_in: Read, settings: Any
) -> None:
    settings.EMAIL_HOST = ""
    made = deliveries.queue(channel(acme), Message("Title", "Body", {}), timezone.now())
    deliveries.deliver(made.pk, timezone.now())
    for language in LANGUAGES:
        for text in (page_in("/notifications/", language), api_in("/notifications/deliveries/", language)):
            speaks(text, language, ["This portal has no mail server."], ["メールサーバがありません。"])


def test_delivery_that_was_lost_says_so_in_the_language_of_each_reader(
    acme: Tenant, written_in: str, page_in: Read
) -> None:
    now = timezone.now()
    made = deliveries.queue(channel(acme), Message("Title", "Body", {}), now)
    Delivery.everything.filter(pk=made.pk).update(state=Delivery.State.SENDING, due=now, tries=TRIES)
    deliveries.recover(now)
    english, japanese = ["The worker ended while it was sent."], ["送信中にワーカーが終了しました。"]
    for language in LANGUAGES:
        speaks(page_in("/notifications/", language), language, english, japanese)


def test_message_to_try_a_channel_speaks_its_language(acme: Tenant, alice: User, log_in: LogIn) -> None:
    one = channel(acme)
    Channel.everything.filter(pk=one.pk).update(language="ja")
    log_in(alice).post(f"/notifications/{one.pk}/", {"do": "test"})
    assert Delivery.everything.get().title == "Gatefold からのテスト"
