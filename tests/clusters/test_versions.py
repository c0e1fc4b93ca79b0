"""Clocks, ids, addresses, commits and the merge rule (design, section 3)."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.modes import CLUSTER, Level, group
from clusters.versions import (
    MAX_NUMBER,
    MAX_TEXT,
    MAX_WALL,
    THE_BEGINNING,
    THE_CLUSTER,
    TOLERANCE,
    Address,
    Change,
    Clock,
    Commit,
    CommitId,
    Kind,
    MalformedCommit,
    Timestamp,
    Version,
    covers,
    entry_line,
    joined,
    merge,
    settings_at,
    vector_from_wire,
)
from tests.clusters.histories import (
    NOON,
    Wall,
    World,
    edit,
    replica,
    versions_of_one_entry,
    worlds,
)

VECTORS = st.dictionaries(st.sampled_from("ABCD"), st.integers(1, 5))


def version(
    origin: str, number: int, seen: dict[str, int], time: tuple[int, int] = (1, 0), value: Any = None
) -> Version:
    own = {origin: number - 1} if number > 1 else {}
    return Version(CommitId(origin, number), Timestamp(*time), {**seen, **own}, "ada", "host", "", value)


# clocks


def test_clock_gives_the_physical_time() -> None:
    assert Clock(lambda: NOON).tick() == Timestamp(NOON, 0)


def test_clock_counts_within_a_millisecond() -> None:
    clock = Clock(lambda: NOON)
    assert [clock.tick() for _ in range(3)] == [Timestamp(NOON, n) for n in range(3)]


def test_clock_never_runs_behind_what_it_observed() -> None:
    clock = Clock(lambda: NOON)
    clock.observe(Timestamp(NOON + 1000, 7))
    assert clock.tick() == Timestamp(NOON + 1000, 8)
    clock.observe(Timestamp(NOON - 1000, 0))
    assert clock.tick() == Timestamp(NOON + 1000, 9)


def test_clock_does_not_take_over_a_date_beyond_the_tolerance() -> None:
    """Clock guard: a commit accepted in spite of its date must not date all that come after it."""
    clock = Clock(lambda: NOON)
    clock.observe(Timestamp(NOON + TOLERANCE + 1, 0))
    assert clock.tick() == Timestamp(NOON, 0)


def test_clock_keeps_what_it_had_observed_before_a_wrong_date() -> None:
    clock = Clock(lambda: NOON)
    clock.observe(Timestamp(NOON + 1000, 0))
    clock.observe(Timestamp(NOON + TOLERANCE * 9, 0))
    assert clock.tick() == Timestamp(NOON + 1000, 1)


def test_clock_that_was_set_right_dates_by_the_physical_time_again() -> None:
    wall = Wall(NOON + 9 * 3_600_000)
    clock = Clock(wall)
    clock.tick()
    wall.now = NOON
    assert clock.tick() == Timestamp(NOON, 0)


def test_clock_set_back_within_the_tolerance_does_not_run_backwards() -> None:
    wall = Wall(NOON)
    clock = Clock(wall)
    first = clock.tick()
    wall.now = NOON - TOLERANCE
    assert clock.tick() > first


@pytest.mark.parametrize(("wall", "told"), [(-5, 0), (MAX_WALL + 5, MAX_WALL), (NOON, NOON)])
def test_clock_tells_only_times_that_have_a_date(wall: int, told: int) -> None:
    assert Clock(lambda: wall).wall() == told
    assert Clock(lambda: wall).tick().wall == told


@pytest.mark.parametrize(
    ("by", "ahead"), [(TOLERANCE, 0), (TOLERANCE + 1, TOLERANCE + 1), (-TOLERANCE * 9, 0)]
)
def test_ahead_is_counted_beyond_the_tolerance(by: int, ahead: int) -> None:
    assert Clock(lambda: NOON).ahead(Timestamp(NOON + by, 0)) == ahead


@given(st.lists(st.tuples(st.integers(0, TOLERANCE), st.booleans())))
def test_ticks_grow_while_clocks_stay_within_the_tolerance(steps: list[tuple[int, bool]]) -> None:
    wall = Wall(NOON)
    clock = Clock(wall)
    last = THE_BEGINNING
    for offset, observed in steps:
        wall.now = NOON + offset
        if observed:
            clock.observe(Timestamp(NOON + offset, 3))
        else:
            assert clock.tick() > last
            last = clock.last


# ids and addresses


@given(st.text(st.characters(categories=["L", "N", "P"], exclude_characters="/"), min_size=1, max_size=9))
def test_commit_id_is_read_back(origin: str) -> None:
    assert CommitId.parse(str(CommitId(origin, 17))) == CommitId(origin, 17)


@pytest.mark.parametrize(
    "text",
    ["", "A", "A/", "/1", "A/0", "A/01", "A/-1", "A/1.5", "A/x", "A/١", "A/B/1", "A\n/1"],
)
def test_commit_id_refuses_any_other_form(text: str) -> None:
    with pytest.raises(MalformedCommit):
        CommitId.parse(text)


@pytest.mark.parametrize("text", [f"A/{MAX_NUMBER}", "A/" + "9" * 400, "x" * 65 + "/1"])
def test_commit_id_refuses_what_is_too_large(text: str) -> None:
    with pytest.raises(MalformedCommit):
        CommitId.parse(text)


@given(st.text(alphabet="AB/0123456789", max_size=20))
def test_commit_id_has_one_written_form(text: str) -> None:
    try:
        ident = CommitId.parse(text)
    except MalformedCommit:
        return
    assert str(ident) == text


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (THE_CLUSTER, "cluster"),
        (Address(Kind.MACHINE, "C37"), "machine/C37"),
        (settings_at(CLUSTER, "routes"), "settings/cluster/routes"),
        (settings_at(group("g:1"), "routes"), "settings/group:g:1/routes"),
    ],
)
def test_address_is_written_in_one_form(address: Address, text: str) -> None:
    assert str(address) == text
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "site/x",
        "cluster/x",
        "cluster/",
        "machine",
        "machine/",
        "machine/a/b",
        "settings",
        "settings/cluster",
        "settings/cluster/",
        "settings/cluster/a/b",
        "settings/site:x/a",
        "settings//a",
        "machine/a\nb",
        f"machine/{'x' * 101}",
    ],
)
def test_address_refuses_any_other_form(text: str) -> None:
    with pytest.raises(MalformedCommit):
        Address.parse(text)


@given(st.text(alphabet="/:abglmrstceunihop", max_size=24))
def test_address_has_one_written_form(text: str) -> None:
    try:
        address = Address.parse(text)
    except MalformedCommit:
        return
    assert str(address) == text


@pytest.mark.parametrize(
    ("kind", "name", "mode"),
    [
        (Kind.SETTINGS, "routes", None),
        (Kind.GROUP, "g", CLUSTER),
        (Kind.CLUSTER, "x", None),
        (Kind.GROUP, "", None),
    ],
)
def test_address_that_could_not_be_sent_cannot_be_made(kind: Kind, name: str, mode: Any) -> None:
    with pytest.raises(MalformedCommit):
        Address(kind, name, mode)


def test_levels_are_told_apart_in_addresses() -> None:
    """CL-01, GRP-05: a group and a machine of one id are two modes."""
    same_id = {str(settings_at(mode, "routes")) for mode in (CLUSTER, group("x"), group("y"))}
    assert len(same_id) == 3
    assert Address.parse("settings/machine:x/routes").mode.level is Level.MACHINE


# vectors


@given(VECTORS, VECTORS)
def test_joined_is_the_least_vector_that_covers_both(a: dict[str, int], b: dict[str, int]) -> None:
    both = joined(a, b)
    assert covers(both, a)
    assert covers(both, b)
    assert all(number in (a.get(o), b.get(o)) for o, number in both.items())
    assert joined(b, a) == both


def test_covers_tells_what_is_missing() -> None:
    assert covers({"A": 2}, {"A": 2})
    assert covers({"A": 2}, {})
    assert not covers({"A": 2}, {"A": 3})
    assert not covers({"A": 2}, {"B": 1})


# the merge rule


@given(versions_of_one_entry(), st.data())
def test_merge_does_not_ask_for_order_repetition_or_grouping(
    made: list[Version], data: st.DataObject
) -> None:
    """Design, section 3: commutative, associative, idempotent."""
    heads = merge(made)
    again = data.draw(st.permutations([*made, *data.draw(st.lists(st.sampled_from(made)))] if made else []))
    assert merge(again) == heads
    cut = data.draw(st.integers(0, len(again)))
    assert merge([*merge(again[:cut]), *merge(again[cut:])]) == heads
    assert merge(heads) == heads


@given(versions_of_one_entry())
def test_merge_keeps_just_what_no_other_had_seen(made: list[Version]) -> None:
    """Design, section 3: the clock never decides between versions that had seen one another."""
    unseen = {v.id for v in made if not any(o.id != v.id and o.had_seen(v.id) for o in made)}
    assert {v.id for v in merge(made)} == unseen
    assert bool(merge(made)) == bool(made)


@given(versions_of_one_entry())
def test_of_concurrent_versions_the_latest_stands(made: list[Version]) -> None:
    """SYN-08: newest wins; T19: equal times are decided by the serial number."""
    heads = merge(made)
    assert [(v.time, v.id) for v in heads] == sorted(((v.time, v.id) for v in heads), reverse=True)


def test_version_that_had_seen_the_other_wins_however_absurd_the_clocks() -> None:
    old = version("A", 1, {}, (MAX_WALL, 9))
    new = version("B", 1, {"A": 1}, (0, 0))
    assert merge([old, new]) == merge([new, old]) == (new,)


def test_concurrent_versions_of_one_moment_are_decided_by_origin() -> None:
    """T19: both machines updated at the very same second."""
    a, b = version("A", 1, {}), version("B", 1, {})
    assert merge([a, b]) == merge([b, a]) == (b, a)


def test_version_that_had_seen_both_sides_ends_a_conflict() -> None:
    a, b = version("A", 1, {}, (5, 0)), version("B", 1, {}, (9, 0))
    healed = version("A", 2, {"B": 1}, (6, 0))
    assert merge([healed, b, a]) == (healed,)


def test_version_that_had_seen_one_side_stays_in_conflict_with_the_other() -> None:
    a, b = version("A", 1, {}, (5, 0)), version("B", 1, {}, (9, 0))
    further = version("A", 2, {}, (6, 0))
    assert merge([a, b, further]) == (b, further)


def test_versions_that_claim_to_have_seen_one_another_do_not_empty_an_entry() -> None:
    liars = [version("A", 1, {"B": 1}), version("B", 1, {"A": 1})]
    assert len(merge(liars)) == 1


def test_author_had_seen_their_own_commits() -> None:
    mine = version("A", 3, {"B": 2})
    assert [mine.had_seen(CommitId("A", n)) for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert mine.had_seen(CommitId("B", 2))
    assert not mine.had_seen(CommitId("B", 3))


@pytest.mark.parametrize(
    "other",
    [
        [version("A", 2, {}, value={"a": 1})],
        [version("A", 1, {}, value={"a": 2})],
        [version("A", 1, {}, (2, 0), value={"a": 1})],
        [version("A", 1, {}, value={"a": True})],
        [version("A", 1, {}, value=None)],
        [version("A", 1, {}, value={"a": 1}), version("B", 1, {})],
    ],
)
def test_entry_line_tells_different_entries_apart(other: list[Version]) -> None:
    """SYN-10: what the digest is made of."""
    line = entry_line(THE_CLUSTER, (version("A", 1, {}, value={"a": 1}),))
    assert entry_line(THE_CLUSTER, tuple(other)) != line
    assert entry_line(Address(Kind.GROUP, "g"), (version("A", 1, {}, value={"a": 1}),)) != line


# the wire


def made_commit() -> Commit:
    at = replica("A")
    edit(at, THE_CLUSTER, {"name": "demo"})
    return edit(at, THE_CLUSTER, {"name": "日本", "deep": [{"x": [1, 2.5, None, True]}]}, "über")


@given(worlds())
def test_every_commit_and_version_is_read_back_from_json(world: World) -> None:
    for commit in world.commits:
        assert Commit.from_wire(json.loads(json.dumps(commit.to_wire()))) == commit
    for at in world.replicas:
        for _, heads in at.store.all_heads():
            for head in heads:
                assert Version.from_wire(json.loads(json.dumps(head.to_wire()))) == head


def test_link_changes_with_anything_that_a_commit_says() -> None:
    commit = made_commit()
    others = [
        replace(commit, time=Timestamp(1, 1)),
        replace(commit, user="eve"),
        replace(commit, comment=""),
        replace(commit, host="elsewhere"),
        replace(commit, seen={**commit.seen, "B": 1}),
        replace(commit, changes=(Change(THE_CLUSTER, None),)),
        replace(commit, previous="0" * 16),
    ]
    assert len({commit.link, *(other.link for other in others)}) == 8


BROKEN: list[tuple[str, Any]] = [
    *(("id", v) for v in (None, 3, "", "A", "A/3", "A/0", "A/1", "B/2", "A/2 ", ["A", 2])),
    *(("time", v) for v in (None, 5, [], [1], [1, 2, 3], [-1, 0], [0, -1], [1.5, 0], [True, 0], ["1", 0])),
    *(("time", v) for v in ([MAX_WALL + 1, 0], [0, MAX_NUMBER], [10**400, 0], {"wall": 1})),
    *(("seen", v) for v in (None, [], {}, {"A": 0}, {"A": 2}, {"A": "1"}, {"A": True}, {"A": 1.0})),
    *(("seen", v) for v in ({"A": 1, "": 1}, {"A": 1, "B/1": 1}, {"A": 1, "B": 0}, {"A": 1, "B": -1})),
    *(("seen", v) for v in ({"A": 1, "B": MAX_NUMBER}, {"A": 1, "x" * 65: 1}, {"A": 1, "\ud800": 1})),
    *(
        (f, v)
        for f in ("user", "host", "comment")
        for v in (None, 1, [], "x" * (MAX_TEXT + 1), "a\x00", "\ud800")
    ),
    *(("changes", v) for v in (None, {}, "x", [], [None], [{}], [{"address": "cluster"}])),
    *(("previous", v) for v in (None, 1, "", "0" * 15, "0" * 17, "G" * 16, "0" * 15 + "A")),
]


@pytest.mark.parametrize(("field", "value"), BROKEN)
def test_commit_with_a_broken_field_is_refused(field: str, value: Any) -> None:
    wire = made_commit().to_wire()
    assert Commit.from_wire(wire).id.number == 2
    with pytest.raises(MalformedCommit):
        Commit.from_wire({**wire, field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("address", v) for v in (None, 1, "", "site", "cluster/x", "x" * 5000, "machine/\ud800")),
        *(("value", v) for v in (1, "x", [], True, {"a": float("nan")}, {"a": float("inf")}, {"a": 2**63})),
        *(
            ("value", v)
            for v in ({"a": "\x00"}, {"a\x00": 1}, {"a": "\udfff"}, {1: 2}, {"a": {2, 3}}, {"a": b""})
        ),
        *(("value", v) for v in ({"a": 1e300}, {"a": -(2**63)}, {"a": 10**5000})),
        *(("replaces", v) for v in (1, "", "A", "A/0", "A/" + "9" * 30, [])),
    ],
)
def test_change_with_a_broken_field_is_refused(field: str, value: Any) -> None:
    wire = Change(THE_CLUSTER, {"name": "x"}, CommitId("A", 1)).to_wire()
    assert Change.from_wire(wire).value == {"name": "x"}
    with pytest.raises(MalformedCommit):
        Change.from_wire({**wire, field: value})


def test_commit_must_name_the_one_before_it_unless_it_is_the_first() -> None:
    first = edit(replica("A"), THE_CLUSTER, {}).to_wire()
    assert first["previous"] == ""
    with pytest.raises(MalformedCommit):
        Commit.from_wire({**first, "previous": "0" * 16})


def test_commit_that_changes_an_entry_twice_is_refused() -> None:
    wire = made_commit().to_wire()
    with pytest.raises(MalformedCommit, match="twice"):
        Commit.from_wire({**wire, "changes": wire["changes"] * 2})


@pytest.mark.parametrize("missing", sorted(made_commit().to_wire()))
def test_commit_without_a_field_or_with_a_foreign_one_is_refused(missing: str) -> None:
    wire = made_commit().to_wire()
    with pytest.raises(MalformedCommit):
        Commit.from_wire({**wire, "extra": 1})
    del wire[missing]
    with pytest.raises(MalformedCommit):
        Commit.from_wire(wire)


def test_value_nested_beyond_all_sense_is_refused() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"x": deep}
    with pytest.raises(MalformedCommit, match="nested"):
        Change.from_wire({"address": "cluster", "value": deep, "replaces": None, "past": None})


def test_numbers_have_one_form_in_every_store() -> None:
    """A database that keeps 1.0 as 1 must not change the digest."""
    wire = {
        "address": "cluster",
        "value": {"a": 1.0, "b": -0.0, "c": 1e16, "d": 0.5, "e": True},
        "replaces": None,
        "past": None,
    }
    value = Change.from_wire(wire).value
    assert json.dumps(value) == '{"a": 1, "b": 0, "c": 10000000000000000, "d": 0.5, "e": true}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_arbitrary_json_is_a_commit_or_refused(raw: Any) -> None:
    for reader in (Commit.from_wire, Version.from_wire, Change.from_wire, vector_from_wire):
        try:
            read = reader(raw)
        except MalformedCommit:
            continue
        assert read is not None


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *itertools.chain.from_iterable(paths(v, (*path, k)) for k, v in inner)]


def mutated(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at one place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = mutated(copy[path[0]], path[1:], new)
    return copy


@given(st.data(), JSON)
def test_mutated_commit_is_refused_or_read_back(data: st.DataObject, new: Any) -> None:
    wire = made_commit().to_wire()
    raw = mutated(wire, data.draw(st.sampled_from(paths(wire))), new)
    try:
        commit = Commit.from_wire(raw)
    except MalformedCommit:
        return
    assert Commit.from_wire(json.loads(json.dumps(commit.to_wire()))) == commit
