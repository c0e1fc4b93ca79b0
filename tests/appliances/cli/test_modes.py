"""Modes of a session, and commands that are restricted to some of them."""

from __future__ import annotations

import json

import pytest

from appliances.machine.status import MachineStatus
from clusters import drafts
from clusters.modes import CLUSTER, machine
from tests.appliances.cli.hosts import PASSPHRASE, Person, QuietHost


def test_session_begins_in_machine_mode_of_the_login_host(admin: Person) -> None:
    """CLI-01, CLI-03."""
    assert admin.prompt == "(Machine mx1.example.com)> "


def test_standalone_prompt_is_the_host_name(standalone: QuietHost) -> None:
    """CLI-03."""
    person = Person.at(standalone)

    assert person.prompt == "mx1.example.com> "
    assert person.types("clustermode cluster") == 1
    assert person.warned == "This machine is in no cluster."


@pytest.mark.parametrize(
    ("words", "prompt"),
    [
        ("cluster", "(Cluster Americas)> "),
        ("group paris", "(Group Paris)> "),
        ("machine MX2.example.com", "(Machine mx2.example.com)> "),
    ],
)
def test_clustermode_switches(admin: Person, words: str, prompt: str) -> None:
    """CLI-02."""
    assert admin.types(f"clustermode {words}") == 0
    assert admin.prompt == prompt


@pytest.mark.parametrize("words", ["group Rome", "machine mx9.example.com", "galaxy far", "group"])
def test_unknown_mode_keeps_the_present_one(admin: Person, words: str) -> None:
    """CLI-05."""
    admin.types("clustermode group Paris")

    assert admin.types(f"clustermode {words}") == 1
    assert admin.prompt == "(Group Paris)> "


def test_clustermode_alone_asks_for_cluster_mode(admin: Person) -> None:
    """CLI-02."""
    assert admin.types("clustermode", "") == 0
    assert admin.asked == ["Would you like to switch to cluster mode? [Y]>"]
    assert admin.prompt == "(Cluster Americas)> "


def test_clustermode_alone_offers_levels_then_members(admin: Person) -> None:
    """CLI-10."""
    assert admin.types("clustermode", "n", "2", "2") == 0
    assert admin.prompt == "(Group Paris)> "


def test_two_sessions_have_modes_of_their_own(clustered: QuietHost) -> None:
    """CLI-06."""
    one, other = Person.at(clustered), Person.at(clustered)

    one.types("clustermode cluster")

    assert other.prompt == "(Machine mx1.example.com)> "


def test_cluster_command_offers_to_switch_and_stays_there(admin: Person) -> None:
    """RES-01."""
    assert admin.types("clusterconfig list", "") == 0

    assert admin.asked == ["Would you like to switch to cluster mode? [Y]>"]
    assert admin.said.startswith("cluster = Americas")
    assert admin.prompt == "(Cluster Americas)> "


def test_cluster_command_refused_leaves_the_mode(admin: Person) -> None:
    """RES-01."""
    assert admin.types("clusterconfig list", "n") == 0

    assert admin.said == ""
    assert admin.prompt == "(Machine mx1.example.com)> "


def test_machine_command_offers_machines_login_host_first(admin: Person) -> None:
    """RES-02."""
    admin.types("clustermode cluster")

    assert admin.types("version", "y", "2") == 1

    assert "MX2 is far away" in admin.warned
    assert admin.dialogue.said[:2] == ["1. Machine mx1.example.com", "2. Machine mx2.example.com"]
    assert admin.prompt == "(Machine mx2.example.com)> "


def test_status_of_a_machine_out_of_reach_is_the_last_known(clustered: QuietHost) -> None:
    """RES-03."""
    admin = Person.at(clustered)
    clustered.heard_statuses["MX2"] = MachineStatus(serial="MX2", name="mx2.example.com", enforced="abc")

    assert admin.types("clustermode machine mx2.example.com; status --json") == 0

    assert "MX2 is far away" in admin.warned
    assert json.loads(admin.said)["enforced"] == "abc"


def test_role_that_is_taken_away_counts_at_once(clustered: QuietHost) -> None:
    admin = Person.at(clustered)
    clustered.roles["admin"] = "guest"

    assert admin.types("history") == 1

    del clustered.roles["admin"]
    assert admin.types("whoami") == 1
    assert "is gone" in admin.warned


