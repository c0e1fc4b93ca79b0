"""What speaks against going on with a change that a machine tries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from appliances.following.freshness import seen
from appliances.models import Connection, MachineStatus
from portal.proposals.stop_rule import Canary, Health, Verdict, baseline, judge

RULE = Canary(enforce_within=60, queue_growth=100, deferred_share=40)


def verdict(began: int = 30, **columns: Any) -> Verdict:
    """Of a machine that was in order before, `began` seconds into the try."""
    now = timezone.now()
    start = now - timedelta(seconds=began)
    good = {
        "connection": Connection.CONNECTED, "checked": now, "wanted": "new", "enforced": "new",
        "wanted_since": start, "wanted_revision": 1, "queue": 10,
    }  # fmt: skip
    status = MachineStatus(name="berlin", **{**good, **columns})
    return judge(seen(status, now, 1), {"queue": 10, "deferred": 5}, RULE, start, now)


def test_machine_that_enforces_and_says_nothing_bad_is_healthy() -> None:
    assert verdict() == Verdict(Health.HEALTHY)


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"error": "postconf: fatal"}, "postconf: fatal"),
        ({"connection": Connection.DOWN, "reason": "no answer"}, "no answer"),
        ({"connection": Connection.DISCONNECTED}, "disconnected"),
        ({"queue": 111}, "grown by 101"),
        ({"queue": 40, "report": {"queue": {"deferred": 20}}}, "50 % of its queue"),
    ],
)
def test_trouble_stops(columns: dict[str, Any], word: str) -> None:
    found = verdict(**columns)
    assert found.health is Health.BAD
    assert word.lower() in found.reason.lower()


@pytest.mark.parametrize(
    "columns",
    [
        {"queue": 110},
        {"queue": 12, "report": {"queue": {"deferred": 12}}},
        {"queue": 40, "report": {"queue": {"deferred": 5}}},
        {"queue": 40, "report": {"queue": {"deferred": "many"}}},
        {"connection": Connection.SUSPECT},
    ],
)
def test_what_the_rule_allows_does_not_stop(columns: dict[str, Any]) -> None:
    assert verdict(**columns).health is Health.HEALTHY


def test_machine_may_take_its_time_up_to_the_limit() -> None:
    assert verdict(enforced="old").health is Health.WAITING
    late = verdict(began=61, enforced="old")
    assert late.health is Health.BAD
    assert "60 seconds" in late.reason


def test_machine_without_news_is_waited_for_and_then_given_up() -> None:
    silent = {"checked": timezone.now() - timedelta(seconds=151)}
    assert verdict(**silent).health is Health.WAITING
    gone = {"checked": timezone.now() - timedelta(seconds=600)}
    assert verdict(began=500, **gone).health is Health.BAD


def test_machine_that_is_no_member_any_more_stops() -> None:
    assert judge(None, {}, RULE, timezone.now(), timezone.now()).health is Health.BAD


def test_baseline_is_what_the_queue_was() -> None:
    status = MachineStatus(queue=7, report={"queue": {"deferred": 3}})
    assert baseline(seen(status, timezone.now(), 1)) == {"queue": 7, "deferred": 3}
