"""Settings in conflict that wait: what is in force, in drafts, in history, and how it ends (SYN-08)."""

from __future__ import annotations

import pytest

from clusters import commits, drafts, membership, models, replicas
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.refusals import NothingPending
from clusters.replication import Replica
from clusters.state import ClusterState
from clusters.versions import THE_CLUSTER, Change, Clock, settings_at
from tests.clusters.conftest import BY, Cluster, rows

ROUTES = settings_at(CLUSTER, "routes")
TEXTS = settings_at(CLUSTER, "texts")


@pytest.fixture
def waiting(cluster: Cluster) -> Cluster:
    membership.set_safe_wait(cluster.replica_id, True, **BY)
    cluster.put(CLUSTER, "routes", rows("before"))
    return cluster


@pytest.fixture
def far(waiting: Cluster) -> Replica:
    """A member that is away, and whose clock is ahead."""
    found = Replica(MemoryStore(), "M2", Clock(lambda: replicas.now() + 1000))
    found.absorb_snapshot(replicas.snapshot(waiting.replica_id))
    return found


@pytest.fixture
def torn(waiting: Cluster, far: Replica) -> Cluster:
    """Bob changed the routes here, Carol later and far away."""
    waiting.put(CLUSTER, "routes", rows("bob"), user="bob")
    meet(waiting, far, "carol")
    return waiting


def meet(cluster: Cluster, far: Replica, value: str) -> None:
    (head,) = far.store.heads([ROUTES])[ROUTES]
    made = far.commit([Change(ROUTES, rows(value), head.id)], user=value, host="mx2", comment="")
    replicas.absorb(cluster.replica_id, [made])
    far.absorb(replicas.missing(cluster.replica_id, far.vector))


def both(cluster: Cluster, far: Replica) -> list[object]:
    """What is in force here and there."""
    there = ClusterState.of(far.store.all_heads()).entries.get(ROUTES)
    return [cluster.value(CLUSTER, "routes"), there and there.value]


def test_what_stood_before_is_in_force_everywhere_and_the_desk_says_so(torn: Cluster, far: Replica) -> None:
    assert both(torn, far) == [rows("before")] * 2
    (found,) = commits.conflicts(torn.replica_id)
    assert found.waits
    assert (found.newest.user, [v.user for v in found.others]) == ("carol", ["bob"])
    assert found.in_force == found.ancestor
    assert found.ancestor is not None
    assert found.ancestor.value == rows("before")


def test_entry_kept_as_it_is_settles_the_conflict(torn: Cluster, far: Replica) -> None:
    made = commits.settle(torn.replica_id, ROUTES, **BY)
    far.absorb([commits.find(torn.replica_id, made.id)])
    assert both(torn, far) == [rows("before")] * 2
    assert commits.conflicts(torn.replica_id) == []
    (entry,) = commits.detail(torn.replica_id, made.id).entries
    assert (entry.before, entry.after) == (rows("before"), rows("before"))


@pytest.mark.parametrize("who", ["carol", "bob"])
def test_either_version_can_be_put_in_force(torn: Cluster, far: Replica, who: str) -> None:
    (found,) = commits.conflicts(torn.replica_id)
    chosen = next(v for v in (found.newest, *found.others) if v.user == who)
    made = commits.settle(torn.replica_id, ROUTES, chosen.id, **BY)
    far.absorb([commits.find(torn.replica_id, made.id)])
    assert both(torn, far) == [rows(who)] * 2
    (entry,) = commits.detail(torn.replica_id, made.id).entries
    assert (entry.before, entry.known) == (rows("before"), True)


