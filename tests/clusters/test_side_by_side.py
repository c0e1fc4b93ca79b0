"""Documents in columns: where they differ, and one made of parts of each."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clusters.differences import HIDDEN
from clusters.side_by_side import ABSENT, combined, side_by_side

BASE: dict[str, Any] = {"action": "drop", "rows": [{"name": "a", "rate": 1}, {"name": "b", "rate": 2}]}


def told(
    *documents: Any, secrets: tuple[str, ...] = ()
) -> dict[str, tuple[tuple[Any, ...], tuple[str, ...]]]:
    return {row.text: (row.values, row.kinds) for row in side_by_side(documents, secrets)}


def test_equal_documents_have_no_rows() -> None:
    assert side_by_side([BASE, dict(BASE), dict(BASE)]) == []
    assert side_by_side([None, None]) == []
    assert not ABSENT


def test_columns_are_held_against_the_first() -> None:
    """Items of a table are known again by their name, wherever they stand."""
    mine = {"action": "drop", "rows": [{"name": "a", "rate": 9}, {"name": "b", "rate": 2}]}
    theirs = {"action": "bounce", "rows": [{"name": "b", "rate": 2}, {"name": "c", "rate": 3}]}
    assert told(BASE, mine, theirs) == {
        "action": (("drop", "drop", "bounce"), ("same", "same", "changed")),
        "rows[a].name": (("a", "a", ABSENT), ("same", "same", "removed")),
        "rows[a].rate": ((1, 9, ABSENT), ("same", "changed", "removed")),
        "rows[c]": ((ABSENT, ABSENT, {"name": "c", "rate": 3}), ("same", "same", "added")),
    }


def test_document_that_is_absent_is_no_obstacle_for_the_others() -> None:
    rows = told(None, BASE, {**BASE, "action": "bounce"})
    assert rows["action"] == ((ABSENT, "drop", "bounce"), ("same", "added", "added"))
    assert told(None, BASE) == {"": ((ABSENT, BASE), ("same", "added"))}


def test_item_that_is_only_there_or_not_is_one_row() -> None:
    rows = told(BASE, {**BASE, "rows": []}, BASE)
    assert [(path, kinds) for path, (_values, kinds) in rows.items()] == [
        ("rows[a]", ("same", "removed", "same")),
        ("rows[b]", ("same", "removed", "same")),
    ]


def test_new_order_of_the_same_items_is_a_row_of_its_own() -> None:
    turned = {**BASE, "rows": BASE["rows"][::-1]}
    assert told(BASE, turned) == {"rows[order]": ((["a", "b"], ["b", "a"]), ("same", "changed"))}


def test_texts_are_items_and_lists_without_names_are_compared_whole() -> None:
    assert list(told({"to": ["x", "y"]}, {"to": ["y", "z"]})) == ["to[x]", "to[z]"]
    assert list(told({"to": ["x", "x"]}, {"to": ["y"]})) == ["to"]
    assert list(told({"to": [1, 2]}, {"to": [2]})) == ["to"]
    assert list(told({"to": [1]}, {"to": "1"})) == ["to"]
    twins = [{"name": "a", "n": 1}, {"name": "a", "n": 2}]
    assert list(told({"to": twins}, {"to": twins[:1]})) == ["to"]


def test_secrets_are_hidden_and_their_change_is_told() -> None:
    paths = ("users.*.passphrase",)
    one, two = ({"users": [{"name": "ada", "passphrase": text}]} for text in ("old", "new"))
    assert told(one, two, secrets=paths) == {"users[ada].passphrase": ((HIDDEN, HIDDEN), ("same", "changed"))}
    (values, _kinds), *more = told({"users": []}, one, secrets=paths).values()
    assert (values[1], more) == ({"name": "ada", "passphrase": HIDDEN}, [])


def test_combined_takes_each_row_from_its_column() -> None:
    mine = {"action": "drop", "rows": [{"name": "a", "rate": 9}, {"name": "b", "rate": 2}]}
    theirs = {"action": "bounce", "rows": [{"name": n, "rate": i} for n, i in (("c", 3), ("a", 1), ("b", 2))]}
    both = combined([BASE, mine, theirs], {"action": 2, "rows[c]": 2}, 1)
    assert both == {"action": "bounce", "rows": [*mine["rows"], {"name": "c", "rate": 3}]}
    ordered = combined([BASE, mine, theirs], {"rows[c]": 2, "rows[order]": 2}, 1)
    assert [row["name"] for row in ordered["rows"]] == ["c", "a", "b"]


def test_combined_of_absent_parts() -> None:
    assert combined([None, BASE], {}, 0) == {}
    assert combined([None, BASE, {**BASE, "action": "x"}], {"action": 2}, 1)["action"] == "x"
    assert combined([{"gone": 1, "here": 1}, {"here": 2}], {"gone": 1}, 0) == {"here": 1}
    one, other = {"rows": [{"name": "a", "n": 1}]}, {"rows": [{"name": "a", "n": 2}]}
    gone = {"rows[a].name": 2, "rows[a].n": 2}
    assert combined([one, other, {"rows": []}], gone, 0) == {"rows": []}
    assert combined([{}, {"rows": ["x"]}, {"rows": ["y"]}], {"rows[y]": 2}, 0) == {"rows": ["y"]}


names = st.sampled_from(["a", "b", "c"])
tables = st.lists(st.fixed_dictionaries({"name": names, "rate": st.integers(0, 2)}), max_size=3)
documents = st.fixed_dictionaries(
    {"action": st.sampled_from(["x", "y"]), "rows": tables, "to": st.lists(names, max_size=3)}
)


@given(st.lists(documents, min_size=2, max_size=3), st.data())
def test_everything_of_one_column_is_that_document(found: list[Any], data: st.DataObject) -> None:
    column = data.draw(st.integers(0, len(found) - 1))
    rows = side_by_side(found)
    assert combined(found, {row.text: column for row in rows}, column) == found[column]
    assert bool(rows) == any(document != found[0] for document in found)
