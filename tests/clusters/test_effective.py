"""What holds at a mode, where it comes from and why (CL-03, CL-04, CL-05, CL-09, CL-10, CL-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.catalogue import Catalogue, Document, InvalidDocument, Problem, RedFlag, UnknownFeature
from clusters.effective import (
    Layer,
    Overrides,
    difference,
    effective,
    fingerprint,
    flags_at,
    impact,
    line_changes,
    overrides,
    reached,
    setting_at,
)
from clusters.fence import Fence, OlderGeneration
from clusters.modes import CLUSTER, Mode, group, machine
from clusters.state import ClusterState, Group, Machine
from clusters.versions import THE_CLUSTER, Address, Change, Kind, covers, joined, settings_at
from tests.clusters.histories import edit, replica
from tests.clusters.samples import CATALOGUE, FEATURES, SampleConsequences, rows
from tests.clusters.test_versions import JSON, VECTORS

G1, G2 = group("g1"), group("g2")
A, B, C = machine("A"), machine("B"), machine("C")
MODES = (CLUSTER, G1, G2, A, B, C)
CLUSTERABLE = ("routes", "listeners")
MEMBERS = [
    Change(THE_CLUSTER, {"name": "demo"}),
    *(Change(Address(Kind.GROUP, g), Group(g, g, g == "g1").to_value()) for g in ("g1", "g2")),
    *(
        Change(Address(Kind.MACHINE, m), Machine(m, m.lower(), g).to_value())
        for m, g in (("A", "g1"), ("B", "g1"), ("C", "g2"))
    ),
]
DEMO = ClusterState().changed(MEMBERS)


def defining(values: dict[tuple[Mode, str], Document]) -> ClusterState:
    return DEMO.changed([Change(settings_at(mode, name), value) for (mode, name), value in values.items()])


DEFINITIONS = st.dictionaries(
    st.tuples(st.sampled_from(MODES), st.sampled_from(CLUSTERABLE)),
    st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(lambda names: rows(*names)),
)


# value and story


def test_most_specific_definition_holds() -> None:
    """CL-03: set at three levels, delete bottom up, read again."""
    values = {(m, "routes"): rows(str(m)) for m in (CLUSTER, G1, A)}
    for mode in (A, G1, CLUSTER):
        setting = setting_at(defining(values), A, "routes", CATALOGUE)
        assert (setting.value, setting.origin) == (rows(str(mode)), mode)
        del values[mode, "routes"]
    assert setting_at(defining(values), A, "routes", CATALOGUE).origin is None


def test_lower_table_replaces_the_upper_one_as_a_whole() -> None:
    """CL-04: cluster {a,b,c}, group {d}: the machine sees exactly {d}."""
    state = defining({(CLUSTER, "routes"): rows("a", "b", "c"), (G1, "routes"): rows("d")})
    setting = setting_at(state, A, "routes", CATALOGUE)
    assert setting.value == rows("d")
    assert setting.hidden == (Layer(CLUSTER, rows("a", "b", "c"), None),)


def test_override_leaves_all_other_modes_untouched() -> None:
    """CL-05."""
    before = defining({(CLUSTER, "routes"): rows("a")})
    after = before.changed([Change(settings_at(A, "routes"), rows("b"))])
    changed = [m for m in MODES if effective(before, m, CATALOGUE) != effective(after, m, CATALOGUE)]
    assert changed == [A]


def test_empty_hides_and_absent_inherits() -> None:
    """CL-09, CL-10: an empty group setting hides the cluster's and is inherited by its machines."""
    state = defining({(CLUSTER, "routes"): rows("a"), (G1, "routes"): rows()})
    here, there = (setting_at(state, m, "routes", CATALOGUE) for m in (A, C))
    assert (here.value, here.origin) == (rows(), G1)
    assert (there.value, there.origin) == (rows("a"), CLUSTER)
    absent = state.changed([Change(settings_at(G1, "routes"), None)])
    assert setting_at(absent, A, "routes", CATALOGUE).origin == CLUSTER


def test_even_an_empty_object_hides() -> None:
    """CL-10."""
    state = defining({(CLUSTER, "listeners"): rows("a"), (A, "listeners"): {}})
    assert setting_at(state, A, "listeners", CATALOGUE).value == {}


