"""Committing, clearing and going back on the command line."""

from __future__ import annotations

import json

import pytest

from appliances.cli.errors import Leave
from tests.appliances.cli.hosts import Person, QuietHost

EDIT = "clustermode cluster; unsubscribe add a@example.com"


def test_commit_asks_for_a_comment_then_for_the_rollback_copy(admin: Person) -> None:
    """CMT-06."""
    admin.types(EDIT)

    assert admin.types("commit", "why", "") == 0

    assert admin.asked == [
        "Comment describing the change []>",
        "Keep the present configuration for a rollback? [Y]>",
    ]
    assert admin.said.startswith("Changes committed: ")
    assert admin.types("history 1") == 0
    assert admin.said.endswith("why")


def test_commit_with_nothing_pending_says_so(admin: Person) -> None:
    """CMT-06."""
    assert admin.types("commit") == 0
    assert admin.said == "There are no changes to commit."


def test_commit_takes_all_levels_from_any_mode(script: Person) -> None:
    """CMT-01."""
    script.types(EDIT)
    script.types(
        "clustermode group Paris; unsubscribe clear; clustermode machine mx2.example.com; unsubscribe clear"
    )

    assert script.types("clustermode machine mx1.example.com; commit -m all; showchanges --json") == 0

    assert json.loads(script.dialogue.said[-1])["changes"] == []


def test_conflict_declined_keeps_the_changes(clustered: QuietHost) -> None:
    """CMT-04, CMT-05."""
    alice, bob = Person.at(clustered, user="alice"), Person.at(clustered, user="bob")
    alice.types(EDIT)
    bob.types("clustermode cluster; unsubscribe add b@example.com; commit -m bob")

    assert alice.types("commit -m alice", "") == 3

    assert "bob on mx1.example.com" in alice.warned
    assert alice.asked == ["Discard all your changes? [N]>"]
    assert alice.types("showchanges") == 0
    assert "a@example.com" in alice.said


def test_conflict_accepted_discards_the_changes(clustered: QuietHost) -> None:
    """CMT-05."""
    alice, bob = Person.at(clustered, user="alice"), Person.at(clustered, user="bob")
    alice.types(EDIT)
    bob.types("clustermode cluster; unsubscribe add b@example.com; commit -m bob")

    assert alice.types("commit -m alice", "y") == 1

    assert alice.types("showchanges") == 0
    assert alice.said == "There are no pending changes."


@pytest.mark.parametrize(("answer", "left"), [("", False), ("n", True)])
def test_clear_asks_first(admin: Person, answer: str, left: bool) -> None:
    """CMT-03, CMT-07."""
    admin.types(EDIT)

    assert admin.types("clear", answer) == 0

    admin.types("showchanges")
    assert ("a@example.com" in admin.said) is left


def test_showchanges_has_the_diff_and_each_machine(script: Person) -> None:
    script.types("clustermode cluster; smtproutes set a.example.com 127.0.0.9")

    assert script.types("showchanges") == 0

    assert "smtproutes (Cluster Americas)" in script.said
    assert "mx1.example.com: " in script.said
    assert "+ maps/transport: a.example.com" in script.said


def test_commitdetail_names_every_machine_also_those_untouched(script: Person) -> None:
    """CMT-02."""
    script.types("clustermode machine mx2.example.com; unsubscribe add --empty a@example.com; commit -m one")

    assert script.types("commitdetail") == 0

    assert 'with comments: "one"' in script.said
    assert "mx1.example.com: nothing changed" in script.said
    assert "mx2.example.com:" in script.said


def test_revert_drafts_what_was_before(script: Person) -> None:
    script.types(f"{EDIT}; commit -m first")
    script.types("commitdetail --json")
    ident = json.loads(script.said)["id"]

    assert script.types(f"revert {ident}; commit -m back; unsubscribe --json") == 0

    assert json.loads(script.dialogue.said[-1])["defined"] is False


@pytest.mark.parametrize("ident", ["", "nonsense", "MX1/999"])
def test_revert_of_no_commit_is_refused(script: Person, ident: str) -> None:
    assert script.types(f"revert {ident}") in (1, 2)
    assert script.warned


def test_leaving_with_pending_changes_warns(admin: Person) -> None:
    """CLI-12."""
    admin.types(EDIT)

    assert admin.types("exit", "n") == 0
    assert "1 pending change" in admin.warned
    with pytest.raises(Leave):
        admin.types("exit", "")


def test_script_stops_at_the_first_command_that_fails(script: Person) -> None:
    assert script.types(f"{EDIT}; smtproutes set a.example.com a..b; commit -m never") == 1

    assert script.types("history --json") == 0
    assert "never" not in script.said
