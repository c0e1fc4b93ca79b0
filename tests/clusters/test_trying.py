"""A change tried on some machines first: laws of the way on and of the way back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clusters.effective import effective
from clusters.modes import CLUSTER, Mode, machine
from clusters.state import ClusterState
from clusters.trying import (
    Tried,
    begin,
    go_back,
    go_on,
    plan,
    reached,
    replaced,
    some_of_each_group,
    untried,
)
from clusters.versions import Address, Change, CommitId, Kind, settings_at
from tests.clusters.samples import CATALOGUE, rows
from tests.clusters.test_effective import CLUSTERABLE, DEFINITIONS, G1, MODES, A, B, C, defining

TRIAL, OTHER, BASE = CommitId("P", 7), CommitId("B", 3), CommitId("P", 1)
ROUTES = settings_at(CLUSTER, "routes")
SERIALS = st.sets(st.sampled_from("ABC"))
CHANGES = st.dictionaries(
    st.tuples(st.sampled_from(MODES), st.sampled_from(CLUSTERABLE)),
    st.none() | st.lists(st.sampled_from("abcd"), max_size=2, unique=True).map(lambda names: rows(*names)),
).map(lambda found: [Change(settings_at(mode, name), value, BASE) for (mode, name), value in found.items()])


def values(state: ClusterState, mode: Mode) -> dict[str, object]:
    return dict(effective(state, mode, CATALOGUE).documents)


def during(state: ClusterState, tried: list[Tried]) -> ClusterState:
    return state.changed(begin(tried, {}))


@given(DEFINITIONS, CHANGES, SERIALS)
def test_machines_that_try_run_what_the_change_would_give_them_and_others_what_they_had(
    values_before: dict, changes: list[Change], serials: set[str]
) -> None:
    before = defining(values_before)
    now = during(before, plan(before, changes, CATALOGUE, serials))
    for mode in (A, B, C):
        expected = before.changed(changes) if mode.id in serials else before
        assert values(now, mode) == values(expected, mode)


@given(DEFINITIONS, CHANGES, SERIALS)
def test_going_back_leaves_everything_as_it_was(
    values_before: dict, changes: list[Change], serials: set[str]
) -> None:
    before = defining(values_before)
    tried = plan(before, changes, CATALOGUE, serials)
    back = during(before, tried).changed(go_back(tried, TRIAL, {t.address: TRIAL for t in tried}))
    assert back.entries == before.entries


@given(DEFINITIONS, CHANGES, SERIALS)
def test_going_on_leaves_everything_as_the_plain_commit_does(
    values_before: dict, changes: list[Change], serials: set[str]
) -> None:
    before = defining(values_before)
    tried = plan(before, changes, CATALOGUE, serials)
    after = during(before, tried).changed(go_on(changes, tried, TRIAL))
    plain = before.changed(changes)
    assert after.entries == plain.entries
    for mode in MODES:
        assert values(after, mode) == values(plain, mode)


@given(DEFINITIONS, CHANGES, SERIALS)
def test_going_on_writes_each_entry_once(
    values_before: dict, changes: list[Change], serials: set[str]
) -> None:
    before = defining(values_before)
    tried = plan(before, changes, CATALOGUE, serials)
    written = [change.address for change in go_on(changes, tried, TRIAL)]
    assert len(written) == len(set(written))


def test_machine_whose_own_settings_hide_the_change_tries_nothing() -> None:
    state = defining({(CLUSTER, "routes"): rows("a"), (A, "routes"): rows("own")})
    changes = [Change(ROUTES, rows("b"), BASE)]
    assert plan(state, changes, CATALOGUE, ["A"]) == []
    assert [m.serial for m in reached(state, changes, CATALOGUE)] == ["B", "C"]


def test_deleted_definition_is_tried_as_what_would_be_inherited() -> None:
    state = defining({(A, "listeners"): rows("own")})
    address = settings_at(A, "listeners")
    tried = plan(state, [Change(address, None, BASE)], CATALOGUE, ["A"])
    assert tried == [Tried(address, rows("own"), rows("default"))]
    assert go_on([Change(address, None, BASE)], tried, TRIAL) == [Change(address, None, TRIAL)]


def test_what_is_not_clusterable_or_no_setting_waits_for_the_end() -> None:
    changes = [
        Change(ROUTES, rows("b")),
        Change(settings_at(machine("A"), "interfaces"), rows("eth0")),
        Change(settings_at(CLUSTER, "users"), rows("ann")),
        Change(settings_at(CLUSTER, "of_another_release"), {}),
        Change(Address(Kind.PENDING_JOIN, "NEW"), {"key": "k"}),
    ]
    state = defining({})
    assert untried(changes, CATALOGUE) == [change.address for change in changes[1:]]
    assert {t.address.name for t in plan(state, changes, CATALOGUE, "ABC")} == {"routes"}


def test_some_machines_of_each_group_are_chosen() -> None:
    machines = list(defining({}).machines.values())
    assert [m.serial for m in some_of_each_group(machines, 1)] == ["A", "C"]
    assert [m.serial for m in some_of_each_group(machines, 2)] == ["A", "B", "C"]
    assert some_of_each_group(machines, 0) == []


def test_try_builds_on_the_versions_in_force() -> None:
    tried = [
        Tried(settings_at(A, "routes"), None, rows("b")),
        Tried(settings_at(B, "routes"), None, rows("b")),
    ]
    assert [c.replaces for c in begin(tried, {tried[0].address: OTHER})] == [OTHER, None]


def test_what_others_wrote_on_a_trying_machine_is_theirs() -> None:
    """CMT-04: going back does not undo another person's commit."""
    tried = [Tried(settings_at(A, "routes"), rows("a"), rows("b")), Tried(settings_at(B, "routes"), None, {})]
    now = {tried[0].address: OTHER, tried[1].address: TRIAL}
    assert go_back(tried, TRIAL, now) == [Change(tried[1].address, None, TRIAL)]


def test_replaced_entries_are_named_before_and_during_a_try() -> None:
    """CMT-04."""
    group_routes = settings_at(G1, "routes")
    changes = [Change(ROUTES, rows("b"), BASE), Change(group_routes, rows("b"), None)]
    tried = [Tried(settings_at(A, "routes"), None, rows("b"))]
    now = {ROUTES: BASE}
    assert replaced(changes, [], None, now) == []
    assert replaced(changes, [], None, {ROUTES: OTHER, group_routes: OTHER}) == [ROUTES, group_routes]
    assert replaced(changes, tried, TRIAL, {**now, tried[0].address: TRIAL}) == []
    assert replaced(changes, tried, TRIAL, now) == [tried[0].address]
