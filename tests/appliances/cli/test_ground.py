"""A machine that leaves its cluster or comes into one, under the sessions of the people there."""

from __future__ import annotations

import pytest

from appliances.cli.session import Session
from clusters import commits, drafts, membership, replicas
from clusters.membership_refusals import PendingDrafts
from clusters.modes import CLUSTER
from clusters.refusals import Leaving
from tests.appliances.cli.hosts import Interrupted, Person, QuietHost

BY = {"user": "bob", "host": "mx2.example.com"}
ADD = "unsubscribe add a@example.com --empty"


def removed(host: QuietHost) -> None:
    """Somebody elsewhere has removed mx1, and it has gone on alone."""
    membership.remove_machine(host.replica_id, host.serial, losing=drafts.people(host.replica_id), **BY)
    host.follow()


# who removes a machine


def test_removal_of_oneself_is_refused_while_anybody_has_uncommitted_changes(clustered: QuietHost) -> None:
    """TRL-12, CR-06: own and others'; nothing is lost."""
    kenji = Person.at(clustered, "operator", "kenji", interactive=False)
    script = Person.at(clustered, interactive=False)
    kenji.types(f"clustermode cluster; {ADD}")
    script.types("clustermode cluster; smtproutes set a.example 192.0.2.1")

    assert script.types("clusterconfig removemachine mx1.example.com") == 1

    assert "uncommitted changes of admin, kenji" in script.warned
    assert "--yes" in script.warned
    assert not replicas.state(clustered.replica_id).standalone
    assert drafts.people(clustered.replica_id) == ["admin", "kenji"]


def test_removal_of_oneself_names_whose_changes_are_lost_and_asks(clustered: QuietHost) -> None:
    """TRL-12."""
    Person.at(clustered, "operator", "kenji", interactive=False).types(f"clustermode cluster; {ADD}")
    admin = Person.at(clustered)
    admin.types("clustermode cluster")

    assert admin.types("clusterconfig removemachine mx1.example.com", "n") == 1
    assert "uncommitted changes of kenji: they would be lost" in admin.warned
    assert drafts.people(clustered.replica_id) == ["kenji"]

    assert admin.types("clusterconfig removemachine mx1.example.com", "y") == 0
    assert drafts.people(clustered.replica_id) == []
    assert "uncommitted changes of kenji are lost" in commits.last(clustered.replica_id).comment


def test_changes_that_nobody_has_agreed_to_lose_keep_the_machine(clustered: QuietHost) -> None:
    """TRL-12: whichever door the removal comes through."""
    for name in ("kenji", "olga"):
        Person.at(clustered, "operator", name, interactive=False).types(f"clustermode cluster; {ADD}")

    with pytest.raises(PendingDrafts, match="of olga"):
        membership.remove_machine(clustered.replica_id, "MX1", losing=["kenji"], **BY)


def test_script_that_removes_its_machine_stands_on_it_alone_afterwards(clustered: QuietHost) -> None:
    """TRL-12: what follows is not lost with the cluster."""
    script = Person.at(clustered, interactive=False)

    code = script.types(f"clusterconfig removemachine mx1.example.com; {ADD}; commit -m kept")

    assert code == 0, script.warned
    state = replicas.state(clustered.replica_id)
    assert state.standalone
    assert state.settings[CLUSTER]["unsubscribe"].value["recipients"] == ["a@example.com"]
    assert script.prompt == "mx1.example.com> "


def test_between_removal_and_going_on_alone_nothing_is_taken(clustered: QuietHost) -> None:
    """TRL-12: it would be gone a moment later."""
    drafts.edit(clustered.replica_id, "admin", CLUSTER, "unsubscribe", {"recipients": ["a@example.com"]})
    membership.remove_machine(clustered.replica_id, "MX1", losing=["admin"], **BY)

    with pytest.raises(Leaving):
        commits.commit_pending(clustered.replica_id, user="admin", host="x")
    with pytest.raises(Leaving):
        drafts.edit(clustered.replica_id, "admin", CLUSTER, "unsubscribe", {"recipients": []})


