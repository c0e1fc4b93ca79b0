"""Rows that a form sent, put into the table that its page was made from: nothing else changes."""

from __future__ import annotations

from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from portal.editing.merging import Known, Sent, entered, merged, name_of
from portal.editing.reading import Reader

PART = {"properties": {"name": {"type": "string"}, "secret": {"type": "string", "x-secret": True}}}
Item = dict[str, str]

tables = st.lists(st.text("abc", max_size=3), max_size=12, unique=True).map(
    lambda names: [{"name": name, "secret": name} for name in names]
)


def names(items: list[Item]) -> list[str]:
    return [name_of(place, item, PART) for place, item in enumerate(items)]


def after(items: list[Item], sent: Sent) -> list[Item]:
    return [value for _name, value in merged(Known(items, PART), sent)]


@given(tables)
def test_form_without_changes_leaves_the_table(items: list[Item]) -> None:
    """TRL-28: whether it names rows or not."""
    assert after(items, Sent({})) == items
    assert after(items, Sent(dict(zip(names(items), items, strict=True)))) == items


@given(tables, st.data())
def test_each_change_touches_its_row_alone(items: list[Item], data: st.DataObject) -> None:
    """TRL-28: what is changed is changed in its place, what is gone is gone, all else stays in its order."""
    known = names(items)
    marks = data.draw(
        st.lists(st.sampled_from(["stay", "change", "go"]), min_size=len(items), max_size=len(items))
    )
    new = {"name": "new", "secret": ""}
    changed = {name: new for name, mark in zip(known, marks, strict=True) if mark == "change"}
    gone = [name for name, mark in zip(known, marks, strict=True) if mark == "go"]
    expected = [new if m == "change" else i for i, m in zip(items, marks, strict=True) if m != "go"]
    assert after(items, Sent(changed, gone)) == expected


@given(tables, st.data())
def test_row_stands_where_it_was_put(items: list[Item], data: st.DataObject) -> None:
    """TRL-28: a new row behind the one it names, also behind one that is gone; a moved one at its number."""
    new = {"name": "new", "secret": ""}
    known = names(items)
    place = data.draw(st.integers(0, len(items)))
    before = known[place - 1] if place else ""
    expected = [*items[:place], new, *items[place:]]
    assert after(items, Sent({"n1": new}, after={"n1": before})) == expected
    if items:
        moved = data.draw(st.integers(0, len(items) - 1))
        number = data.draw(st.integers(1, len(items)))
        found = after(items, Sent({known[moved]: items[moved]}, numbers={known[moved]: number}))
        rest = [item for index, item in enumerate(items) if index != moved]
        assert found == [*rest[: number - 1], items[moved], *rest[number - 1 :]]


@given(tables, st.permutations(range(12)))
def test_older_form_changes_the_row_that_was_meant(items: list[Item], order: list[int]) -> None:
    """TRL-28: rows are known by what stood in them, wherever they stand now."""
    now = [items[place] for place in order if place < len(items)]
    for name, item in zip(names(items), items, strict=True):
        changed = {"name": item["name"] + "!", "secret": ""}
        found = after(now, Sent({name: changed}))
        assert found == [changed if each == item else each for each in now]


@given(tables, st.lists(st.text("n0123456789-ab", max_size=5), max_size=4))
def test_names_of_nothing_lose_nothing(items: list[Item], strange: list[str]) -> None:
    """TRL-28: whatever a browser sends, rows that it did not remove are still there."""
    sent = Sent(
        {name: {"name": "x"} for name in strange}, gone=["999-ffffffffff"], after={s: s for s in strange}
    )
    found = after(items, sent)
    assert len(found) >= len(items)
    assert all(item in found or {"name": "x"} in found for item in items)


def test_names_of_rows_tell_nothing_of_secrets() -> None:
    """TRL-28: a digest of a secret would help to guess it."""
    assert name_of(0, {"name": "a", "secret": "b"}, PART) == name_of(0, {"name": "a", "secret": "c"}, PART)


HOSTS = {"properties": {"name": {"type": "string"}, "hosts": {"type": "array", "items": {"type": "string"}}}}
GROUPS = {"properties": {"groups": {"type": "array", "items": HOSTS, "x-first-match": "hosts"}}}


@given(st.integers(0, 200), st.integers(0, 3), st.booleans())
def test_new_rows_stand_before_the_one_that_takes_all(before: int, behind: int, part: bool) -> None:
    """TRL-04: entered without a place or pasted, in a long table and in a short one."""
    rows = [{"name": f"g{n}", "hosts": [f"h{n}.example"]} for n in range(before + 1 + behind)]
    rows[before]["hosts"] = ["all"]
    post = QueryDict(mutable=True)
    new = {"row:f.groups": ["n1"], "f.groups.n1.name": ["new"], "f.groups.n1.hosts": ["new.example"]}
    if part:
        post.setlist("part:f.groups", ["yes"])
    else:
        new["row:f.groups"] = [str(n) for n in range(len(rows))]
        for n, row in enumerate(rows):
            new |= {f"f.groups.{n}.name": [row["name"]], f"f.groups.{n}.hosts": row["hosts"]}
    for name, values in new.items():
        post.setlist(name, values)
    post.setlist("lines:f.groups", ["pasted;pasted.example"])

    found = [row["name"] for row in Reader(GROUPS, post, {"groups": rows}).read()["groups"]]

    fresh = ["new", "pasted"] if part else ["pasted"]
    assert found == [f"g{n}" for n in range(before)] + fresh + [f"g{before + n}" for n in range(behind + 1)]


def test_row_that_takes_all_itself_stays_last() -> None:
    """TRL-04: also where another one does, for the check to name both."""
    every, one = {"hosts": ["ALL"]}, {"hosts": ["a.example"]}
    assert entered([("", one)], [("p", every), ("p", one)], "hosts") == [("", one), ("p", one), ("p", every)]
    assert entered([("", every)], [("p", one)], "") == [("", every), ("p", one)]
