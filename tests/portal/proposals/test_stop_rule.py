"""What speaks against going on with a change that a machine tries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from appliances.following.freshness import seen
from appliances.models import Connection, MachineStatus
from portal.proposals.stop_rule import Canary, Health, Verdict, baseline, judge

RULE = Canary(enforce_within=60, queue_growth=100, deferred_share=40, bounced_share=10, rejected_rise=30)
BEFORE = {"since": 1, "accepted": 60, "rejected": 40, "delivered": 50, "bounced": 5}


def verdict(began: int = 30, **columns: Any) -> Verdict:
    """Of a machine that was in order before, `began` seconds into the try."""
    now = timezone.now()
    start = now - timedelta(seconds=began)
    good = {
        "connection": Connection.CONNECTED, "checked": now, "heard": now, "wanted": "new", "enforced": "new",
        "wanted_since": start, "wanted_revision": 1, "queue": 10,
    }  # fmt: skip
    status = MachineStatus(name="berlin", **{**good, **columns})
    had = {"queue": 10, "deferred": 5, "traffic": BEFORE}
    return judge(seen(status, now, 1), had, RULE, start, now)


def traffic(**counts: int) -> dict[str, Any]:
    """The report of a machine by whose counters so much more has happened."""
    return {"report": {"traffic": {**BEFORE, **{n: BEFORE.get(n, 0) + more for n, more in counts.items()}}}}


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
        (traffic(delivered=17, bounced=2, expired=1), "15 % of its recipients bounced"),
        (traffic(accepted=6, rejected=19), "rejects 76 % of what comes in; before it was 40 %"),
        ({"report": {"traffic": {"since": 2, "delivered": 1, "bounced": 19}}}, "95 % of its recipients"),
    ],
)
def test_trouble_stops(columns: dict[str, Any], word: str) -> None:
    found = verdict(**columns)
    assert found.health is Health.BAD
    assert word.lower() in str(found.reason).lower()


@pytest.mark.parametrize(
    "columns",
    [
        {"queue": 110},
        {"queue": 12, "report": {"queue": {"deferred": 12}}},
        {"queue": 40, "report": {"queue": {"deferred": 5}}},
        {"queue": 40, "report": {"queue": {"deferred": "many"}}},
        {"connection": Connection.SUSPECT},
        traffic(delivered=18, bounced=2),
        traffic(bounced=19),
        traffic(accepted=6, rejected=14),
        traffic(rejected=19),
        {"report": {"traffic": "none"}},
        {"report": {"traffic": {"since": "yesterday"}}},
    ],
)
def test_what_the_rule_allows_does_not_stop(columns: dict[str, Any]) -> None:
    assert verdict(**columns).health is Health.HEALTHY


def test_machine_may_take_its_time_up_to_the_limit() -> None:
    assert verdict(enforced="old").health is Health.WAITING
    late = verdict(began=61, enforced="old")
    assert late.health is Health.BAD
    assert "60 seconds" in str(late.reason)


def test_machine_without_news_is_waited_for_and_then_given_up() -> None:
    silent = {"checked": timezone.now() - timedelta(seconds=151)}
    assert verdict(**silent).health is Health.WAITING
    gone = {"checked": timezone.now() - timedelta(seconds=600)}
    assert verdict(began=500, **gone).health is Health.BAD


def test_machine_that_is_no_member_any_more_stops() -> None:
    assert judge(None, {}, RULE, timezone.now(), timezone.now()).health is Health.BAD


def test_baseline_is_what_queue_and_traffic_were() -> None:
    status = MachineStatus(queue=7, report={"queue": {"deferred": 3}, "traffic": {"bounced": 4}})
    found = baseline(seen(status, timezone.now(), 1))
    assert (found["queue"], found["deferred"], found["traffic"]["bounced"]) == (7, 3, 4)