def test_nothing_defined_is_the_factory_default() -> None:
    """T12."""
    routes, listeners = (setting_at(DEMO, A, name, CATALOGUE) for name in CLUSTERABLE)
    assert (listeners.value, listeners.origin, listeners.hidden) == (rows("default"), None, ())
    assert (routes.value, routes.story) == (rows(), ())


def test_group_answers_what_a_machine_there_would_get() -> None:
    state = defining({(CLUSTER, "routes"): rows("a"), (G2, "routes"): rows("b")})
    assert setting_at(state, G2, "routes", CATALOGUE).value == rows("b")
    assert setting_at(state, G1, "routes", CATALOGUE).value == rows("a")
    assert setting_at(state, CLUSTER, "routes", CATALOGUE).value == rows("a")


def test_setting_on_a_level_outside_its_scope_does_not_hold() -> None:
    """RES-01, RES-02: it may have come from another release."""
    state = defining({(CLUSTER, "interfaces"): rows("x"), (A, "users"): rows("y")})
    assert setting_at(state, A, "interfaces", CATALOGUE).story == ()
    assert setting_at(state, A, "users", CATALOGUE).story == ()


def test_story_tells_who_when_and_why() -> None:
    """Design, section 4."""
    at = replica("A")
    edit(at, settings_at(CLUSTER, "routes"), rows("a"), "first")
    edit(at, settings_at(A, "routes"), rows("b"), "only here")
    setting = setting_at(ClusterState.of(at.store.all_heads()), A, "routes", CATALOGUE)
    assert [layer.by.comment for layer in setting.story] == ["only here", "first"]
    assert [str(layer.by.id) for layer in setting.story] == ["A/2", "A/1"]


@pytest.mark.parametrize("state", [DEMO, defining({(CLUSTER, "nothing"): {}})])
def test_unknown_feature_is_refused(state: ClusterState) -> None:
    with pytest.raises(UnknownFeature):
        setting_at(state, A, "nothing", CATALOGUE)
    assert "nothing" not in effective(state, A, CATALOGUE).settings


@given(DEFINITIONS, st.sampled_from(MODES), st.sampled_from(CLUSTERABLE))
def test_value_is_the_first_of_its_story(values: Any, mode: Mode, feature: str) -> None:
    """Design, section 4: value and origin never from two code paths."""
    state = defining(values)
    setting = effective(state, mode, CATALOGUE).settings[feature]
    assert setting == setting_at(state, mode, feature, CATALOGUE)
    expected = [(m, values[m, feature]) for m in state.chain(mode) if (m, feature) in values]
    assert [(layer.mode, layer.value) for layer in setting.story] == expected
    value = expected[0][1] if expected else CATALOGUE.fallback(feature)
    assert (setting.value, setting.hidden) == (value, setting.story[1:])


# fingerprints


@given(DEFINITIONS, DEFINITIONS, st.sampled_from(MODES), st.sampled_from(MODES))
def test_equal_fingerprints_mean_equal_settings(one: Any, two: Any, here: Mode, there: Mode) -> None:
    """Design, section 4, in both directions."""
    a, b = effective(defining(one), here, CATALOGUE), effective(defining(two), there, CATALOGUE)
    assert (a.fingerprint == b.fingerprint) == (a.documents == b.documents)


@given(st.dictionaries(st.sampled_from("ab"), JSON), st.dictionaries(st.sampled_from("ab"), JSON))
def test_fingerprints_tell_documents_apart(a: dict[str, Any], b: dict[str, Any]) -> None:
    try:
        marks = fingerprint(a), fingerprint(b)
    except ValueError:
        return
    assert marks[0] == fingerprint(dict(reversed(a.items())))
    assert (repr(sorted_deeply(a)) == repr(sorted_deeply(b))) == (marks[0] == marks[1])


def sorted_deeply(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sorted_deeply(value[key]) for key in sorted(value)}
    return [sorted_deeply(item) for item in value] if isinstance(value, list) else value


