"""Who stands before the doors: guesses and crowds are counted, bounded, and forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.links.gate import Crowd, Gate, Guesses, Guessing, source_of


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("mx1.example.com", "mx1.example.com", True),
    ],
)
def test_source_is_what_one_caller_has(one: str, other: str, same: bool) -> None:
    """TRU-06: nobody gets more by the many addresses of one network."""
    assert (source_of(one) == source_of(other)) is same


WHO = st.tuples(st.sampled_from(["admin", "ops", "nobody"]), st.integers(1, 4), st.floats(0, 200))


@given(st.lists(WHO, max_size=60))
def test_no_more_guesses_than_the_limits_within_their_time(guesses: list[tuple[str, int, float]]) -> None:
    """TRU-05: of a name from everywhere, of a source for everybody."""
    now, taken, limits = 0.0, [], Guessing(per_name=3, per_address=4, seconds=100)
    counted = Guesses(limits, lambda: now)
    for name, host, later in guesses:
        now += later
        if counted.begin(name, f"192.0.2.{host}") is not None:
            counted.wrong(name, f"192.0.2.{host}")
            taken.append((now, name, host))
    for at, _name, _host in taken:
        window = [each for each in taken if at - 100 < each[0] <= at]
        for name, host in {(name, host) for _at, name, host in window}:
            assert sum(each[1] == name for each in window) <= 3
            assert sum(each[2] == host for each in window) <= 4


def test_guesses_at_once_are_not_more_than_one_after_the_other() -> None:
    """TRU-05: each counts before it is looked at."""
    counted = Guesses(Guessing(per_name=2))
    assert [counted.begin("admin", "192.0.2.1") is None for _ in range(4)] == [False, False, True, True]


def test_right_passphrase_clears_its_name_and_not_what_else_came_from_there() -> None:
    """TRU-05: who has an account gets no further guesses at those of others by it."""
    counted = Guesses(Guessing(per_name=2, per_address=3))
    for name in ("a", "b"):
        counted.begin(name, "192.0.2.1")
        counted.wrong(name, "192.0.2.1")
    begun = counted.begin("mine", "192.0.2.1")
    assert begun is not None
    counted.right("mine", "192.0.2.1", begun)
    assert counted.begin("c", "192.0.2.1") is not None
    assert counted.refusing() == [("address", "192.0.2.1")]


def test_each_wrong_one_takes_longer_up_to_a_bound() -> None:
    """TRU-05: a person who mistypes hardly notices, a program does."""
    counted = Guesses(Guessing(per_name=99, per_address=999))
    waits = []
    for _ in range(8):
        counted.begin("admin", "192.0.2.1")
        waits.append(counted.wrong("admin", "192.0.2.1"))
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


def test_counts_of_any_number_of_names_stay_small() -> None:
    """TRU-05: names are whatever callers say, at any length."""
    guesses = Guesses(Guessing(most=100, per_address=9))
    for number in range(1000):
        guesses.begin("x" * 5000 + str(number), f"198.51.{number // 250}.{number % 250}")
    assert guesses.counted <= 100
    assert max(len(which) for _kind, which in guesses._times) <= 64


def test_crowd_from_everywhere_leaves_the_share_of_members() -> None:
    """TRU-06: and members leave that of strangers."""
    crowd = Crowd(per_source=5, strangers=10, known=10)
    gate = Gate(crowd=crowd, members=lambda: ["192.0.2.7", "mx.example"])
    member, portal = object(), object()
    assert sum(gate.enter(object(), f"198.51.100.{n}") for n in range(30)) == 10
    assert gate.enter(member, "192.0.2.7")
    gate.passed(portal, "203.0.113.9", peer=True)
    assert gate.enter(portal, "203.0.113.9")
    assert not gate.enter(object(), "198.51.100.99")
    gate.left(member)
    assert (gate.half_open, gate.turned_away) == (11, 21)


def test_one_source_gets_its_share_only() -> None:
    """TRU-06: thirty silent connections of one host closed the port to everybody once."""
    gate = Gate()
    assert sum(gate.enter(object(), "198.51.100.1") for _ in range(1000)) == 20
    assert gate.enter(object(), "198.51.100.2")
