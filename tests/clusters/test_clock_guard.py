"""The clock guard: what is dated too far ahead waits, and nothing is lost (design, section 3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clusters.replication import Replica
from clusters.versions import (
    TOLERANCE,
    Clock,
    CommitId,
    Timestamp,
)
from tests.clusters.histories import (
    LDAP,
    NOON,
    ROUTES,
    World,
    complete,
    edit,
    picture,
    replica,
    sync,
    worlds,
)


def ahead(by: int) -> Replica:
    """A replica `A` whose clock runs ahead, in ms."""
    at = replica("A")
    at.clock = Clock(lambda: NOON + by)
    return at


def test_commit_dated_too_far_ahead_is_held_with_what_builds_on_it() -> None:
    """Clock guard: held, with an alert that names machine and difference; nothing is lost."""
    a, b = ahead(TOLERANCE + 1), replica("B")
    early, late = edit(a, ROUTES, {"n": 1}), edit(a, ROUTES, {"n": 2})
    result = b.absorb(a.missing(b.vector))
    assert result.held == {early.id: TOLERANCE + 1, late.id: TOLERANCE + 1}
    assert (result.taken, result.gap, b.vector) == ((), False, {})
    assert [commit.id for commit in b.store.held()] == [early.id, late.id]


def test_commit_dated_at_the_tolerance_is_taken() -> None:
    a, b = ahead(TOLERANCE), replica("B")
    commit = edit(a, ROUTES, {})
    assert b.absorb([commit]).taken == (commit.id,)


def test_held_commit_does_not_hold_up_others() -> None:
    a, b, c = ahead(TOLERANCE * 2), replica("B"), replica("C")
    edit(a, ROUTES, {})
    other = edit(b, LDAP, {})
    assert c.absorb([*a.missing({}), other]).taken == (other.id,)


def test_held_commit_is_taken_when_it_is_due() -> None:
    a, b = ahead(TOLERANCE * 2), replica("B")
    held = [edit(a, ROUTES, {"n": 1}), edit(a, LDAP, {})]
    b.absorb(held)
    b.clock = Clock(lambda: NOON + TOLERANCE)
    assert b.absorb([]).taken == tuple(c.id for c in held)
    assert b.store.held() == []
    assert picture(a) == picture(b)


def test_held_commit_is_taken_when_a_person_accepts_it() -> None:
    a, b = ahead(TOLERANCE * 2), replica("B")
    first, second = edit(a, ROUTES, {"n": 1}), edit(a, ROUTES, {"n": 2})
    b.absorb([first, second])
    result = b.absorb([], accept=frozenset({first.id}))
    assert (result.taken, list(result.held)) == ((first.id,), [second.id])
    assert [c.id for c in b.store.held()] == [second.id]


def test_accepting_a_commit_accepts_what_it_builds_on() -> None:
    a, b = ahead(TOLERANCE * 2), replica("B")
    first, second = edit(a, ROUTES, {"n": 1}), edit(a, ROUTES, {"n": 2})
    assert b.absorb([first, second], accept=frozenset({second.id})).taken == (first.id, second.id)
    assert b.absorb([], accept=frozenset({CommitId("A", 9)})).taken == ()


def test_accepted_commit_does_not_date_later_ones() -> None:
    """One broken clock must not carry the whole cluster into its future."""
    a, b = ahead(TOLERANCE * 1000), replica("B")
    commit = edit(a, ROUTES, {"n": 1})
    b.absorb([commit], accept=frozenset({commit.id}))
    after = edit(b, ROUTES, {"n": 2})
    assert after.time.wall == NOON
    assert b.store.heads([ROUTES])[ROUTES][0].id == after.id


def test_word_given_for_a_commit_reaches_everyone_with_the_next_commit() -> None:
    """Accepted on one machine, taken on all, as soon as somebody with a sound clock has built on it."""
    a, b, c = ahead(TOLERANCE * 2), replica("B"), replica("C")
    commit = edit(a, ROUTES, {"n": 1})
    assert list(c.absorb([commit]).held) == [commit.id]
    b.absorb([commit], accept=frozenset({commit.id}))
    built = edit(b, LDAP, {})
    assert c.absorb([built]).taken == (commit.id, built.id)
    assert picture(b) == picture(c)


def test_nobody_vouches_for_their_own_clock() -> None:
    a, b = ahead(TOLERANCE * 2), replica("B")
    wrong = edit(a, ROUTES, {"n": 1})
    a.clock.last = Timestamp(0, 0)
    a.clock = Clock(lambda: NOON)
    mended = edit(a, LDAP, {})
    result = b.absorb([mended, wrong])
    assert (result.taken, list(result.held), result.gap) == ((), [wrong.id], False)
    assert {c.id for c in b.store.held()} == {wrong.id, mended.id}
    assert b.absorb([], accept=frozenset({wrong.id})).taken == (wrong.id, mended.id)


def test_someone_else_who_is_ahead_too_vouches_for_nobody() -> None:
    a, b, c = ahead(TOLERANCE * 2), replica("B"), replica("C")
    b.clock = Clock(lambda: NOON + TOLERANCE * 2)
    edit(a, ROUTES, {"n": 1})
    sync(a, b)
    edit(b, LDAP, {})
    assert len(c.absorb(b.missing({})).held) == 2


def test_own_commits_are_never_held() -> None:
    """A replica restored from a backup takes its own commits back whatever their date."""
    a, b = ahead(TOLERANCE * 2), replica("B")
    commits = [edit(a, ROUTES, {"n": 1}), edit(a, LDAP, {})]
    b.absorb(commits, accept=frozenset(c.id for c in commits))
    restored = replica("A")
    assert restored.absorb(b.missing({})).taken == tuple(c.id for c in commits)


def test_commits_in_hand_need_not_be_sent_again() -> None:
    """Held commits at the head of a peer's log must not keep the rest from coming."""
    a, b, relay = ahead(TOLERANCE * 2), replica("B"), replica("R")
    held = [edit(a, ROUTES, {"n": n}) for n in range(3)]
    relay.absorb(held, accept=frozenset(c.id for c in held))
    b_only = replica("C")
    other = edit(b_only, LDAP, {})
    relay.absorb([other])
    taken: list[CommitId] = []
    for _ in range(2):
        taken += b.absorb(relay.missing(b.in_hand, 3)).taken
    assert taken == [other.id]
    assert b.in_hand == {"A": 3, "C": 1}
    assert b.vector == {"C": 1}