def test_fingerprint_is_short_and_the_same_on_every_machine() -> None:
    """A change of this value would make all machines differ from the portal until all are upgraded."""
    assert fingerprint({"routes": rows("a"), "ldap": {}}) == "450909f8ae32"
    assert len(fingerprint({})) == 12


def test_true_and_one_are_not_the_same_setting() -> None:
    one, two = (defining({(CLUSTER, "routes"): {"x": value}}) for value in (1, True))
    a, b = effective(one, A, CATALOGUE), effective(two, A, CATALOGUE)
    assert a.fingerprint != b.fingerprint
    assert [found.value_changed for found in difference(a, b)] == [True]


# differences and impact


@given(DEFINITIONS, DEFINITIONS, st.sampled_from(MODES))
def test_difference_names_just_the_features_that_differ(one: Any, two: Any, mode: Mode) -> None:
    a, b = (effective(defining(values), mode, CATALOGUE) for values in (one, two))
    found = difference(a, b)
    assert [d.feature for d in found] == [
        f.name
        for f in CATALOGUE
        if (a.settings[f.name].value, a.settings[f.name].origin)
        != (b.settings[f.name].value, b.settings[f.name].origin)
    ]
    assert any(d.value_changed for d in found) == (a.fingerprint != b.fingerprint)
    assert difference(a, a) == []


@given(DEFINITIONS, DEFINITIONS)
def test_impact_names_just_the_machines_on_which_something_differs(one: Any, two: Any) -> None:
    """CMT-02."""
    before, after = defining(one), defining(two)
    found = {i.machine.serial: i for i in impact(before, after, CATALOGUE)}
    for mode in (A, B, C):
        a, b = effective(before, mode, CATALOGUE), effective(after, mode, CATALOGUE)
        assert (mode.id in found) == bool(difference(a, b))
        if mode.id in found:
            told = found[mode.id]
            assert (told.before, told.after) == (a.fingerprint, b.fingerprint)
            assert told.settings_change == (a.documents != b.documents)


def test_impact_shows_lines_and_new_red_flags() -> None:
    """CMT-02, CLI-07: per machine, what changes in the rendered configuration."""
    before = defining({(CLUSTER, "routes"): rows("a", "b")})
    after = before.changed([Change(settings_at(G1, "routes"), rows())])
    found = impact(before, after, CATALOGUE)
    assert [i.machine.serial for i in found] == ["A", "B"]
    assert found[0].lines == (("-", "routes a"), ("-", "routes b"))
    assert found[0].red_flags == (RedFlag("routes", "is empty"),)


def test_impact_of_an_equal_value_from_elsewhere_changes_no_line() -> None:
    before = defining({(CLUSTER, "routes"): rows("a")})
    after = before.changed([Change(settings_at(A, "routes"), rows("a"))])
    (found,) = impact(before, after, CATALOGUE)
    assert (found.settings_change, found.lines, found.red_flags) == (False, (), ())
    assert [d.value_changed for d in found.differences] == [False]


def test_impact_counts_machines_that_come_and_go() -> None:
    """JN-05, RM-01: what a joiner gets, and what a leaver loses."""
    with_a = defining({(G1, "routes"): rows("a")})
    without = with_a.changed([Change(Address(Kind.MACHINE, "A"), None)])
    for before, after, sign in ((without, with_a, "+"), (with_a, without, "-")):
        (found,) = impact(before, after, CATALOGUE)
        assert (found.machine.serial, found.lines) == ("A", ((sign, "routes a"),))


def test_impact_of_a_move_is_what_the_groups_define_otherwise() -> None:
    """GRP-03: moving between groups that define nothing of their own changes nothing."""
    move = [Change(Address(Kind.MACHINE, "A"), Machine("A", "a", "g2").to_value())]
    before = defining({(CLUSTER, "routes"): rows("a")})
    assert impact(before, before.changed(move), CATALOGUE) == []
    apart = before.changed([Change(settings_at(G2, "routes"), rows("b"))])
    (found,) = impact(apart, apart.changed(move), CATALOGUE)
    assert (found.machine.serial, found.lines) == ("A", (("-", "routes a"), ("+", "routes b")))


