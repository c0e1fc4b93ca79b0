"""Uncommitted changes: kept per person, over all levels, dropped when they change nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import drafts, membership, models, replicas
from clusters.catalogue import Catalogue, Document, InvalidDocument, UnknownFeature, WrongLevel
from clusters.modes import CLUSTER, machine
from clusters.refusals import NotADraft, Overtaken
from clusters.sealing import secrets_of
from clusters.state import UnknownMode
from clusters.versions import THE_CLUSTER, Address, Kind, MalformedCommit, settings_at
from tests.clusters.catalogues import Table
from tests.clusters.conftest import BY, Cluster, rows

AT_CLUSTER = settings_at(CLUSTER, "routes")


def test_edit_is_kept_and_changes_nothing_in_force(cluster: Cluster) -> None:
    edited = drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("example.org"))

    assert edited.pending
    assert cluster.value(CLUSTER, "routes") == rows("example.com")
    (found,) = drafts.pending(cluster.replica_id, "alice")
    assert (found.mode, found.before, found.value, found.stale) == (
        CLUSTER,
        rows("example.com"),
        rows("example.org"),
        None,
    )
    assert found.mark == drafts.mark([found]) != ""
    assert [change.text for change in found.paths] == ["rows[example.com]", "rows[example.org]"]
    assert drafts.draft_state(cluster.replica_id, "alice").settings[CLUSTER]["routes"].value == rows(
        "example.org"
    )


def test_edit_belongs_to_its_author_alone(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("a"))
    drafts.edit(cluster.replica_id, "bob", cluster.paris, "routes", rows("b"))

    assert [p.value for p in drafts.pending(cluster.replica_id, "bob")] == [rows("b")]
    assert drafts.people(cluster.replica_id) == ["alice", "bob"]
    assert drafts.pending(cluster.replica_id, "carol") == []


def test_edit_names_who_overrides_and_who_follows(cluster: Cluster) -> None:
    cluster.put(cluster.paris, "routes", rows("paris"))
    cluster.put(machine("M2"), "routes", rows("two"))

    edited = drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("new"))

    assert (edited.overrides.groups, edited.overrides.machines) == ((cluster.paris,), (machine("M2"),))
    assert [m.serial for m in edited.reached] == ["M1"]


def test_edit_back_to_what_is_in_force_leaves_nothing_pending(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("new"))

    edited = drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("example.com"))

    assert not edited.pending
    assert not models.Draft.objects.exists()


def test_edit_keeps_the_first_base(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("mine"))
    theirs = cluster.put(CLUSTER, "routes", rows("theirs"), user="bob")

    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("mine", "again"))

    (found,) = drafts.stale(cluster.replica_id, "alice")
    assert (found.address, found.mine, found.now.id) == (AT_CLUSTER, rows("mine", "again"), theirs)
    assert found.now.user == "bob"


def test_edit_after_a_deletion_starts_from_the_tombstone(cluster: Cluster) -> None:
    gone = cluster.put(CLUSTER, "routes", None)

    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("new"))

    (found,) = drafts.pending(cluster.replica_id, "alice")
    assert (found.base, found.before, found.stale) == (gone, None, None)


def test_edit_tells_true_from_one(cluster: Cluster) -> None:
    cluster.put(CLUSTER, "limits", rows("a", rate=1))

    assert drafts.edit(cluster.replica_id, "alice", CLUSTER, "limits", rows("a", rate=True)).pending


@pytest.mark.parametrize(
    ("mode", "feature", "document", "error"),
    [
        (CLUSTER, "routes", {"rows": 3}, InvalidDocument),
        (CLUSTER, "routes", None, InvalidDocument),
        (CLUSTER, "ports", rows("a"), WrongLevel),
        (machine("M1"), "users", rows("a"), WrongLevel),
        (CLUSTER, "nonsense", rows("a"), UnknownFeature),
        (machine("M9"), "routes", rows("a"), UnknownMode),
    ],
)
def test_edit_is_refused_when_wrong(cluster: Cluster, mode, feature, document, error) -> None:
    with pytest.raises(error):
        drafts.edit(cluster.replica_id, "alice", mode, feature, document)

    assert not models.Draft.objects.exists()


def test_edit_on_a_standalone_machine_knows_its_own_mode(standalone: int) -> None:
    assert drafts.edit(standalone, "alice", machine("M1"), "ports", rows("a")).pending
    assert drafts.edit(standalone, "alice", CLUSTER, "routes", rows("b")).pending
    with pytest.raises(UnknownMode, match="no cluster"):
        drafts.edit(standalone, "alice", machine("M2"), "ports", rows("a"))


def test_remove_drafts_an_absence(cluster: Cluster) -> None:
    cluster.put(machine("M1"), "routes", rows("own"))

    edited = drafts.remove(cluster.replica_id, "alice", machine("M1"), "routes")

    assert edited.pending
    assert drafts.draft_state(cluster.replica_id, "alice").defined(machine("M1"), "routes") is None
    assert cluster.value(machine("M1"), "routes") == rows("own")


def test_remove_of_nothing_leaves_nothing_pending(cluster: Cluster) -> None:
    assert not drafts.remove(cluster.replica_id, "alice", cluster.paris, "routes").pending
    with pytest.raises(UnknownFeature):
        drafts.remove(cluster.replica_id, "alice", cluster.paris, "nonsense")


def test_edit_entry_takes_settings_and_pending_joins_and_nothing_else(cluster: Cluster) -> None:
    waiting = Address(Kind.PENDING_JOIN, "M7")
    drafts.edit_entry(cluster.replica_id, "alice", waiting, {"host": "mx7.example.com", "user_key": "k"})
    drafts.edit_entry(cluster.replica_id, "alice", AT_CLUSTER, rows("x"))
    drafts.edit_entry(cluster.replica_id, "alice", settings_at(machine("M1"), "ports"), None)

    assert {p.address: p.mode for p in drafts.pending(cluster.replica_id, "alice")} == {
        waiting: None,
        AT_CLUSTER: CLUSTER,
        settings_at(machine("M1"), "ports"): machine("M1"),
    }
    with pytest.raises(NotADraft, match="at once"):
        drafts.edit_entry(cluster.replica_id, "alice", THE_CLUSTER, {"name": "x"})


def test_edit_entry_refuses_a_name_that_the_table_cannot_keep(cluster: Cluster, monkeypatch) -> None:
    monkeypatch.setattr(drafts, "MAX_ADDRESS", 20)
    with pytest.raises(MalformedCommit, match="too long"):
        drafts.edit_entry(cluster.replica_id, "alice", Address(Kind.PENDING_JOIN, "M" * 60), {"host": "x"})


def test_clear_drops_all_levels_or_only_some(cluster: Cluster) -> None:
    for mode in (CLUSTER, cluster.paris, machine("M1")):
        drafts.edit(cluster.replica_id, "alice", mode, "routes", rows("new"))
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("bob"))

    assert drafts.clear(cluster.replica_id, "alice", [AT_CLUSTER]) == 1
    assert drafts.clear(cluster.replica_id, "alice") == 2
    assert drafts.people(cluster.replica_id) == ["bob"]


def test_changes_given_back_are_pending_again_and_newer_drafts_stay(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("one.example"))
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "texts", rows("footer"))
    taken = drafts.changes(cluster.replica_id, "alice")
    drafts.clear(cluster.replica_id, "alice")
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("newer.example"))
    newer = drafts.changes(cluster.replica_id, "alice")
    assert drafts.give_back(cluster.replica_id, "alice", taken) == [newer[0].address]
    found = {c.address: c for c in drafts.changes(cluster.replica_id, "alice")}
    assert found == {newer[0].address: newer[0], taken[1].address: taken[1]}


def test_drafts_follow_a_small_change_of_what_they_were_made_on(cluster: Cluster) -> None:
    """TRL-09, CMT-04: one that changes the same thing, or was made on an older version, is a conflict."""
    drafts.edit(cluster.replica_id, "dave", CLUSTER, "routes", rows("example.com", "of dave"))
    replaced = cluster.put(CLUSTER, "routes", rows("example.com", "newer"))
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("example.com", "of alice"))
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("of bob"))
    drafts.remove(cluster.replica_id, "carol", CLUSTER, "routes")
    (touched,) = (p.updated for p in drafts.pending(cluster.replica_id, "alice"))

    def again(mine: Document) -> Document | None:
        names = [row["name"] for row in mine["rows"]]
        if "example.com" not in names:
            return None
        return rows(*("example.org" if name == "example.com" else name for name in names))

    made = cluster.put(CLUSTER, "routes", rows("example.org", "newer"), user="erin")
    row = models.Replica.objects.get(pk=cluster.replica_id)
    drafts.follow(row, AT_CLUSTER, replaced, made, again)

    (followed,) = drafts.pending(cluster.replica_id, "alice")
    assert (followed.value, followed.base) == (rows("example.org", "of alice"), made)
    assert (followed.stale, followed.updated) == (None, touched)
    behind = {user: drafts.stale(cluster.replica_id, user) for user in ("bob", "carol", "dave")}
    assert {user: [(stale.mine, stale.now.id) for stale in found] for user, found in behind.items()} == {
        "bob": [(rows("of bob"), made)],
        "carol": [(None, made)],
        "dave": [(rows("example.com", "of dave"), made)],
    }


def test_draft_of_an_entry_that_was_not_there_follows_its_first_version(cluster: Cluster) -> None:
    """TRL-09."""
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "texts", rows("of alice"))
    made = cluster.put(CLUSTER, "texts", rows("first"), user="bob")
    row = models.Replica.objects.get(pk=cluster.replica_id)

    drafts.follow(row, settings_at(CLUSTER, "texts"), None, made, lambda mine: mine)

    (followed,) = drafts.pending(cluster.replica_id, "alice")
    assert (followed.value, followed.base, followed.stale) == (rows("of alice"), made, None)


def test_rebase_keeps_the_value_on_top_of_the_other(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("mine"))
    cluster.put(CLUSTER, "routes", rows("theirs"), user="bob")

    assert drafts.rebase(cluster.replica_id, "alice", AT_CLUSTER, cluster.newest(AT_CLUSTER)).pending
    assert drafts.stale(cluster.replica_id, "alice") == []
    assert [p.value for p in drafts.pending(cluster.replica_id, "alice")] == [rows("mine")]


def test_rebase_goes_over_the_version_that_was_shown_alone(cluster: Cluster) -> None:
    """TRL-09: what came since has not been compared."""
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("mine"))
    cluster.put(CLUSTER, "routes", rows("theirs"), user="bob")
    shown = cluster.newest(AT_CLUSTER)
    cluster.put(CLUSTER, "routes", rows("newer"), user="bob")

    with pytest.raises(Overtaken, match="changed once more"):
        drafts.rebase(cluster.replica_id, "alice", AT_CLUSTER, shown)
    assert [found.now.value for found in drafts.stale(cluster.replica_id, "alice")] == [rows("newer")]


def test_rebase_onto_the_same_value_leaves_nothing_pending(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("same"))
    cluster.put(CLUSTER, "routes", rows("same"), user="bob")

    assert not drafts.rebase(cluster.replica_id, "alice", AT_CLUSTER, cluster.newest(AT_CLUSTER)).pending
    with pytest.raises(NotADraft, match="no pending change"):
        drafts.rebase(cluster.replica_id, "alice", AT_CLUSTER, cluster.newest(AT_CLUSTER))


def test_impact_names_each_machine_that_changes_with_lines_and_flags(cluster: Cluster) -> None:
    cluster.put(cluster.paris, "routes", rows("paris"))
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows())

    found = drafts.impact_of(cluster.replica_id, "alice")

    assert [i.machine.serial for i in found] == ["M1", "M2"]
    assert found[0].lines == (("-", "routes example.com"),)
    assert [flag.feature for flag in found[0].red_flags] == ["routes"]


def test_impact_on_a_standalone_machine_is_on_itself(standalone: int) -> None:
    drafts.edit(standalone, "alice", CLUSTER, "routes", rows("b"))

    (found,) = drafts.impact_of(standalone, "alice")

    assert (found.machine.serial, found.settings_change) == ("M1", True)


def test_secrets_are_hidden_in_what_is_pending(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "users", rows("eve", passphrase="hunter2"))

    (found,) = drafts.pending(cluster.replica_id, "alice")

    assert "hunter2" not in repr(found.paths)
    assert secrets_of(Address(Kind.PENDING_JOIN, "M7")) == frozenset()
    assert secrets_of(settings_at(CLUSTER, "of-another-release")) == frozenset()


def test_draft_of_a_group_deleted_meanwhile_is_refused_when_edited_again(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", cluster.paris, "routes", rows("a"))
    membership.delete_group(cluster.replica_id, cluster.paris.id, target_id=cluster.main.id, **BY)

    with pytest.raises(UnknownMode):
        drafts.edit(cluster.replica_id, "alice", cluster.paris, "routes", rows("b"))
    assert len(drafts.pending(cluster.replica_id, "alice")) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from("cgm"), st.sampled_from(["routes", "limits"]), st.text("ab", max_size=2)),
        max_size=6,
    )
)
def test_drafts_then_clear_is_identity(cluster: Cluster, edits) -> None:
    modes = {"c": CLUSTER, "g": cluster.paris, "m": machine("M1")}
    before = replicas.entries_digest(cluster.replica_id)
    for level, feature, name in edits:
        if name:
            drafts.edit(cluster.replica_id, "alice", modes[level], feature, rows(name))
        else:
            drafts.remove(cluster.replica_id, "alice", modes[level], feature)

    drafts.clear(cluster.replica_id, "alice")

    assert replicas.entries_digest(cluster.replica_id) == before
    assert drafts.draft_state(cluster.replica_id, "alice").entries == cluster.state.entries


def test_removal_is_refused_at_the_cluster_of_what_has_to_be_defined(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LOAD-09: without users nobody could log in; a machine that inherits them may give its own up."""
    known = Catalogue({"people": Table("people", factory_default={})})
    monkeypatch.setattr(drafts, "catalogue", lambda: known)
    with pytest.raises(InvalidDocument, match="expected a list"):
        drafts.remove(cluster.replica_id, "alice", CLUSTER, "people")
    assert drafts.pending(cluster.replica_id, "alice") == []
    assert not drafts.remove(cluster.replica_id, "alice", machine("M1"), "people").pending
