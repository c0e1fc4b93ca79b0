"""The table of requirements is whole: no test cites what is not there, and the state tells the truth."""

from __future__ import annotations

import pytest

from tests.rows import citations, cited, rows, state


def test_rows_that_tests_cite_are_in_the_table() -> None:
    assert set(citations()) <= set(rows())


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        ("JN-03, JN-04: in order.", ["JN-03", "JN-04"]),
        ("CL-01 and CL-02.", ["CL-01", "CL-02"]),
        ("L05, BP-01: rules of advice.", ["L05", "BP-01"]),
        ("Like JN-03.", []),
        ("", []),
        (None, []),
    ],
)
def test_citation_counts_at_the_beginning_of_a_docstring_only(
    docstring: str | None, found: list[str]
) -> None:
    assert cited(docstring) == found


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ({"a": "passed", "b": "passed"}, "passed"),
        ({"a": "passed"}, "not run"),
        ({"a": "passed", "b": "skipped"}, "skipped"),
        ({"a": "failed"}, "failed"),
    ],
)
def test_state_of_a_row_is_that_of_its_worst_test(outcomes: dict[str, str], expected: str) -> None:
    assert state(["a", "b"], outcomes) == expected
