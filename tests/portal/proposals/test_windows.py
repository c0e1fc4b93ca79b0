"""Weekly commit windows in the time zone of a cluster."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from portal.proposals.windows import BadWindow, Window, is_open, next_opening

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY_NIGHT = Window(5, time(22), time(2))
MORNING = Window(0, time(8), time(9, 30))


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in June 2031, whose second is a Monday, in Berlin."""
    return datetime(2031, 6, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (local(7, 21, 59), False),
        (local(7, 22), True),
        (local(8, 1, 59), True),
        (local(8, 2), False),
        (local(2, 8), True),
        (local(2, 9, 30), False),
    ],
)
def test_window_is_open_from_its_start_to_its_end(moment: datetime, expected: bool) -> None:
    assert is_open([SATURDAY_NIGHT, MORNING], BERLIN, moment.astimezone(UTC)) is expected


def test_without_windows_it_is_always_open() -> None:
    assert is_open([], BERLIN, local(4, 3))
    assert next_opening([], BERLIN, local(4, 3)) is None


def test_next_opening_is_the_nearest_one_to_come() -> None:
    both = [SATURDAY_NIGHT, MORNING]
    assert next_opening(both, BERLIN, local(4, 12)) == local(7, 22)
    assert next_opening(both, BERLIN, local(7, 22)) == local(9, 8)
    assert next_opening([MORNING], BERLIN, local(2, 8, 30)) == local(9, 8)


def test_window_of_a_whole_day_ends_where_it_began() -> None:
    whole = [Window(2, time(0), time(0))]
    assert is_open(whole, BERLIN, local(4, 0))
    assert is_open(whole, BERLIN, local(4, 23, 59))
    assert not is_open(whole, BERLIN, local(5, 0))


def test_window_keeps_its_wall_time_when_the_clocks_change() -> None:
    # On 26 October 2031 Berlin goes from UTC+2 to UTC+1.
    sunday = [Window(6, time(22), time(23))]
    assert next_opening(sunday, BERLIN, datetime(2031, 10, 25, tzinfo=UTC)) == datetime(
        2031, 10, 26, 21, tzinfo=UTC
    )


def test_window_survives_its_row() -> None:
    assert Window.from_row({"day": 5, "start": "22:00", "end": "02:00"}) == SATURDAY_NIGHT


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"day": 7, "start": "22:00", "end": "23:00"},
        {"day": True, "start": "22:00", "end": "23:00"},
        {"day": 1, "start": "24:00", "end": "23:00"},
        {"day": 1, "start": "22:00", "end": None},
    ],
)
def test_what_is_no_window_is_refused(row: dict) -> None:
    with pytest.raises(BadWindow):
        Window.from_row(row)