def test_edit_is_compared_with_what_is_in_force_and_says_that_it_settles(torn: Cluster) -> None:
    """CMT-04: it is no conflict with the newest, which its author could see."""
    assert not drafts.edit(torn.replica_id, "ada", CLUSTER, "routes", rows("before")).pending
    assert drafts.edit(torn.replica_id, "ada", CLUSTER, "routes", rows("carol")).pending
    (pending,) = drafts.pending(torn.replica_id, "ada")
    assert (pending.before, pending.stale, pending.settles) == (rows("before"), None, True)
    seen = [version.id for version in pending.waiting]
    commits.commit_pending(torn.replica_id, user="ada", host="M1", settles=seen)
    assert torn.value(CLUSTER, "routes") == rows("carol")
    drafts.edit(torn.replica_id, "ada", CLUSTER, "routes", rows("later"))
    assert not drafts.pending(torn.replica_id, "ada")[0].settles


def test_ordinary_commit_settles_no_conflict_that_waits(torn: Cluster) -> None:
    """TRL-14: said at the draft and at the commit; to settle it is a decision that names what it drops."""
    edited = drafts.edit(torn.replica_id, "ada", CLUSTER, "routes", rows("ada"))
    assert [version.user for version in edited.settles] == ["carol", "bob"]
    before = replicas.vector(torn.replica_id)

    with pytest.raises(commits.SettlesConflict, match=r"carol on mx2.*bob on") as refused:
        commits.commit_pending(torn.replica_id, user="ada", host="M1")
    assert [version.user for version in refused.value.waiting[ROUTES]] == ["carol", "bob"]
    changes = drafts.changes(torn.replica_id, "ada")
    with pytest.raises(commits.SettlesConflict):
        commits.commit_changes(torn.replica_id, changes, user="ada", host="M1")

    assert replicas.vector(torn.replica_id) == before
    assert len(commits.conflicts(torn.replica_id)) == 1
    (mine,) = drafts.pending(torn.replica_id, "ada")
    assert mine.value == rows("ada")
    commits.commit_pending(
        torn.replica_id, user="ada", host="M1", settles=[version.id for version in mine.waiting]
    )
    assert commits.conflicts(torn.replica_id) == []


def test_decision_is_about_the_versions_that_were_seen(torn: Cluster) -> None:
    """TRL-14: what arrives after the decision is not dropped by it."""
    drafts.edit(torn.replica_id, "ada", CLUSTER, "routes", rows("ada"))
    (mine,) = drafts.pending(torn.replica_id, "ada")
    with pytest.raises(commits.SettlesConflict):
        commits.commit_pending(
            torn.replica_id, user="ada", host="M1", settles=[version.id for version in mine.waiting[:1]]
        )


def test_settling_drops_nothing_that_came_since_somebody_looked(torn: Cluster) -> None:
    """TRL-14, TRL-11: whoever decides between two versions does not drop a third unseen."""
    (found,) = commits.conflicts(torn.replica_id)
    shown = [version.id for version in found.versions]
    assert len(shown) == 2
    with pytest.raises(commits.NewerVersions, match="carol on mx2"):
        commits.settle(torn.replica_id, ROUTES, **BY, seen=shown[1:])
    assert len(commits.conflicts(torn.replica_id)) == 1
    commits.settle(torn.replica_id, ROUTES, **BY, seen=shown)
    assert commits.conflicts(torn.replica_id) == []


def test_commit_of_an_entry_in_conflict_is_ordinary_where_the_newest_holds(torn: Cluster) -> None:
    """SYN-08: there nothing waits; that it settles is said, not asked."""
    membership.set_safe_wait(torn.replica_id, False, **BY)
    assert drafts.edit(torn.replica_id, "ada", CLUSTER, "routes", rows("ada")).settles
    (mine,) = drafts.pending(torn.replica_id, "ada")
    assert (mine.settles, mine.waiting) == (True, ())
    commits.commit_pending(torn.replica_id, user="ada", host="M1")
    assert torn.value(CLUSTER, "routes") == rows("ada")


