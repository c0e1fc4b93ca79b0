"""Patterns for recipients: what contains what, and that two kinds of table say the same."""

from hypothesis import given
from hypothesis import strategies as st

from appliances.features.patterns import enclosing, key, narrowest, reachable

names = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(".".join)
patterns = st.one_of(
    names,
    names.map(lambda n: f".{n}"),
    names.map(lambda n: f"u@{n}"),
    names.map(lambda n: f"U@{n}"),
    st.just("ALL"),
)


def test_enclosing_goes_from_narrow_to_wide() -> None:
    assert list(enclosing("U@x.a.example")) == [
        "u@x.a.example",
        "x.a.example",
        ".a.example",
        ".example",
        "ALL",
    ]
    assert list(enclosing(".a.example")) == [".a.example", ".example", "ALL"]
    assert list(enclosing("ALL")) == ["ALL"]


def matches(pattern: str, recipient: str) -> bool:
    """What a pattern means, said another way."""
    domain = recipient.partition("@")[2]
    if pattern == "ALL":
        return True
    if "@" in pattern:
        return pattern.lower() == recipient.lower()
    return domain.endswith(pattern) if pattern.startswith(".") else domain == pattern


@given(st.lists(patterns, max_size=8, unique_by=key), names.map(lambda n: f"u@{n}"))
def test_narrowest_of_the_reachable_is_the_first_match(table: list[str], recipient: str) -> None:
    first = next((pattern for pattern in table if matches(pattern, recipient)), None)
    rows = {key(pattern): pattern for pattern, _value in reachable((pattern, 0) for pattern in table)}
    assert narrowest(rows, recipient) == first


@given(patterns, patterns, names.map(lambda n: f"u@{n}"))
def test_enclosing_pattern_matches_whatever_the_inner_one_does(one: str, other: str, recipient: str) -> None:
    if key(other) in enclosing(one) and matches(one, recipient):
        assert matches(other, recipient)
