"""Samples of machines: growth over restarts and gaps, one row in five minutes, thinned with age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.following import samples
from appliances.following.samples import OUTCOMES, STEP, MachineSample
from appliances.machine.status import LinkStatus, MachineStatus, Queue, TrafficCounts
from clusters.models import Replica

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def replica(db: None) -> Replica:
    return Replica.objects.create(origin="PORTAL")


def said(accepted: int, since: int = 1, **more: object) -> MachineStatus:
    return MachineStatus(serial="A", traffic=TrafficCounts(since=since, accepted=accepted), **more)  # type: ignore[arg-type]  # by the test


def take(replica: Replica, *reports: tuple[int, MachineStatus]) -> list[MachineSample]:
    """Hear reports, each so many minutes after noon."""
    before = None
    for minutes, report in reports:
        samples.take(replica.pk, before, report, NOON + timedelta(minutes=minutes))
        before = report
    return list(MachineSample.objects.all())


def test_reports_within_five_minutes_are_one_row_with_the_last_state(replica: Replica) -> None:
    queue = Queue(active=1, deferred=3, hold=2)
    (row,) = take(replica, (0, said(5)), (2, said(9)), (4, said(11, queue=queue)))
    assert (row.at, row.accepted, row.queue, row.waiting) == (NOON, 6, 6, 5)


def test_counts_go_on_over_a_restart_even_within_five_minutes(replica: Replica) -> None:
    rows = take(replica, (0, said(5)), (1, said(9)), (2, said(3, since=2)), (6, said(4, since=2)))
    assert [row.accepted for row in rows] == [7, 8]


def test_counts_that_went_back_without_a_restart_count_from_nothing(replica: Replica) -> None:
    assert take(replica, (0, said(50)), (1, said(3)))[0].accepted == 3


def test_what_came_before_the_first_report_is_of_no_known_time(replica: Replica) -> None:
    assert take(replica, (0, said(1000)))[0].accepted == 0


def test_report_of_a_release_that_counts_nothing_changes_no_count(replica: Replica) -> None:
    old = MachineStatus(serial="A")
    assert [row.accepted for row in take(replica, (0, old), (5, old), (10, said(4)))] == [0, 0, 4]


def test_absurd_numbers_are_bounded(replica: Replica) -> None:
    wild = Queue(active=10**30, deferred=-5)
    (row,) = take(replica, (0, said(0)), (1, said(10**40, queue=wild)))
    assert (row.accepted, row.queue, row.waiting) == (10**9, 2**31 - 1, 0)


def test_round_trips_are_kept_and_a_lost_link_is_null(replica: Replica) -> None:
    links = (
        LinkStatus(serial="B", state="connected", round_trip=3.5),
        LinkStatus(serial="C", state="down", round_trip=9.0),
        LinkStatus(serial="D", state="connected"),
    )
    assert take(replica, (0, said(1, links=links)))[0].links == {"B": 3.5, "C": None}


def test_old_rows_are_thinned_and_then_forgotten(replica: Replica) -> None:
    ages = [timedelta(days=d, minutes=m) for d in (0, 1, 3, 9) for m in (0, 5, 10)]
    MachineSample.objects.bulk_create(
        MachineSample(replica=replica, serial="A", at=NOON - age) for age in ages
    )
    assert samples.thin(NOON) == 5
    left = [NOON - row.at for row in MachineSample.objects.all()]
    assert sorted(left) == ages[:7]
    assert samples.thin(NOON) == 0


def rows_of(*points: tuple[int, int]) -> list[MachineSample]:
    return [MachineSample(serial="A", at=NOON + STEP * n, accepted=total) for n, total in points]


def test_flow_is_the_growth_in_each_span() -> None:
    slots = samples.flow(rows_of((-1, 10), (0, 12), (1, 15), (3, 19)), NOON, 2, 3 * STEP)
    assert [slot["accepted"] for slot in slots] == [2 + 3 + 2, 2]
    assert [slot.heard for slot in slots] == [True, True]


def test_flow_over_a_gap_is_spread_evenly_and_the_silent_span_is_marked() -> None:
    slots = samples.flow(rows_of((0, 0), (9, 90)), NOON, 4, 3 * STEP)
    assert [slot["accepted"] for slot in slots] == [20, 30, 30, 10]
    assert [slot.heard for slot in slots] == [True, False, False, True]


def test_flow_within_the_first_five_minutes_counts(replica: Replica) -> None:
    take(replica, (0, said(5)), (2, said(9)))
    rows = samples.lately(replica.pk, "A", NOON - timedelta(hours=1))
    assert [slot["accepted"] for slot in samples.flow(rows, NOON, 1, STEP)] == [4]


def test_growth_since_long_before_the_span_is_reckoned_from_the_last_sample(replica: Replica) -> None:
    take(replica, (0, said(5)), (300, said(65)))
    rows = samples.lately(replica.pk, "A", NOON + timedelta(hours=4))
    assert len(rows) == 2
    slots = samples.flow(rows, NOON + timedelta(hours=4), 13, STEP)
    assert sum(slot["accepted"] for slot in slots) == 13


def test_flow_of_nothing_is_nothing() -> None:
    assert [slot["accepted"] for slot in samples.flow([], NOON, 3, STEP)] == [0, 0, 0]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 50)), max_size=12))
def test_flow_loses_and_invents_nothing(steps: list[tuple[int, int]]) -> None:
    points, place, total = [(0, 0)], 0, 0
    for ahead, more in steps:
        place, total = place + ahead, total + more
        points.append((place, total))
    slots = samples.flow(rows_of(*points), NOON, 30, 3 * STEP)
    assert sum(slot["accepted"] for slot in slots) == pytest.approx(total)
    assert all(slot.counts[name] >= 0 for slot in slots for name in OUTCOMES)
