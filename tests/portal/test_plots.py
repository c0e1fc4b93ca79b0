"""Paths of plots: in proportion, within their frame, broken where nothing is known."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.machines import plots

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (1.2, 2), (3, 5), (5, 5), (7, 10), (101, 200), (4999, 5000)]
)
def test_upper_edge_is_a_number_that_is_easily_read(value: float, top: float) -> None:
    assert plots.round_up(value) == top


def test_bars_stand_upon_one_another_in_proportion() -> None:
    plot = plots.bars([[4, 1], [0, 0]], ("accepted", "rejected"), NOON, HOUR)
    assert plot.top == 5
    assert [series.total for series in plot.series] == [4, 1]
    accepted, rejected = (series.path for series in plot.series)
    assert re.fullmatch(r"M[\d.]+ 120\.0h[\d.]+v-96\.00h-[\d.]+z", accepted)
    assert re.fullmatch(r"M[\d.]+ 24\.0h[\d.]+v-24\.00h-[\d.]+z", rejected)
    assert plot.hours[0] == NOON
    assert plot.hours[-1] == NOON + 2 * HOUR


def test_plot_without_anything_is_empty() -> None:
    assert plots.bars([[0, 0]], ("a", "b"), NOON, HOUR).empty
    assert plots.bars([], ("a",), NOON, HOUR).empty
    assert plots.area([], "queue", NOON, NOON + HOUR, MINUTE).empty


def test_line_is_broken_where_nothing_was_heard() -> None:
    points = [(NOON + n * MINUTE, 5.0) for n in (0, 1, 2, 30, 31)]
    plot = plots.area(points, "queue", NOON, NOON + HOUR, 3 * MINUTE)
    assert plot.series[0].path.count("M") == 2
    assert plot.series[0].total == 5


def test_single_point_is_visible() -> None:
    plot = plots.area([(NOON, 5.0)], "queue", NOON, NOON + HOUR, MINUTE)
    assert plot.series[0].path == "M0.0 120L0.0 0.0L2.0 0.0V120Z"


def test_link_tells_median_highest_and_how_long_it_held() -> None:
    points = [(NOON + n * MINUTE, trip) for n, trip in enumerate([2.0, 4.0, None, 9.0])]
    spark = plots.spark(points, NOON, NOON + HOUR, 3 * MINUTE)
    assert (spark.median, spark.highest, spark.share) == (4.0, 9.0, 75)
    assert spark.lost.count("M") == 1
    assert spark.line.count("L") == 2


def test_link_that_never_held_and_one_never_heard_of() -> None:
    lost = plots.spark([(NOON, None)], NOON, NOON + HOUR, MINUTE)
    assert (lost.share, lost.median, lost.line) == (0, None, "")
    assert plots.spark([], NOON, NOON + HOUR, MINUTE).share is None


@given(st.lists(st.tuples(st.integers(0, 59), st.floats(0, 1e9)), min_size=1, max_size=20))
def test_everything_stays_within_the_frame(values: list[tuple[int, float]]) -> None:
    points = [(NOON + n * MINUTE, value) for n, value in sorted(values)]
    path = plots.area(points, "queue", NOON, NOON + HOUR, 5 * MINUTE).series[0].path
    for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path):
        assert 0 <= float(x) <= plots.WIDTH + 2
        assert 0 <= float(y) <= plots.HEIGHT
