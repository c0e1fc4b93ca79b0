"""Feature by mode: defined, empty, the same as above, inherited, impossible, pending (CL-03, CL-10)."""

from __future__ import annotations

from clusters.catalogue import Document
from clusters.matrix import Cell, Kind, cell, matrix, own
from clusters.modes import CLUSTER, Mode
from clusters.state import ClusterState
from clusters.versions import Change, settings_at
from tests.clusters.samples import CATALOGUE, rows
from tests.clusters.test_effective import DEMO, G1, G2, A, B, C, defining


def at(state: ClusterState, mode: Mode, feature: str = "routes", draft: ClusterState | None = None) -> Cell:
    return cell(state, draft or state, CATALOGUE, mode, feature)


def drafted(state: ClusterState, mode: Mode, value: Document | None) -> ClusterState:
    return state.changed([Change(settings_at(mode, "routes"), value)])


def test_settings_that_a_mode_defines_and_those_that_come_down() -> None:
    state = defining({(CLUSTER, "routes"): rows("a"), (G1, "routes"): rows("b"), (A, "routes"): rows("c")})
    kinds = {mode: (at(state, mode).kind, at(state, mode).origin) for mode in (CLUSTER, G1, G2, A, B, C)}
    assert kinds == {
        CLUSTER: (Kind.DEFINED, CLUSTER),
        G1: (Kind.DEFINED, G1),
        G2: (Kind.INHERITED, CLUSTER),
        A: (Kind.DEFINED, A),
        B: (Kind.INHERITED, G1),
        C: (Kind.INHERITED, CLUSTER),
    }


def test_empty_is_not_the_same_as_nothing() -> None:
    """CL-10."""
    state = defining({(CLUSTER, "routes"): rows("a"), (A, "routes"): rows()})
    assert at(state, A).kind is Kind.EMPTY
    assert at(state, B).kind is Kind.INHERITED


def test_override_that_repeats_what_is_above_has_no_point() -> None:
    state = defining({(CLUSTER, "routes"): rows("a"), (G1, "routes"): rows("b"), (A, "routes"): rows("b")})
    assert at(state, A).kind is Kind.SAME
    same_as_cluster = defining({(CLUSTER, "routes"): rows("a"), (C, "routes"): rows("a")})
    assert at(same_as_cluster, C).kind is Kind.SAME


def test_what_repeats_the_factory_default_has_a_point() -> None:
    factory = CATALOGUE.fallback("listeners")
    state = defining({(CLUSTER, "listeners"): factory, (A, "routes"): rows()})
    assert at(state, CLUSTER, "listeners").kind is Kind.DEFINED
    assert at(state, A).kind is Kind.EMPTY
    assert at(DEMO, A, "listeners").origin is None


def test_features_are_impossible_where_their_scope_has_no_place() -> None:
    assert at(DEMO, CLUSTER, "interfaces").kind is Kind.IMPOSSIBLE
    assert at(DEMO, A, "users").kind is Kind.IMPOSSIBLE
    assert at(DEMO, A, "interfaces").kind is Kind.INHERITED
    assert not at(DEMO, A, "users").differs


def test_pending_changes_are_marked_and_shown_as_they_will_be() -> None:
    state = defining({(CLUSTER, "routes"): rows("a"), (A, "routes"): rows("b")})
    lost = at(state, A, draft=drafted(state, A, None))
    assert (lost.kind, lost.pending, lost.origin, lost.differs) == (Kind.INHERITED, True, CLUSTER, True)
    new = at(state, G1, draft=drafted(state, G1, rows("x")))
    assert (new.kind, new.pending) == (Kind.DEFINED, True)
    assert not at(state, B, draft=drafted(state, G1, rows("x"))).pending


def test_own_lists_just_the_cells_that_differ() -> None:
    state = defining({(CLUSTER, "routes"): rows("a"), (A, "routes"): rows("b"), (C, "listeners"): rows()})
    draft = drafted(state, A, None).changed([Change(settings_at(G2, "unheard of"), rows())])
    found = own(state, draft, CATALOGUE)
    assert {(each.mode, each.feature) for each in found} == {
        (CLUSTER, "routes"),
        (A, "routes"),
        (C, "listeners"),
    }
    whole = {each for row in matrix(state, draft, CATALOGUE, state.modes()) for each in row.cells}
    assert {each for each in whole if each.differs} == set(found)


def test_settings_where_they_have_no_place_are_not_listed() -> None:
    state = defining({(G1, "users"): rows("x")})
    assert own(state, state, CATALOGUE) == []


def test_rows_are_features_and_cells_are_modes_in_their_order() -> None:
    found = matrix(DEMO, DEMO, CATALOGUE, [CLUSTER, G1, A])
    assert [row.feature.name for row in found] == ["routes", "listeners", "interfaces", "users"]
    assert all([each.mode for each in row.cells] == [CLUSTER, G1, A] for row in found)