def test_settings_that_both_defined_are_absent_until_then(waiting: Cluster, far: Replica) -> None:
    here = waiting.put(CLUSTER, "texts", rows("bob"), user="bob")
    made = far.commit([Change(TEXTS, rows("carol"))], user="carol", host="mx2", comment="")
    replicas.absorb(waiting.replica_id, [made])
    assert waiting.value(CLUSTER, "texts") is None
    (found,) = commits.conflicts(waiting.replica_id)
    assert (found.waits, found.in_force, commits.columns_of(found, here)[0]) == (True, None, None)
    assert drafts.pending(waiting.replica_id, "ada") == []
    drafts.edit(waiting.replica_id, "ada", CLUSTER, "texts", rows("ada"))
    assert drafts.pending(waiting.replica_id, "ada")[0].before is None
    made = commits.settle(waiting.replica_id, TEXTS, **BY)
    assert made.changes[0].value is None
    (entry,) = commits.detail(waiting.replica_id, made.id).entries
    assert (entry.before, entry.known) == (None, True)


def test_revert_of_a_decision_goes_back_to_what_stood(torn: Cluster) -> None:
    (found,) = commits.conflicts(torn.replica_id)
    made = commits.settle(torn.replica_id, ROUTES, found.newest.id, **BY)
    commits.revert_now(torn.replica_id, made.id, **BY)
    assert torn.value(CLUSTER, "routes") == rows("before")
    with pytest.raises(NothingPending):
        commits.revert_now(torn.replica_id, made.id, **BY, over=True)


def test_choice_changes_at_once_what_is_in_conflict_and_back(torn: Cluster) -> None:
    assert membership.set_safe_wait(torn.replica_id, True, **BY) is None
    membership.set_safe_wait(torn.replica_id, False, **BY)
    assert torn.value(CLUSTER, "routes") == rows("carol")
    assert not commits.conflicts(torn.replica_id)[0].waits
    membership.set_safe_wait(torn.replica_id, True, **BY)
    assert torn.value(CLUSTER, "routes") == rows("before")


def test_choice_is_kept_when_the_cluster_gets_another_name(torn: Cluster) -> None:
    membership.set_name(torn.replica_id, "Asia", **BY)
    assert torn.state.safe_wait


def test_past_shows_what_held_then(torn: Cluster) -> None:
    """Time travel: by the log as it was."""
    now = models.Head.objects.get(address=str(ROUTES), rank=0)
    made = commits.settle(torn.replica_id, ROUTES, now.commit_id, **BY)
    then = replicas.state_seen(torn.replica_id, made.seen)
    found = then.defined(CLUSTER, "routes")
    assert found is not None
    assert found.value == rows("before")


def test_what_was_replaced_is_known_where_it_is_too_long_to_be_remembered(torn: Cluster) -> None:
    """CMT-02: the log is asked."""
    made = torn.put(CLUSTER, "routes", rows("later"))
    models.Change.objects.filter(commit__number=made.number).update(past={"versions": [], "whole": False})
    (entry,) = commits.detail(torn.replica_id, made).entries
    assert entry.before == rows("carol")


def test_entry_of_the_cluster_itself_remembers_nothing(torn: Cluster) -> None:
    assert [v.past for v in replicas.heads(torn.replica_id, [THE_CLUSTER])[THE_CLUSTER]] == [None]


def test_what_is_in_force_of_entries_that_wait_is_told_for_many_replicas(
    torn: Cluster, far: Replica, django_assert_num_queries
) -> None:
    """SYN-08: entries of which the newest holds are not among them."""
    torn.put(CLUSTER, "texts", rows("calm"))
    other = replicas.new_replica("M9").pk
    replicas.absorb_snapshot(other, replicas.snapshot(torn.replica_id))
    asked = {(ident, address) for ident in (torn.replica_id, other) for address in (ROUTES, TEXTS)}
    with django_assert_num_queries(1):
        found = replicas.waiting(asked)
    assert {key: stands and stands.value for key, stands in found.items()} == {
        (torn.replica_id, ROUTES): rows("before"),
        (other, ROUTES): rows("before"),
    }
    assert replicas.waiting(set()) == {}