def test_impact_reaches_a_machine_that_is_in_no_cluster() -> None:
    before = ClusterState()
    after = before.changed([Change(settings_at(CLUSTER, "routes"), rows("a"))])
    assert impact(before, after, CATALOGUE) == []
    (found,) = impact(before, after, CATALOGUE, [Machine("S")])
    assert found.lines == (("+", "routes a"),)


def test_flags_of_a_feature_are_told_on_a_machine_alone() -> None:
    """TRL-20, DEP-05: its own flags and no other feature's; no mail engine runs with what a group holds."""
    state = defining({(CLUSTER, "routes"): rows(), (G2, "routes"): rows("a")})
    assert flags_at(state, A, "routes", CATALOGUE) == [RedFlag("routes", "is empty")]
    assert flags_at(state, C, "routes", CATALOGUE) == []
    for mode in (CLUSTER, G1, G2):
        assert flags_at(state, mode, "routes", CATALOGUE) == ()


class UnreadableConsequences(SampleConsequences):
    """Of an appliance that cannot read what a newer release has written."""

    def red_flags(self, documents: Mapping[str, Document]) -> Sequence[RedFlag]:
        raise InvalidDocument("routes", [Problem("", "is of another release")])


def test_settings_that_cannot_be_read_are_shown_without_flags() -> None:
    """TRL-20, TRL-29: whoever looks at one feature is not stopped by what is damaged in another."""
    damaged = Catalogue({feature.name: feature for feature in FEATURES}, UnreadableConsequences())
    assert flags_at(defining({(CLUSTER, "routes"): rows()}), A, "users", damaged) == ()


LINES = st.lists(st.sampled_from("abcd"), max_size=8)


@given(LINES, LINES)
def test_line_changes_lead_from_one_configuration_to_the_other(before: list[str], after: list[str]) -> None:
    changes = line_changes(before, after)
    gone, come = ([line for s, line in changes if s == sign] for sign in "-+")
    assert sorted([*before, *come]) == sorted([*after, *gone])
    assert bool(changes) == (before != after)


# overrides


def test_overrides_name_who_will_not_see_an_edit() -> None:
    """CLI-07."""
    state = defining({(m, "routes"): rows(str(m)) for m in (CLUSTER, G1, A, C)})
    assert overrides(state, CLUSTER, "routes") == Overrides((G1,), (A, C))
    assert overrides(state, G1, "routes") == Overrides((), (A,))
    assert overrides(state, A, "routes") == Overrides()
    assert overrides(state, CLUSTER, "listeners") == Overrides()
    assert overrides(state, CLUSTER, "routes")
    assert not overrides(state, A, "routes")


@given(DEFINITIONS, st.sampled_from(MODES), st.sampled_from(CLUSTERABLE))
def test_edit_reaches_just_the_machines_that_no_override_hides_it_from(
    values: Any, mode: Mode, feature: str
) -> None:
    """CLI-07: what is promised is what happens."""
    before = defining(values)
    after = before.changed([Change(settings_at(mode, feature), rows("new"))])
    changed = [i.machine for i in impact(before, after, CATALOGUE)]
    assert reached(before, mode, feature) == changed
    hidden = [m for m in before.reach(mode) if m not in changed]
    assert bool(hidden) <= bool(overrides(before, mode, feature))


# the generation fence


@given(st.lists(VECTORS, max_size=6))
def test_fence_never_lets_an_older_generation_in(vectors: list[dict[str, int]]) -> None:
    """Design, section 3: however often or late a message arrives."""
    fence, everything = Fence(), {}
    for vector in vectors:
        known = fence.applied
        if fence.admits(vector):
            fence.admit(vector)
            assert covers(vector, known)
            everything = joined(everything, vector)
        else:
            with pytest.raises(OlderGeneration):
                fence.admit(vector)
            assert fence.applied == known
        assert fence.applied == everything


def test_fence_admits_the_same_generation_again() -> None:
    fence = Fence({"A": 1})
    fence.admit({"A": 1})
    fence.admit({"A": 1, "B": 1})
    for older in ({"A": 1}, {"B": 1}, {"A": 2}, {}):
        assert not fence.admits(older)
        with pytest.raises(OlderGeneration, match="lacks some of it"):
            fence.admit(older)
    assert fence.applied == {"A": 1, "B": 1}
