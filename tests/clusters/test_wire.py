"""JSON values in one form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.wire import MAX_DEPTH, MalformedCommit, canonical, digest, plain, same
from tests.clusters.test_versions import JSON


@given(JSON)
def test_plain_value_survives_a_store(value: Any) -> None:
    """What is taken can be written as UTF-8 JSON and read back as it was, type by type."""
    try:
        taken = plain(value)
    except MalformedCommit:
        return
    text = json.dumps(taken, ensure_ascii=False).encode()
    assert canonical(json.loads(text)) == canonical(taken)
    assert plain(taken) == taken
    assert b"\\u0000" not in text


def test_plain_allows_nesting_up_to_its_limit() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert plain(deep) == deep
    with pytest.raises(MalformedCommit, match="nested"):
        plain([deep])


@pytest.mark.parametrize(
    "value", [object(), (1, 2), b"x", {1}, {"a": 1j}, float("nan"), float("-inf"), 2**63]
)
def test_plain_refuses_what_json_cannot_say(value: Any) -> None:
    with pytest.raises(MalformedCommit):
        plain(value)


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), {"a": b""}])
def test_canonical_refuses_what_json_cannot_say(value: Any) -> None:
    with pytest.raises(MalformedCommit):
        canonical(value)


def test_canonical_refuses_a_value_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(MalformedCommit):
        canonical(loop)


def test_canonical_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": [1, 2]}) == canonical({"a": [1, 2], "b": 1}) == '{"a":[1,2],"b":1}'
    assert canonical([2, 1]) != canonical([1, 2])


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ({"x": 1}, {"x": 1}, True),
        ({"x": 1, "y": 2}, {"y": 2, "x": 1}, True),
        ({"x": 1}, {"x": True}, False),
        ({"x": 0}, {"x": False}, False),
        ({"x": 1}, {"x": 2}, False),
        ({}, None, False),
    ],
)
def test_same_knows_truth_from_one(a: Any, b: Any, equal: bool) -> None:
    assert same(a, b) is equal
    assert same(a, a)


def test_digest_depends_on_lines_and_their_order() -> None:
    assert digest(["a", "b"]) != digest(["b", "a"])
    assert digest(["a", "b"]) != digest(["ab"])
    assert digest(iter(["a"])) == digest(["a"])
    assert len(digest([])) == 64


@given(st.text())
def test_digest_takes_any_text(text: str) -> None:
    assert len(digest([text])) == 64
