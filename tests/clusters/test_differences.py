"""What differs between two documents, as people read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.differences import HIDDEN, differences, masked, named_path
from clusters.versions import canonical


def told(before, after, secrets=()):
    return [(c.kind, c.text, c.old, c.new) for c in differences(before, after, secrets)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, []),
        (None, {"a": 1}, [("added", "", None, {"a": 1})]),
        ({"a": 1}, None, [("removed", "", {"a": 1}, None)]),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [("changed", "a", 1, True)]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("changed", "a.b", 1, 2)]),
        ({"a": 1}, {"b": 1}, [("removed", "a", 1, None), ("added", "b", None, 1)]),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, [("removed", "a[2]", 2, None)]),
        ({"a": [1]}, {"a": [1, 2]}, [("added", "a[2]", None, 2)]),
        ({"a": [1, 9]}, {"a": [2, 9]}, [("changed", "a[1]", 1, 2)]),
        ({"a": [1]}, {"a": {"0": 1}}, [("changed", "a", [1], {"0": 1})]),
        ({"a": []}, {"a": []}, []),
        (
            {"a": [{"name": "x", "n": 1}, {"name": "y", "n": 1}]},
            {"a": [{"name": "y", "n": 2}, {"name": "z", "n": 1}]},
            [
                ("removed", "a[x]", {"name": "x", "n": 1}, None),
                ("changed", "a[y].n", 1, 2),
                ("added", "a[z]", None, {"name": "z", "n": 1}),
            ],
        ),
        (
            {"a": [{"domain": "x"}, {"domain": "y"}]},
            {"a": [{"domain": "y"}, {"domain": "x"}]},
            [("changed", "a[order]", ["x", "y"], ["y", "x"])],
        ),
        (
            {"a": [{"name": "x", "n": 1}, {"name": "x", "n": 2}]},
            {"a": [{"name": "x", "n": 1}, {"name": "x", "n": 3}]},
            [("changed", "a[2].n", 2, 3)],
        ),
        ({"a": [{"n": 1}]}, {"a": [{"n": 2}]}, [("changed", "a[1].n", 1, 2)]),
    ],
)
def test_differences_are_told_by_path(before, after, expected) -> None:
    assert told(before, after) == expected


SECRETS = {"password", "users.*.passphrase"}


def test_secrets_are_told_as_changed_and_never_shown() -> None:
    al = {"name": "al", "passphrase": ""}
    before = {
        "password": "one",
        "users": [{"name": "eve", "passphrase": "two"}, al],
    }
    after = {"password": "three", "users": [{"name": "eve", "passphrase": "four"}]}

    assert told(before, after, SECRETS) == [
        ("changed", "password", HIDDEN, HIDDEN),
        ("changed", "users[eve].passphrase", HIDDEN, HIDDEN),
        ("removed", "users[al]", al, None),
    ]
    assert told(None, after, SECRETS) == [
        ("added", "", None, {"password": HIDDEN, "users": [{"name": "eve", "passphrase": HIDDEN}]})
    ]


def test_secrets_inside_a_secret_stay_hidden() -> None:
    assert masked({"key": {"pem": "x"}, "other": [1, "a"]}, {"key"}) == {"key": HIDDEN, "other": [1, "a"]}
    assert told({"key": {"pem": "x"}}, {"key": {"pem": "y"}}, {"key"}) == [
        ("changed", "key.pem", HIDDEN, HIDDEN)
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b"]), inner),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b"]), JSON)


@given(DOCUMENTS, DOCUMENTS)
def test_differences_are_none_just_when_documents_are_equal(before, after) -> None:
    assert (differences(before, after) == []) == (canonical(before) == canonical(after))


@given(DOCUMENTS, DOCUMENTS)
def test_differences_of_nothing_but_secrets_show_nothing(before, after) -> None:
    for change in differences(before, after, {"a", "b"}):
        assert {canonical(change.old), canonical(change.new)} <= {canonical(v) for v in (None, "", HIDDEN)}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("rows.0.rate", "rows[a].rate"),
        ("to.1", "to[2]"),
        ("rows.7.x", "rows.7.x"),
        ("rows.x", "rows.x"),
        ("rate", "rate"),
    ],
)
def test_path_is_told_with_the_names_of_rows(path: str, told: str) -> None:
    document = {"rows": [{"name": "a", "rate": 1}], "to": ["x", "y"], "rate": 2}
    assert named_path(document, path) == told
