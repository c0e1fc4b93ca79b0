"""Commit what is pending, look at what was committed, and go back."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import commits, drafts, membership, models, replicas
from clusters.catalogue import InvalidDocument
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER, machine
from clusters.replication import Replica
from clusters.state import UnknownMode
from clusters.versions import Address, Change, Clock, CommitId, Kind, settings_at
from tests.clusters.catalogues import Table
from tests.clusters.conftest import BY, Cluster, member, rows

ONE = machine("M1")
AT_CLUSTER = settings_at(CLUSTER, "routes")


def edit(cluster: Cluster, *pairs, user: str = "alice") -> None:
    for mode, name in pairs:
        drafts.edit(cluster.replica_id, user, mode, "routes", rows(name))


def commit(cluster: Cluster, user: str = "alice", comment: str = ""):
    return commits.commit_pending(cluster.replica_id, user=user, host="mx1.example.com", comment=comment)


def test_commit_takes_all_levels_at_once(cluster: Cluster) -> None:
    edit(cluster, (CLUSTER, "a"), (cluster.paris, "b"), (ONE, "c"))
    edit(cluster, (CLUSTER, "z"), user="bob")

    made = commit(cluster, comment="three levels")

    assert (made.user, made.host, made.comment, len(made.changes)) == (
        "alice",
        "mx1.example.com",
        "three levels",
        3,
    )
    assert [cluster.value(m, "routes") for m in (CLUSTER, cluster.paris, ONE)] == [
        rows("a"),
        rows("b"),
        rows("c"),
    ]
    assert drafts.people(cluster.replica_id) == ["bob"]


def test_commit_of_nothing_says_so(cluster: Cluster) -> None:
    with pytest.raises(commits.NothingPending, match="nothing to commit"):
        commit(cluster)


def test_commit_of_a_stale_draft_commits_nothing_and_names_the_other(cluster: Cluster) -> None:
    edit(cluster, (CLUSTER, "mine"), (ONE, "more"))
    theirs = cluster.put(CLUSTER, "routes", rows("theirs"), user="bob", comment="urgent")
    before = replicas.entries_digest(cluster.replica_id)

    with pytest.raises(commits.CommitConflict) as caught:
        commit(cluster)

    (stale,) = caught.value.stale
    assert (stale.address, stale.mine, stale.now.id) == (AT_CLUSTER, rows("mine"), theirs)
    for word in ("routes (Cluster Americas)", "bob on mx1.example.com", "urgent", "iscard"):
        assert word in str(caught.value)
    assert replicas.entries_digest(cluster.replica_id) == before
    assert len(drafts.pending(cluster.replica_id, "alice")) == 2


def test_commit_after_rebase_goes_through(cluster: Cluster) -> None:
    edit(cluster, (CLUSTER, "mine"))
    cluster.put(CLUSTER, "routes", rows("theirs"), user="bob")
    drafts.rebase(cluster.replica_id, "alice", AT_CLUSTER, cluster.newest(AT_CLUSTER))

    commit(cluster)

    assert cluster.value(CLUSTER, "routes") == rows("mine")
    assert commits.conflicts(cluster.replica_id) == []


def test_commit_checks_the_values_again(cluster: Cluster) -> None:
    edit(cluster, (CLUSTER, "a"))
    models.Draft.objects.update(value={"rows": "damaged"})

    with pytest.raises(InvalidDocument):
        commit(cluster)
    assert len(drafts.pending(cluster.replica_id, "alice")) == 1


def test_commit_at_a_mode_that_is_gone_is_refused(cluster: Cluster) -> None:
    edit(cluster, (cluster.paris, "a"))
    membership.delete_group(cluster.replica_id, cluster.paris.id, target_id=cluster.main.id, **BY)

    with pytest.raises(UnknownMode):
        commit(cluster)


def test_commit_with_a_long_comment_is_refused(cluster: Cluster) -> None:
    edit(cluster, (CLUSTER, "a"))
    assert commit(cluster, comment="x" * 4096).comment == "x" * 4096

    edit(cluster, (CLUSTER, "b"))
    with pytest.raises(commits.LongComment, match="4097"):
        commit(cluster, comment="x" * 4097)


@pytest.mark.parametrize(
    "hidden", ["\x1b[31m", "\x9b31m", "\x07", "\u202e", "\u200b", "\u2066", "\r", "\ufeff", "\u3164"]
)
def test_commit_with_a_comment_that_hides_something_is_refused(cluster: Cluster, hidden: str) -> None:
    """TRU-04: nothing is committed, all stays pending; lines, tabs and every script are free."""
    edit(cluster, (CLUSTER, "a"))
    with pytest.raises(commits.HiddenComment, match="U\\+"):
        commit(cluster, comment=f"new {hidden}route")

    free = "new route:\n\t経路　を追加\r\nмаршрут 🙂"
    assert commit(cluster, comment=free).comment == free


def test_commit_takes_pending_joins_and_removals(cluster: Cluster) -> None:
    waiting = Address(Kind.PENDING_JOIN, "M7")
    drafts.edit_entry(cluster.replica_id, "alice", waiting, {"host": "mx7", "user_key": "k"})
    drafts.remove(cluster.replica_id, "alice", CLUSTER, "routes")

    commit(cluster)

    assert waiting in cluster.state.entries
    assert cluster.value(CLUSTER, "routes") is None


def test_history_is_paged_the_latest_first(cluster: Cluster) -> None:
    for name in "abcde":
        cluster.put(ONE, "texts", rows(name))

    first = commits.history(cluster.replica_id, per_page=3)
    second = commits.history(cluster.replica_id, per_page=3, page=2)
    beyond = commits.history(cluster.replica_id, per_page=3, page=99)

    assert (first.page, first.pages, first.total) == (1, 4, 10)
    assert [c.id.number for c in (*first.commits, *second.commits)] == [10, 9, 8, 7, 6, 5]
    assert (beyond.page, [c.id.number for c in beyond.commits]) == (4, [1])
    assert commits.last(cluster.replica_id).id == CommitId("M1", 10)


def test_history_of_nothing_is_one_empty_page(db) -> None:
    replica_id = replicas.new_replica("M1").pk

    found = commits.history(replica_id)

    assert (found.commits, found.page, found.pages, found.total) == ((), 1, 1, 0)
    with pytest.raises(commits.UnknownCommit):
        commits.last(replica_id)


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"mode": CLUSTER}, [7, 2, 1]),
        ({"mode": "paris"}, [8, 3]),
        ({"mode": machine("M2")}, [4]),
        ({"feature": "routes"}, [8, 7, 6, 1]),
        ({"mode": CLUSTER, "feature": "routes"}, [7, 1]),
        ({"mode": "paris", "feature": "texts"}, []),
        ({"user": "bob"}, [8]),
        ({"user": "bo"}, []),
        ({"text": "URGENT"}, [7]),
        ({"text": "bo"}, [8]),
        ({"text": "elsewhere"}, [6]),
        ({"text": "100%"}, []),
    ],
)
def test_history_is_filtered(cluster: Cluster, asked, numbers) -> None:
    cluster.put(ONE, "routes", rows("x"), host="elsewhere")
    cluster.put(CLUSTER, "routes", rows("y"), comment="urgent matter")
    cluster.put(cluster.paris, "routes", rows("z"), user="bob")
    if asked.get("mode") == "paris":
        asked = {**asked, "mode": cluster.paris}

    assert [c.id.number for c in commits.history(cluster.replica_id, **asked).commits] == numbers


def test_detail_tells_paths_per_mode_and_impact_per_machine(cluster: Cluster) -> None:
    cluster.put(machine("M2"), "routes", rows("own"))
    edit(cluster, (ONE, "x"), (CLUSTER, "a"))
    made = commit(cluster)
    cluster.put(CLUSTER, "routes", rows("later"))

    found = commits.detail(cluster.replica_id, made.id)

    assert found.commit == made
    assert [(mode, [e.address for e in entries]) for mode, entries in found.by_mode] == [
        (CLUSTER, [AT_CLUSTER]),
        (ONE, [settings_at(ONE, "routes")]),
    ]
    ((_mode, (entry,)), _other) = found.by_mode
    assert (entry.before, entry.after, entry.known) == (rows("example.com"), rows("a"), True)
    assert [p.text for p in entry.paths] == ["rows[example.com]", "rows[a]"]
    assert [i.machine.serial for i in found.impacts] == ["M1", "M3"]
    assert [m.serial for m in found.machines] == ["M1", "M2", "M3"]


def test_detail_of_an_operation_lists_its_entries_last(cluster: Cluster) -> None:
    made = membership.enrol_machine(
        cluster.replica_id,
        machine=member(4),
        settings={"ports": rows("p")},
        **BY,
    )

    found = commits.detail(cluster.replica_id, made.id)

    assert [mode for mode, _entries in found.by_mode] == [machine("M4"), None]
    assert found.entries[0].before is None


def test_detail_on_a_standalone_machine_is_about_itself(standalone: int) -> None:
    found = commits.detail(standalone, CommitId("M1", 1))

    assert [i.machine.serial for i in found.impacts] == ["M1"]
    assert [m.serial for m in found.machines] == ["M1"]


def test_detail_of_an_unknown_commit_is_refused(cluster: Cluster) -> None:
    with pytest.raises(commits.UnknownCommit, match="M1/99"):
        commits.detail(cluster.replica_id, CommitId("M1", 99))


def test_detail_after_a_join_knows_what_the_first_commits_replaced(cluster: Cluster) -> None:
    copy = replicas.new_replica("M2").pk
    cluster.put(ONE, "routes", rows("one"))
    replicas.absorb_snapshot(copy, replicas.snapshot(cluster.replica_id))
    here = Cluster(copy, cluster.main, cluster.paris)

    first = here.put(CLUSTER, "routes", rows("new"))
    here.put(CLUSTER, "routes", rows("newer"))
    here.put(ONE, "routes", None)

    (entry,) = commits.detail(copy, first).entries
    assert (entry.before, entry.known) == (rows("example.com"), True)
    assert [i.machine.serial for i in commits.detail(copy, first).impacts] == ["M2", "M3"]
    commits.revert(copy, "alice", first, over=True)
    assert [p.value for p in drafts.pending(copy, "alice")] == [rows("example.com")]


def test_detail_says_so_when_the_value_before_is_gone(cluster: Cluster) -> None:
    made = cluster.put(CLUSTER, "routes", rows("new"))
    models.Commit.objects.filter(number__lt=made.number).delete()

    (entry,) = commits.detail(cluster.replica_id, made).entries

    assert (entry.before, entry.known) == (None, False)
    with pytest.raises(commits.PastIsGone):
        commits.revert(cluster.replica_id, "alice", made)


def test_revert_drafts_the_values_before(cluster: Cluster) -> None:
    edit(cluster, (CLUSTER, "a"), (ONE, "b"))
    made = commit(cluster)

    commits.revert(cluster.replica_id, "bob", made.id)

    state = drafts.draft_state(cluster.replica_id, "bob")
    assert state.defined(CLUSTER, "routes").value == rows("example.com")
    assert state.defined(ONE, "routes") is None
    assert cluster.value(CLUSTER, "routes") == rows("a")


def test_revert_names_what_is_in_the_way_and_goes_over_it_knowingly(cluster: Cluster) -> None:
    edit(cluster, (CLUSTER, "a"), (ONE, "b"))
    made = commit(cluster)
    later = cluster.put(CLUSTER, "routes", rows("later"), user="carol")
    edit(cluster, (ONE, "plan"), user="bob")

    with pytest.raises(commits.InTheWay) as caught:
        commits.revert(cluster.replica_id, "bob", made.id)
    assert [(a, v.id) for a, v in caught.value.changed] == [(AT_CLUSTER, later)]
    assert caught.value.planned == (settings_at(ONE, "routes"),)
    assert "carol" in str(caught.value)
    assert [p.value for p in drafts.pending(cluster.replica_id, "bob")] == [rows("plan")]

    commits.revert(cluster.replica_id, "bob", made.id, over=True)
    commit(cluster, "bob")
    assert (cluster.value(CLUSTER, "routes"), cluster.value(ONE, "routes")) == (rows("example.com"), None)


def test_revert_of_one_entry_leaves_the_others(cluster: Cluster) -> None:
    routes, texts = settings_at(CLUSTER, "routes"), settings_at(CLUSTER, "texts")
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("new.example"))
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "texts", rows("footer"))
    made = commits.commit_pending(cluster.replica_id, **BY)
    commits.revert(cluster.replica_id, "alice", made.id, only=routes)
    assert [c.address for c in drafts.changes(cluster.replica_id, "alice")] == [routes]
    commits.revert(cluster.replica_id, "alice", made.id, only=texts)
    assert {c.address for c in drafts.changes(cluster.replica_id, "alice")} == {routes, texts}
    with pytest.raises(commits.NotRevertible, match="did not change"):
        commits.revert(cluster.replica_id, "alice", made.id, only=settings_at(CLUSTER, "limits"))


def test_changes_kept_elsewhere_are_committed_on_the_versions_that_they_name(cluster: Cluster) -> None:
    """CMT-04."""
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("new.example"))
    kept = drafts.changes(cluster.replica_id, "alice")
    drafts.clear(cluster.replica_id, "alice")
    made = commits.commit_changes(cluster.replica_id, kept, **BY)
    assert cluster.value(CLUSTER, "routes") == rows("new.example")
    with pytest.raises(commits.CommitConflict) as clash:
        commits.commit_changes(cluster.replica_id, kept, **BY)
    assert clash.value.stale[0].now.id == made.id


def test_revert_of_an_operation_points_to_clusterconfig(cluster: Cluster) -> None:
    with pytest.raises(commits.NotRevertible, match="clusterconfig"):
        commits.revert(cluster.replica_id, "alice", CommitId("M1", 2))


def test_revert_now_is_one_commit_and_leaves_other_drafts(cluster: Cluster) -> None:
    edit(cluster, (CLUSTER, "a"))
    made = commit(cluster)
    edit(cluster, (ONE, "plan"))

    undone = commits.revert_now(cluster.replica_id, made.id, **BY)

    assert undone.comment == f"Revert {made.id}"
    assert cluster.value(CLUSTER, "routes") == rows("example.com")
    assert [p.value for p in drafts.pending(cluster.replica_id, "alice")] == [rows("plan")]
    with pytest.raises(commits.NothingPending):
        commits.revert_now(cluster.replica_id, made.id, **BY, over=True)


def test_revert_now_checks_the_values(cluster: Cluster, monkeypatch) -> None:
    edit(cluster, (CLUSTER, "a"))
    made = commit(cluster)

    def refuse(self, document):
        raise InvalidDocument("routes", [])

    monkeypatch.setattr(Table, "check", refuse)
    with pytest.raises(InvalidDocument):
        commits.revert_now(cluster.replica_id, made.id, **BY, comment="back")


def conflict(cluster: Cluster) -> tuple[CommitId, CommitId]:
    """A change here and one on M2 that had not seen it; returns the winner's and the loser's id."""
    other = Replica(MemoryStore(), "M2", Clock(replicas.now))
    other.absorb_snapshot(replicas.snapshot(cluster.replica_id))
    (head, *_rest) = other.store.heads([AT_CLUSTER])[AT_CLUSTER]
    lost = cluster.put(CLUSTER, "routes", rows("earlier"), user="bob")
    late = Clock(lambda: replicas.now() + 1000)
    other.clock = late
    won = other.commit([Change(AT_CLUSTER, rows("later"), head.id)], user="carol", host="mx2", comment="")
    replicas.absorb(cluster.replica_id, [won])
    return won.id, lost


def test_conflict_is_listed_with_winner_and_losers(cluster: Cluster) -> None:
    won, lost = conflict(cluster)

    (found,) = commits.conflicts(cluster.replica_id)

    assert found.address == AT_CLUSTER
    assert (found.newest.id, found.newest.user, found.newest.value) == (won, "carol", rows("later"))
    assert [(v.id, v.user, v.value) for v in found.others] == [(lost, "bob", rows("earlier"))]


def test_conflict_is_settled_by_restoring_a_loser(cluster: Cluster) -> None:
    _won, lost = conflict(cluster)

    commits.settle(cluster.replica_id, AT_CLUSTER, lost, **BY, comment="bob was right")

    assert cluster.value(CLUSTER, "routes") == rows("earlier")
    assert commits.conflicts(cluster.replica_id) == []
    with pytest.raises(commits.NoConflict):
        commits.settle(cluster.replica_id, AT_CLUSTER, lost, **BY)


def test_conflict_is_settled_by_accepting_the_winner(cluster: Cluster) -> None:
    won, _lost = conflict(cluster)
    with pytest.raises(commits.NoConflict):
        commits.settle(cluster.replica_id, AT_CLUSTER, CommitId("NOBODY", 1), **BY)

    made = commits.settle(cluster.replica_id, AT_CLUSTER, **BY)

    assert made.changes[0].replaces == won
    assert cluster.value(CLUSTER, "routes") == rows("later")
    assert commits.conflicts(cluster.replica_id) == []
    with pytest.raises(commits.NoConflict):
        commits.settle(cluster.replica_id, AT_CLUSTER, **BY)


def test_conflict_over_an_entry_never_written_is_none(cluster: Cluster) -> None:
    with pytest.raises(commits.NoConflict):
        commits.settle(cluster.replica_id, settings_at(ONE, "texts"), **BY)


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["cluster", "paris", "M1"]),
        st.sampled_from(["routes", "limits", "texts"]),
        st.none() | st.lists(st.sampled_from("ab"), unique=True),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS, EDITS)
def test_revert_gives_the_state_before(cluster: Cluster, first, second) -> None:
    modes = {"cluster": CLUSTER, "paris": cluster.paris, "M1": ONE}

    def commit_all(edits) -> CommitId | None:
        for place, feature, names in edits:
            value = None if names is None else rows(*names)
            address = settings_at(modes[place], feature)
            drafts.edit_entry(cluster.replica_id, "alice", address, value)
        if not drafts.people(cluster.replica_id):
            return None
        return commits.commit_pending(cluster.replica_id, user="alice", host="mx1").id

    commit_all(first)
    before = {a: d.value for a, d in cluster.state.entries.items()}
    made = commit_all(second)
    if made is None:
        return

    commits.revert_now(cluster.replica_id, made, **BY)

    assert {a: d.value for a, d in cluster.state.entries.items()} == before
    seen = replicas.state_seen(cluster.replica_id, commits.find(cluster.replica_id, made).seen)
    assert {a: d.value for a, d in seen.entries.items()} == before
