"""What many pages fetch at once is made once, and never outlives the news."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from redis.exceptions import RedisError

from appliances.models import MachineStatus
from clusters import replicas
from portal import shared_parts, signals
from portal.login.display import SESSION
from portal.tenants import ManagedCluster, Role
from tests.portal import world
from tests.portal.conftest import LogIn

NEWS = "turned off for repair"


@pytest.fixture
def kept(settings: Any, europe: ManagedCluster) -> ManagedCluster:
    """A cluster of a portal that keeps parts of pages for a moment."""
    parts = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": europe.slug}
    settings.CACHES = {**settings.CACHES, "parts": parts}
    world.report(europe)
    caches["parts"].clear()
    return europe


class Away:
    """A cache whose Redis is gone."""

    def get(self, *_args: object) -> None:
        raise RedisError("gone")

    set = get


def live(client: Client) -> str:
    return client.get("/europe/", headers={"HX-Request": "true"}).content.decode()


def queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as found:
        live(client)
    return len(found)


def change(cluster: ManagedCluster) -> None:
    MachineStatus.objects.filter(replica=cluster.replica_id).update(reason=NEWS)


def test_part_is_made_once_for_all_who_see_the_same(
    kept: ManagedCluster, alice: User, bob: User, log_in: LogIn
) -> None:
    first, second = log_in(alice), log_in(bob)
    assert live(first).split("<dl")[1] == live(second).split("<dl")[1]
    change(kept)
    assert NEWS not in live(first)
    few = queries(second)
    signals.statuses_changed(kept.replica_id)
    assert queries(second) > few


def test_part_is_made_anew_at_the_next_news(kept: ManagedCluster, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    live(client)
    change(kept)
    signals.statuses_changed(kept.replica_id)
    assert NEWS in live(client)


def test_part_of_one_who_may_see_less_is_another(kept: ManagedCluster, alice: User, log_in: LogIn) -> None:
    group = replicas.state(kept.replica_id).modes()[1]
    page = reverse("mode", args=[kept.slug, group])
    assert page in live(log_in(alice))
    assert page not in live(log_in(world.in_one(kept, Role.GUEST)))


def test_part_is_in_the_language_and_time_zone_of_who_looks(
    kept: ManagedCluster, alice: User, bob: User, log_in: LogIn
) -> None:
    english, japanese = log_in(alice), log_in(bob)
    session = japanese.session
    session[SESSION] = {"language": "ja", "time_zone": "Asia/Tokyo"}
    session.save()
    assert "Machines" in live(english)
    assert "マシン" in live(japanese)
    assert "マシン" not in live(english)


def test_part_is_shown_without_redis(
    kept: ManagedCluster, alice: User, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = log_in(alice)
    monkeypatch.setattr(shared_parts, "cache", Away())
    live(client)
    change(kept)
    signals.statuses_changed(kept.replica_id)
    assert NEWS in live(client)
