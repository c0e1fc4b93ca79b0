"""Copy, move and delete between modes: pending, announced, and reversible."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import commits, drafts, transfers
from clusters.catalogue import UnknownFeature, WrongLevel
from clusters.modes import CLUSTER, Mode, machine
from clusters.refusals import Overtaken
from clusters.state import UnknownMode
from clusters.transfers import Action, NothingToTransfer, NotTransferable, Plan, SameMode, Start
from tests.clusters.conftest import Cluster, rows

ONE, TWO, THREE = machine("M1"), machine("M2"), machine("M3")


def done(cluster: Cluster, action: Action, feature: str, source: Mode, *targets: Mode) -> Plan:
    """What a person asked for, was shown and carried out."""
    planned = transfers.plan(cluster.replica_id, "alice", action, feature, source, targets)
    transfers.carry_out(cluster.replica_id, "alice", planned)
    return planned


def drafted(cluster: Cluster):
    """What every mode would define of routes after a commit."""
    state = drafts.draft_state(cluster.replica_id, "alice")
    return {mode: state.defined(mode, "routes").value for mode in state.defining("routes")}


@pytest.mark.parametrize("source", [CLUSTER, ONE, "paris"])
@pytest.mark.parametrize("target", [CLUSTER, TWO, "paris"])
def test_copy_and_move_between_any_two_levels(cluster: Cluster, source, target) -> None:
    source, target = (cluster.paris if mode == "paris" else mode for mode in (source, target))
    cluster.put(CLUSTER, "routes", None)
    cluster.put(source, "routes", rows("x"))
    if source == target:
        with pytest.raises(SameMode):
            done(cluster, Action.COPY, "routes", source, target)
        return

    done(cluster, Action.COPY, "routes", source, target)
    assert drafted(cluster) == {source: rows("x"), target: rows("x")}

    drafts.clear(cluster.replica_id, "alice")
    done(cluster, Action.MOVE, "routes", source, target)
    assert drafted(cluster) == {target: rows("x")}
    assert cluster.value(source, "routes") == rows("x")


def test_copy_names_the_settings_that_it_replaces(cluster: Cluster) -> None:
    cluster.put(cluster.paris, "routes", rows("paris"))

    planned = transfers.plan(
        cluster.replica_id, "alice", Action.COPY, "routes", CLUSTER, [cluster.paris, cluster.main]
    )

    assert planned.replaced == (cluster.paris,)
    assert drafted(cluster)[cluster.paris] == rows("paris")
    transfers.carry_out(cluster.replica_id, "alice", planned)
    assert drafted(cluster) == dict.fromkeys((CLUSTER, cluster.main, cluster.paris), rows("example.com"))


@pytest.mark.parametrize("changed", [CLUSTER, ONE])
def test_plan_that_would_do_something_else_by_now_is_not_carried_out(cluster: Cluster, changed) -> None:
    """TRL-09: what a person was asked about is what happens, or nothing does."""
    cluster.put(ONE, "routes", rows("one"))
    planned = transfers.plan(cluster.replica_id, "alice", Action.COPY, "routes", CLUSTER, [ONE])
    cluster.put(changed, "routes", rows("of bob"), user="bob")

    with pytest.raises(Overtaken):
        transfers.carry_out(cluster.replica_id, "alice", planned)

    assert drafts.pending(cluster.replica_id, "alice") == []


def test_plan_has_the_mark_of_what_was_shown_and_no_other(cluster: Cluster) -> None:
    """TRL-09: an answer to a question counts for that question only."""
    asked = (cluster.replica_id, "alice", Action.COPY, "routes", CLUSTER, [ONE])
    cluster.put(ONE, "routes", rows("one"))
    seen = transfers.plan(*asked).mark
    assert transfers.plan(*asked).mark == seen

    cluster.put(ONE, "routes", rows("of bob"), user="bob")
    replaces_another = transfers.plan(*asked).mark
    cluster.put(CLUSTER, "routes", rows("of bob"), user="bob")
    brings_another = transfers.plan(*asked).mark

    assert len({seen, replaces_another, brings_another}) == 3


def test_copy_takes_the_drafted_settings(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", ONE, "routes", rows("draft"))

    done(cluster, Action.COPY, "routes", ONE, TWO)

    assert drafted(cluster)[TWO] == rows("draft")


def test_copy_reports_references_that_the_target_cannot_resolve(cluster: Cluster) -> None:
    """SET-07."""
    cluster.put(ONE, "texts", rows("disclaimer"))
    cluster.put(ONE, "listeners", rows("in", text="disclaimer", interface="public"))

    planned = done(cluster, Action.COPY, "listeners", ONE, THREE)

    assert [(b.serial, b.mode, b.reference.feature, b.reference.item) for b in planned.broken] == [
        ("M3", THREE, "ports", "public"),
        ("M3", THREE, "texts", "disclaimer"),
    ]
    assert done(cluster, Action.COPY, "texts", ONE, CLUSTER).broken == ()
    assert [b.reference.item for b in drafts.broken_references(cluster.replica_id, "alice")] == ["public"]


def test_move_away_from_the_cluster_names_the_machines_left_with_nothing(cluster: Cluster) -> None:
    cluster.put(TWO, "routes", rows("own"))
    planned = transfers.plan(cluster.replica_id, "alice", Action.MOVE, "routes", CLUSTER, [cluster.paris])
    assert [m.serial for m in planned.emptied] == ["M1"]

    deleted = transfers.plan(cluster.replica_id, "alice", Action.DELETE, "routes", CLUSTER)
    assert [m.serial for m in deleted.emptied] == ["M1", "M3"]


def test_move_away_from_the_cluster_is_silent_with_a_factory_default(cluster: Cluster) -> None:
    cluster.put(CLUSTER, "limits", rows("x"))

    assert done(cluster, Action.DELETE, "limits", CLUSTER).emptied == ()


def test_delete_makes_a_machine_inherit_again(cluster: Cluster) -> None:
    cluster.put(ONE, "routes", rows("own"))

    done(cluster, Action.DELETE, "routes", ONE)

    assert drafted(cluster) == {CLUSTER: rows("example.com")}


def test_copy_to_all_groups_leaves_out_the_source(cluster: Cluster) -> None:
    everywhere = transfers.all_groups(cluster.replica_id, CLUSTER)
    done(cluster, Action.COPY, "routes", CLUSTER, *everywhere)
    assert set(drafted(cluster)) == {CLUSTER, cluster.main, cluster.paris}

    assert transfers.all_groups(cluster.replica_id, cluster.paris) == [cluster.main]


@pytest.mark.parametrize(
    ("feature", "source", "target", "error"),
    [
        ("routes", ONE, TWO, NothingToTransfer),
        ("nonsense", CLUSTER, TWO, UnknownFeature),
        ("ports", ONE, CLUSTER, NotTransferable),
        ("routes", CLUSTER, machine("M9"), UnknownMode),
        ("routes", machine("M9"), CLUSTER, UnknownMode),
    ],
)
def test_transfer_is_refused_when_wrong(cluster: Cluster, feature, source, target, error) -> None:
    with pytest.raises(error):
        done(cluster, Action.COPY, feature, source, target)

    assert drafts.pending(cluster.replica_id, "alice") == []


def test_experiment_on_one_machine_then_for_all(cluster: Cluster) -> None:
    """EXP-01, EXP-02."""
    done(cluster, Action.COPY, "routes", CLUSTER, ONE)
    drafts.edit(cluster.replica_id, "alice", ONE, "routes", rows("new"))
    commits.commit_pending(cluster.replica_id, user="alice", host="mx1")
    assert drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("x")).overrides.machines == (ONE,)
    drafts.clear(cluster.replica_id, "bob")
    assert cluster.value(CLUSTER, "routes") == rows("example.com")

    planned = done(cluster, Action.MOVE, "routes", ONE, CLUSTER)
    commits.commit_pending(cluster.replica_id, user="alice", host="mx1")

    assert planned.replaced == (CLUSTER,)
    assert (cluster.value(CLUSTER, "routes"), cluster.value(ONE, "routes")) == (rows("new"), None)


def begin(cluster: Cluster, mode, feature: str, start: Start, source=None):
    return transfers.start_document(cluster.replica_id, "alice", mode, feature, start, source)


def test_start_gives_each_kind_of_beginning(cluster: Cluster) -> None:
    cluster.put(cluster.paris, "routes", rows("paris"))
    drafts.edit(cluster.replica_id, "alice", THREE, "routes", rows("own"))

    assert begin(cluster, THREE, "routes", Start.EMPTY) == {"rows": []}
    assert begin(cluster, THREE, "limits", Start.FACTORY) == rows("default", rate=50)
    assert begin(cluster, THREE, "routes", Start.FACTORY) == {"rows": []}
    assert begin(cluster, THREE, "routes", Start.INHERITED) == rows("paris")
    assert begin(cluster, TWO, "routes", Start.INHERITED) == rows("example.com")
    assert begin(cluster, TWO, "routes", Start.MODE, THREE) == rows("own")
    assert len(drafts.pending(cluster.replica_id, "alice")) == 1


def test_start_is_refused_when_wrong(cluster: Cluster) -> None:
    with pytest.raises(NothingToTransfer):
        begin(cluster, TWO, "routes", Start.MODE, cluster.paris)
    with pytest.raises(WrongLevel):
        begin(cluster, TWO, "users", Start.EMPTY)
    with pytest.raises(UnknownFeature):
        begin(cluster, TWO, "nonsense", Start.EMPTY)


def test_starting_points_are_the_nearest_first(cluster: Cluster) -> None:
    for mode in (ONE, cluster.paris, cluster.main):
        cluster.put(mode, "routes", rows("x"))

    asked = (cluster.replica_id, "alice")
    assert transfers.starting_points(*asked, THREE, "routes") == [cluster.paris, CLUSTER, cluster.main, ONE]
    assert transfers.starting_points(*asked, CLUSTER, "routes") == [cluster.main, cluster.paris, ONE]
    assert transfers.starting_points(*asked, ONE, "routes") == [cluster.main, CLUSTER, cluster.paris]


PLACES = st.sampled_from(["cluster", "paris", "M1"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLACES, PLACES, st.lists(st.sampled_from("abc"), unique=True))
def test_move_there_and_back_is_identity(cluster: Cluster, here: str, there: str, names) -> None:
    modes = {"cluster": CLUSTER, "paris": cluster.paris, "M1": ONE}
    source, target = modes[here], modes[there]
    drafts.clear(cluster.replica_id, "alice")
    for mode in modes.values():
        drafts.remove(cluster.replica_id, "alice", mode, "texts")
    drafts.edit(cluster.replica_id, "alice", source, "texts", rows(*names))
    before = drafts.draft_state(cluster.replica_id, "alice").entries
    if source == target:
        return

    done(cluster, Action.MOVE, "texts", source, target)
    done(cluster, Action.MOVE, "texts", target, source)

    assert drafts.draft_state(cluster.replica_id, "alice").entries == before


@pytest.mark.parametrize("action", [Action.COPY, Action.MOVE])
@pytest.mark.parametrize("target", [TWO, CLUSTER, "paris"])
def test_settings_of_one_machine_go_to_no_other_mode(cluster: Cluster, action: Action, target) -> None:
    """TRL-13: as on the command line, where restricted features have no clusterset."""
    cluster.put(ONE, "ports", rows("eth1"))
    target = cluster.paris if target == "paris" else target

    with pytest.raises(NotTransferable, match="one machine alone"):
        transfers.plan(cluster.replica_id, "alice", action, "ports", ONE, [target])
    with pytest.raises(NotTransferable):
        begin(cluster, TWO, "ports", Start.MODE, ONE)

    assert transfers.starting_points(cluster.replica_id, "alice", TWO, "ports") == []
    assert not drafts.pending(cluster.replica_id, "alice")
    done(cluster, Action.DELETE, "ports", ONE)


@pytest.mark.parametrize("action", [Action.COPY, Action.MOVE])
@pytest.mark.parametrize("target", [ONE, "paris"])
def test_settings_of_the_cluster_as_a_whole_go_to_no_other_mode(
    cluster: Cluster, action: Action, target
) -> None:
    """TRL-13, RES-07: nor are those that only a cluster has, such as its users."""
    cluster.put(CLUSTER, "users", rows("admin"))
    target = cluster.paris if target == "paris" else target

    with pytest.raises(NotTransferable, match="users belongs to the cluster as a whole"):
        transfers.plan(cluster.replica_id, "alice", action, "users", CLUSTER, [target])

    assert transfers.starting_points(cluster.replica_id, "alice", CLUSTER, "users") == []
    assert not drafts.pending(cluster.replica_id, "alice")
