"""Rows of a table from lines of text: all that was written, or none of it and the line that is wrong."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.features.lines import UnreadableLines, rows_of
from appliances.features.registry import CATALOGUE


def part(feature: str, *steps: str) -> Any:
    here = CATALOGUE[feature].schema
    for step in steps:
        here = here["items"] if step == "*" else here["properties"][step]
    return here["items"]


ROUTES = part("smtproutes", "routes")
ALIASES = part("aliasconfig", "aliases")
RAT = part("listenerconfig", "listeners", "*", "rat", "entries")


def test_further_cells_fill_the_list_at_the_end() -> None:
    """TRL-18."""
    (route,) = rows_of(ROUTES, "three.example;192.0.2.1;192.0.2.2:26 [2001:db8::1]:27")
    assert route["hosts"] == [
        {"host": "192.0.2.1"},
        {"host": "192.0.2.2", "port": 26},
        {"host": "[2001:db8::1]", "port": 27},
    ]
    (alias,) = rows_of(ALIASES, "info@a.example,x@a.example,y@a.example,z@a.example")
    assert alias["targets"] == ["x@a.example", "y@a.example", "z@a.example"]


def test_brackets_around_a_name_are_kept() -> None:
    """TRL-07: in brackets it is its address alone, without them its MX hosts."""
    (route,) = rows_of(ROUTES, "d.example;[mx.example]:26 [mx.example] mx.example")
    assert route["hosts"] == [
        {"host": "[mx.example]", "port": 26},
        {"host": "[mx.example]"},
        {"host": "mx.example"},
    ]


@pytest.mark.parametrize(
    "heading",
    [
        "Receiving domain;Destination hosts",
        "domain;hosts",
        "DOMAIN;Host",
        "Receiving domain;destination host",
    ],
)
def test_line_of_headings_is_known_and_no_row(heading: str) -> None:
    """TRL-18."""
    assert rows_of(ROUTES, f"{heading}\na.example;192.0.2.1") == [
        {"domain": "a.example", "hosts": [{"host": "192.0.2.1"}]}
    ]


def test_headings_give_the_order_of_the_columns() -> None:
    """TRL-18: in the reader's language, too."""
    words = {"Action": "処理", "Recipient": "受信者"}
    found = rows_of(RAT, "処理\t受信者\nREJECT\ta.example", titles=lambda title: words.get(title, title))
    assert found == [{"action": "reject", "recipient": "a.example"}]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a.example;192.0.2.1\n" + "x" * 200_000, 2, "too long"),
        ("Zone;Ziel\na.example;192.0.2.1", 1, "heading"),
        ("a@b.example,reject,550,no,thanks", 1, "has 5 columns, the table has 4"),
        ("a@b.example,accept\nc@b.example,perhaps", 2, "“perhaps” is none of accept, reject"),
        ("a@b.example,reject,five", 1, "“five” is no whole number"),
    ],
)
def test_line_that_does_not_fit_is_named_and_nothing_is_taken(text: str, line: int, words: str) -> None:
    """TRL-18."""
    with pytest.raises(UnreadableLines) as found:
        rows_of(ROUTES if "Ziel" in text else RAT, text)
    assert [problem.line for problem in found.value.problems] == [line]
    assert words in str(found.value)


def test_plain_list_takes_every_cell_as_an_entry() -> None:
    """TRL-18."""
    assert rows_of(part("unsubscribe", "recipients"), "a.example, b.example\n\nc.example\n") == [
        "a.example",
        "b.example",
        "c.example",
    ]


words = st.text("abcdefgh0123456789.@-", min_size=1, max_size=12)


@given(
    st.lists(st.tuples(words, st.lists(words, min_size=1, max_size=5)), max_size=8), st.sampled_from("\t;,")
)
def test_no_cell_is_ever_lost(table: list[tuple[str, list[str]]], separator: str) -> None:
    """TRL-18: the law of pasting: every cell stands in its row, or nothing is taken."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows([a, *ts] for a, ts in table)
    try:
        rows = rows_of(ALIASES, out.getvalue())
    except UnreadableLines:
        return
    assert [(row["alias"], row["targets"]) for row in rows] == table
