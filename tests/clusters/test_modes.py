"""Levels and modes (CL-01)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.modes import CLUSTER, MAX_ID, InvalidMode, Level, Mode, group, machine, nameable

IDS = st.text(min_size=1, max_size=20).filter(nameable)


def test_levels_go_from_general_to_specific() -> None:
    """CL-01: three levels."""
    assert list(Level) == ["cluster", "group", "machine"]


@pytest.mark.parametrize(
    ("mode", "text"),
    [(CLUSTER, "cluster"), (group("g1"), "group:g1"), (machine("C37-1"), "machine:C37-1")],
)
def test_mode_is_written_in_one_form(mode: Mode, text: str) -> None:
    assert str(mode) == text
    assert Mode.parse(text) == mode


@given(st.sampled_from([Level.GROUP, Level.MACHINE]), IDS)
def test_mode_is_read_back_whatever_its_id(level: Level, ident: str) -> None:
    assert Mode.parse(str(Mode(level, ident))) == Mode(level, ident)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Cluster",
        "cluster:",
        "cluster:x",
        "group",
        "group:",
        "machine:",
        "site:x",
        "group:a/b",
        " cluster",
    ],
)
def test_parse_refuses_what_names_no_mode(text: str) -> None:
    with pytest.raises(InvalidMode):
        Mode.parse(text)


@given(st.text(max_size=12))
def test_parse_reads_only_the_one_written_form(text: str) -> None:
    try:
        mode = Mode.parse(text)
    except InvalidMode:
        return
    assert str(mode) == text


@pytest.mark.parametrize(
    ("level", "ident"),
    [
        (Level.CLUSTER, "x"),
        (Level.GROUP, ""),
        (Level.MACHINE, ""),
        (Level.MACHINE, "a/b"),
        (Level.GROUP, "a\nb"),
        (Level.GROUP, "\ud800"),
        (Level.MACHINE, "x" * (MAX_ID + 1)),
    ],
)
def test_mode_refuses_an_id_that_no_address_can_hold(level: Level, ident: str) -> None:
    with pytest.raises(InvalidMode):
        Mode(level, ident)


def test_longest_id_is_accepted() -> None:
    assert machine("x" * MAX_ID).id == "x" * MAX_ID
