"""Names in the order in which people count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clusters.naming import SHOWN, some
from clusters.ordering import natural
from clusters.state import ClusterState
from clusters.versions import Address, Change, Kind

names = st.lists(st.text("abM-.0129é", max_size=9), max_size=9)


def test_numbers_in_names_are_numbers() -> None:
    """TRL-36."""
    given_names = ["m10", "m2", "m1", "M3", "m21.example", "m3.example", "mx", "2", "10"]
    assert sorted(given_names, key=natural) == [
        "2", "10", "m1", "m2", "M3", "m3.example", "m10", "m21.example", "mx",
    ]  # fmt: skip


@given(names.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_any_names_have_one_order(found: tuple[list[str], list[str]]) -> None:
    """TRL-36: whatever the names, and however they came."""
    once, again = (sorted(each, key=natural) for each in found)
    assert once == again


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=30))
def test_hosts_that_are_counted_are_in_the_order_of_their_numbers(numbers: list[int]) -> None:
    """TRL-36."""
    assert sorted((f"m{n}.example" for n in numbers), key=natural) == [
        f"m{n}.example" for n in sorted(numbers)
    ]


def test_machines_and_groups_of_a_cluster_are_in_that_order() -> None:
    """TRL-36: every list of members begins here."""
    state = ClusterState({})
    entries = [
        *(Change(Address(Kind.MACHINE, f"S{n}"), {"name": f"m{n}", "group": "g"}) for n in (10, 2, 1)),
        *(Change(Address(Kind.GROUP, f"g{n}"), {"name": f"G{n}", "initial": False}) for n in (10, 2, 1)),
    ]
    found = state.changed(entries)
    assert [m.name for m in found.machines.values()] == ["m1", "m2", "m10"]
    assert [g.name for g in found.groups.values()] == ["G1", "G2", "G10"]


def test_of_many_names_a_sentence_says_the_first_and_how_many_more() -> None:
    """TRL-36: lint named 21 machines in one line."""
    many = [f"m{n}" for n in range(21)]
    assert some(many) == "m0, m1, m2, m3, m4 and 16 more"
    assert some(many[: SHOWN + 1]) == "m0, m1, m2, m3, m4, m5"
    assert some([]) == ""