def test_held_commit_after_a_gap_is_not_in_hand() -> None:
    a, b = ahead(TOLERANCE * 2), replica("B")
    first, second = edit(a, ROUTES, {"n": 1}), edit(a, ROUTES, {"n": 2})
    b.absorb([second])
    assert b.in_hand == {}
    b.absorb([first])
    assert b.in_hand == {"A": 2}


@given(worlds(), st.data())
def test_guard_loses_nothing_whatever_is_held(world: World, data: st.DataObject) -> None:
    """Whatever a slow clock holds up, it is all there when the clock is right."""
    at = replica("Y")
    behind = data.draw(st.integers(0, 2 * TOLERANCE))
    at.clock = Clock(lambda: NOON - behind)
    for commit in data.draw(st.permutations(world.commits)):
        at.absorb([commit])
    at.clock = Clock(lambda: NOON + TOLERANCE)
    for _ in world.commits:
        at.absorb(world.commits)
    assert picture(at) == picture(complete(world.commits))
    assert at.store.held() == []


def test_snapshot_ends_the_wait_of_what_it_contains() -> None:
    a, b = ahead(TOLERANCE * 2), replica("B")
    first = edit(a, ROUTES, {"n": 1})
    b.absorb([first])
    snapshot = a.snapshot()
    second = edit(a, ROUTES, {"n": 2})
    b.absorb([second])
    b.absorb_snapshot(snapshot)
    assert [c.id for c in b.store.held()] == [second.id]
    assert b.absorb([], accept=frozenset({second.id})).taken == (second.id,)
    assert picture(a) == picture(b)


def test_replica_takes_up_its_clock_where_it_was() -> None:
    a = replica("A")
    edit(a, ROUTES, {"n": 1})
    again = Replica(a.store, "A", Clock(lambda: NOON - 1000))
    assert edit(again, LDAP, {}).time == Timestamp(NOON, 1)
