"""What a cluster is at one moment (CL-01, CL-02, CL-10, CL-11)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.modes import CLUSTER, Level, Mode, group, machine
from clusters.state import ClusterState, Defined, Group, Machine, Portal, UnknownMode
from clusters.versions import THE_CLUSTER, Address, Change, Kind, settings_at
from tests.clusters.histories import LDAP, ROUTES, edit, replica, worlds

MAIN = Group("g1", "Main_Group", initial=True)
PARIS = Group("g2", "paris")
ROME = Machine("S1", "rome", "g1", address="192.0.2.1", port=2022, ccs_port=2222, host_key="k", user_key="u")
LYON = Machine("S2", "Lyon", "g2", disconnected=True)
GONE = Machine("S3", "oslo", "g9")


def state_of(*records: Group | Machine | Portal, settings: dict[Address, Any] | None = None) -> ClusterState:
    kinds = {Group: Kind.GROUP, Machine: Kind.MACHINE, Portal: Kind.PORTAL}
    changes = [Change(THE_CLUSTER, {"name": "demo"})]
    for record in records:
        ident = record.id if isinstance(record, Group) else record.serial
        changes.append(Change(Address(kinds[type(record)], ident), record.to_value()))
    changes += [Change(address, value) for address, value in (settings or {}).items()]
    return ClusterState().changed(changes)


DEMO = state_of(PARIS, MAIN, ROME, LYON, Portal("P1", "portal", "key"))


# records


def test_modes_are_the_cluster_its_groups_and_its_machines() -> None:
    """CL-01: number of modes = 1 + groups + machines."""
    assert [str(mode) for mode in DEMO.modes()] == [
        "cluster",
        "group:g1",
        "group:g2",
        "machine:S2",
        "machine:S1",
    ]


def test_records_are_read_back_as_they_were_written() -> None:
    assert DEMO.groups == {"g1": MAIN, "g2": PARIS}
    assert DEMO.machines == {"S2": LYON, "S1": ROME}
    assert DEMO.portals == {"P1": Portal("P1", "portal", "key")}


def test_initial_group_comes_first_and_the_rest_by_name() -> None:
    """GRP-07."""
    state = state_of(Group("z", "alpha"), Group("y", "Beta"), Group("x", "zeta", initial=True))
    assert [g.name for g in state.groups.values()] == ["zeta", "alpha", "Beta"]
    assert state.initial_group.id == "x"


def test_cluster_without_a_group_has_no_initial_one() -> None:
    with pytest.raises(UnknownMode):
        _ = state_of(ROME).initial_group


def test_members_of_a_group() -> None:
    """CL-02."""
    assert DEMO.members("g1") == [ROME]
    assert DEMO.members("g2") == [LYON]
    assert DEMO.members("g9") == []


def test_member_of_a_deleted_group_is_in_the_initial_one() -> None:
    """CL-02: a machine moved into a group while another side deleted it."""
    state = state_of(MAIN, PARIS, GONE)
    assert state.machines["S3"].group == "g1"
    assert state_of(GONE).machines["S3"].group == "g9"


@pytest.mark.parametrize(
    ("value", "machine_read"),
    [
        ({"name": "rome", "from_another_release": 1}, Machine("S1", "rome")),
        ({"name": None, "group": "g1"}, Machine("S1", group="g1")),
        ({"name": 5, "port": "22", "address": ["x"], "disconnected": "no"}, Machine("S1")),
        ({"port": True, "ccs_port": "2222"}, Machine("S1")),
        ({"ccs_port": None}, Machine("S1")),
        ({"ccs_port": 2222}, Machine("S1", ccs_port=2222)),
        ({"serial": "S9", "id": "x"}, Machine("S1")),
        ({}, Machine("S1")),
    ],
)
def test_bad_record_hides_nothing_but_its_bad_fields(value: dict[str, Any], machine_read: Machine) -> None:
    """One entry of another release, or of a broken peer, must not hide the rest of the cluster."""
    change = Change(Address(Kind.MACHINE, "S1"), value)
    assert state_of(LYON).changed([change]).machines == {"S1": machine_read, "S2": LYON}


# names


def test_names_of_the_cluster() -> None:
    assert (DEMO.name, DEMO.standalone, DEMO.by_address) == ("demo", False, False)
    bare = ClusterState()
    assert (bare.name, bare.standalone, bare.by_address) == ("", True, False)


def test_style_of_addresses_is_one_for_the_cluster() -> None:
    """CL-13."""
    changed = DEMO.changed([Change(THE_CLUSTER, {"name": None, "by_address": True})])
    assert (changed.name, changed.by_address) == ("", True)


NAMED = [(CLUSTER, "demo"), (group("g2"), "paris"), (machine("S2"), "Lyon")]


@pytest.mark.parametrize(("mode", "name"), NAMED)
def test_modes_have_the_names_that_people_use(mode: Mode, name: str) -> None:
    """CLI-05."""
    assert DEMO.mode_name(mode) == name
    assert DEMO.mode_named(mode.level, name.upper()) == mode
    assert DEMO.mode_named(mode.level, mode.id) == mode


def test_machine_whose_name_is_beyond_ascii_is_not_taken_for_another() -> None:
    """TRL-05: without regard to case faß.de is fass.de."""
    state = state_of(MAIN, Machine("S1", "mx.fass.de", "g1"), Machine("S2", "mx.xn--fa-hia.de", "g1"))
    assert state.mode_named(Level.MACHINE, "MX.Faß.de") == machine("S2")


@pytest.mark.parametrize("mode", [group("S1"), machine("g1"), machine("S3")])
def test_mode_that_the_cluster_has_not_is_unknown(mode: Mode) -> None:
    # The id of a group means nothing to people.
    with pytest.raises(UnknownMode, match="That group" if mode.level is Level.GROUP else mode.id):
        DEMO.mode_name(mode)
    with pytest.raises(UnknownMode, match=mode.id):
        DEMO.mode_named(mode.level, mode.id)


# entries


def test_rename_moves_no_settings() -> None:
    """GRP-05: groups are identities, not names."""
    state = state_of(PARIS, LYON, settings={settings_at(group("g2"), "routes"): {"a": 1}})
    renamed = state.changed([Change(Address(Kind.GROUP, "g2"), Group("g2", "Lutetia").to_value())])
    assert renamed.mode_name(group("g2")) == "Lutetia"
    assert renamed.defined(group("g2"), "routes") == state.defined(group("g2"), "routes")


def test_absent_is_not_empty() -> None:
    """CL-10, CL-11."""
    state = DEMO.changed([Change(ROUTES, {}), Change(LDAP, {"a": 1})])
    assert state.defined(CLUSTER, "routes") == Defined({})
    assert state.defining("routes") == [CLUSTER]
    assert state.changed([Change(ROUTES, None)]).defined(CLUSTER, "routes") is None
    assert DEMO.changed([Change(ROUTES, None)]).entries == DEMO.entries


def test_defining_lists_modes_in_order_and_only_those_that_exist() -> None:
    """SET-02, GUI-08."""
    modes = [machine("S1"), group("g2"), CLUSTER, group("deleted")]
    state = state_of(MAIN, PARIS, ROME, settings={settings_at(mode, "routes"): {} for mode in modes})
    assert state.defining("routes") == [CLUSTER, group("g2"), machine("S1")]
    assert state.defining("ldap") == []


def test_change_of_a_state_leaves_the_state_as_it_was() -> None:
    before = dict(DEMO.entries)
    DEMO.changed([Change(ROUTES, {}), Change(THE_CLUSTER, None)])
    assert DEMO.entries == before


def test_state_of_heads_has_what_is_in_force_and_by_whom() -> None:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"by": "a"})
    edit(a, LDAP, {})
    gone = edit(a, LDAP, None)
    wins = edit(b, ROUTES, {"by": "b"}, "mine")
    a.absorb(b.missing({}))
    state = ClusterState.of(a.store.all_heads())
    assert state.entries == {ROUTES: Defined({"by": "b"}, wins.version(wins.changes[0]))}
    assert state.defined(CLUSTER, "routes").by.comment == "mine"
    assert gone.id in {heads[0].id for _, heads in a.store.all_heads()}
    assert ClusterState.of([(ROUTES, ())]).entries == {}


@given(worlds(), st.data())
def test_state_of_a_draft_is_the_state_of_its_commit(world: Any, data: st.DataObject) -> None:
    """Design, section 4: one function answers for now and for a draft."""
    at = data.draw(st.sampled_from(world.replicas))
    value = data.draw(st.none() | st.just({"rows": ["x"]}))
    before = ClusterState.of(at.store.all_heads())
    commit = edit(at, ROUTES, value)
    after = ClusterState.of(at.store.all_heads())
    version = commit.version(commit.changes[0])
    assert before.changed(commit.changes, version).entries == after.entries


# chains


def test_chain_goes_from_the_machine_to_its_group_to_the_cluster() -> None:
    """CL-03."""
    assert DEMO.chain(machine("S2")) == (machine("S2"), group("g2"), CLUSTER)
    assert DEMO.chain(group("g1")) == (group("g1"), CLUSTER)
    assert DEMO.chain(CLUSTER) == (CLUSTER,)


def test_chain_of_a_machine_that_is_no_member_skips_groups() -> None:
    assert DEMO.chain(machine("S9")) == (machine("S9"), CLUSTER)


def test_reach_is_every_machine_below_a_mode() -> None:
    assert [m.serial for m in DEMO.reach(CLUSTER)] == ["S2", "S1"]
    assert DEMO.reach(group("g1")) == [ROME]
    assert DEMO.reach(machine("S2")) == [LYON]
    assert DEMO.reach(machine("S9")) == []


@given(st.sampled_from(DEMO.modes()), st.sampled_from(DEMO.modes()))
def test_a_mode_reaches_just_the_machines_whose_chain_has_it(above: Mode, below: Mode) -> None:
    if below.level is Level.MACHINE:
        assert (DEMO.machines[below.id] in DEMO.reach(above)) == (above in DEMO.chain(below))