def test_removal_of_another_asks_it_for_uncommitted_changes_first(clustered: QuietHost) -> None:
    """TRL-12."""
    clustered.drafters["MX2"] = ["kenji"]
    script = Person.at(clustered, interactive=False)

    assert script.types("clusterconfig removemachine mx2.example.com") == 1
    assert "On mx2.example.com there are uncommitted changes of kenji" in script.warned
    assert "MX2" in replicas.state(clustered.replica_id).machines

    assert script.types("clusterconfig removemachine mx2.example.com --yes") == 0
    assert "MX2" not in replicas.state(clustered.replica_id).machines


def test_removal_of_one_that_cannot_be_asked_says_so(script: Person) -> None:
    """TRL-12."""
    assert script.types("clusterconfig removemachine mx2.example.com") == 0

    assert "mx2.example.com cannot be asked who has uncommitted changes" in script.warned


# whose machine is removed


def test_session_hears_of_the_removal_and_of_its_lost_changes_before_anything_is_done(
    clustered: QuietHost,
) -> None:
    """TRL-35."""
    admin = Person.at(clustered)
    assert admin.types(f"clustermode cluster; {ADD}") == 0
    removed(clustered)

    assert admin.types("smtproutes set a.example 192.0.2.1") == 1

    assert "no longer in the cluster Americas" in admin.warned
    assert "Your pending changes went with it: unsubscribe (Cluster Americas)" in admin.warned
    assert drafts.people(clustered.replica_id) == []
    assert admin.prompt == "mx1.example.com> "
    assert admin.types("smtproutes set a.example 192.0.2.1") == 0
    assert admin.warned == ""


def test_script_ends_where_its_machine_is_removed(clustered: QuietHost) -> None:
    """TRL-35: lines on standard input go on to be read."""
    script = Person.at(clustered, interactive=False)
    assert script.types("clustermode cluster") == 0
    removed(clustered)

    assert script.types(f"{ADD}; commit -m lost") == 1

    assert "no longer in the cluster Americas" in script.warned


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("smtproutes", 'Switch to mode "Cluster Americas"'),
        ("clusterconfig list", "Would you like to switch to cluster mode?"),
        ("commit", "Comment describing the change"),
    ],
)
def test_question_of_a_cluster_that_is_gone_is_void(clustered: QuietHost, line: str, question: str) -> None:
    """TRL-35: nothing is switched, drafted or committed by an answer to it."""
    clustered.roles["admin"] = "administrator"
    dialogue = Interrupted(interactive=True)
    person = Person(Session.begun("admin", "administrator", clustered, dialogue), dialogue)
    script = Person.at(clustered, interactive=False)
    script.types("clustermode cluster; smtproutes set a.example 192.0.2.1; commit -m x")
    if line == "commit":
        person.types(ADD)
    dialogue.happens = lambda: removed(clustered)

    assert person.types(line, "1" if line == "smtproutes" else "y") == 1

    assert question in "\n".join([*dialogue.said, *dialogue.asked])
    assert "no longer in the cluster Americas" in person.warned
    assert "The question is void" in person.warned
    assert person.session.mode == person.session.own_mode
    assert drafts.people(clustered.replica_id) == []


def test_session_hears_that_its_machine_has_come_into_a_cluster(standalone: QuietHost) -> None:
    """TRL-35: what it types next would be of one machine instead of all."""
    admin, other = Person.at(standalone), Person.at(standalone, interactive=False)
    assert admin.types("whoami") == 0
    assert other.types("clusterconfig new Americas") == 0

    assert admin.types(ADD) == 1

    assert "in the cluster Americas now" in admin.warned
    assert "The mode is Machine mx1.example.com." in admin.warned
    assert drafts.people(standalone.replica_id) == []


def test_who_has_moved_the_machine_is_told_nothing(standalone: QuietHost) -> None:
    """TRL-35."""
    script = Person.at(standalone, interactive=False)

    assert script.types("clusterconfig new Americas; clusterconfig setname Europe; whoami") == 0

    assert "now" not in script.warned


def test_script_reads_a_machine_that_is_removed_and_not_alone_yet(clustered: QuietHost) -> None:
    """TRL-35: its own mode is no longer among those of the cluster, and nothing was chosen that is gone."""
    membership.remove_machine(clustered.replica_id, clustered.serial, user="admin", host="mx2.example.com")
    person = Person.at(clustered, interactive=False)
    assert person.types("history --json") == 0
    assert person.warned == ""