def test_login_host_command_names_the_login_host(admin: Person) -> None:
    """RES-03."""
    admin.types("clustermode machine mx2.example.com")

    assert admin.types("tryagain", "n") == 0
    assert "Machine mx1.example.com" in admin.warned


def test_restricted_command_of_a_script_runs_in_its_mode_for_itself_alone(script: Person) -> None:
    """TRL-10, RES-01: what follows lands where the script has chosen, and it is told."""
    assert script.types("clusterconfig list --json") == 0

    assert json.loads(script.said)["cluster"] == "Americas"
    assert "restricted to cluster mode; it runs at Cluster Americas" in script.warned
    assert "the mode stays Machine mx1.example.com" in script.warned
    assert script.prompt == "(Machine mx1.example.com)> "
    assert script.types("clusterconfig list; unsubscribe add a@example.com --empty") == 0
    assert [str(found.mode) for found in drafts.pending(script.session.replica_id, "admin")] == [
        "machine:MX1"
    ]


@pytest.mark.parametrize("mode", ["cluster", "group Paris", "machine mx2.example.com"])
@pytest.mark.parametrize(
    "line",
    [
        "clusterconfig list",
        "userconfig show",
        "userconfig nonsense",
        "passwd nobody --passphrase-stdin",
        "version",
        "interfaceconfig",
        "clusterconfig addgroup Rome",
    ],
)
def test_mode_that_a_script_has_chosen_holds_after_every_restricted_command(
    script: Person, mode: str, line: str
) -> None:
    """TRL-10: whether the command was done or refused."""
    script.types(f"clustermode {mode}")
    chosen = script.session.mode

    script.types(line, stdin="a new passphrase\n")

    assert script.session.mode == chosen


def test_mode_that_a_script_chooses_holds(script: Person) -> None:
    """TRL-10."""
    assert script.types("clusterconfig list; clustermode group Paris; clusterconfig list") == 0

    assert script.prompt == "(Group Paris)> "


@pytest.mark.parametrize("line", ["tail -n 1", "who", "last", "resetconfig --yes", "tryagain"])
def test_login_host_command_of_a_script_in_another_machines_mode_is_refused(
    script: Person, line: str
) -> None:
    """TRL-10, RES-04: and nothing after it is done on a machine that was not meant."""
    there = "clustermode machine mx2.example.com"

    assert script.types(f"{there}; {line}; unsubscribe add a@example.com --empty") == 1

    assert "runs only on the login host, Machine mx1.example.com" in script.warned
    assert "the mode is Machine mx2.example.com" in script.warned
    assert script.session.mode == machine("MX2")
    assert drafts.pending(script.session.replica_id, "admin") == []


def test_login_host_command_of_a_script_at_the_cluster_runs_for_itself_alone(script: Person) -> None:
    """TRL-10, RES-03."""
    assert script.types("clustermode cluster; who") == 0

    assert "it runs at Machine mx1.example.com, the mode stays Cluster Americas" in script.warned
    assert script.session.mode == CLUSTER


def test_passwd_of_a_guest_keeps_the_mode_without_a_word(clustered: QuietHost) -> None:
    """RES-04."""
    admin = Person.at(clustered)
    admin.types("clustermode cluster; userconfig add eve role=guest; commit -m eve")
    assert admin.types("passwd eve", PASSPHRASE, PASSPHRASE) == 0
    guest = Person.at(clustered, "guest", "eve")

    code = guest.types("passwd", PASSPHRASE, "another passphrase", "another passphrase")

    assert code == 0
    assert guest.warned == ""
    assert guest.prompt == "(Machine mx1.example.com)> "
    assert guest.types("passwd", PASSPHRASE) == 1
    assert "old passphrase is wrong" in guest.warned


def test_mode_that_is_deleted_is_left(admin: Person, script: Person) -> None:
    """TRL-35: and what was typed in it is not done elsewhere."""
    admin.types("clustermode group Paris")

    script.types("clusterconfig deletegroup Paris")

    assert admin.types("whoami") == 1
    assert admin.warned == "The mode in which you were is gone. The mode is Machine mx1.example.com."
    assert admin.types("whoami") == 0
    assert admin.prompt == "(Machine mx1.example.com)> "
