"""What each role may do, and what nobody can."""

from __future__ import annotations

import pytest

from appliances.cli import registry
from tests.appliances.cli.hosts import Person, QuietHost

EDITS = (
    "clustermode cluster; unsubscribe add a@example.com",
    "clustermode cluster; unsubscribe load {}",
    "clustermode cluster; unsubscribe clear",
    "clustermode cluster; unsubscribe inherit",
    "clustermode cluster; unsubscribe clusterset delete",
    "commit -m x",
    "clear",
    "revertcommit MX1/1",
)
RULES = (
    "clustermode cluster; userconfig add eve role=administrator",
    "clusterconfig addgroup Rome",
    "clusterconfig removemachine mx2.example.com",
    "clusterconfig disconnect mx2.example.com",
    "passwd admin --passphrase-stdin",
)
LOOKS = ("smtproutes", "history", "commitdetail", "clusterconfig list", "connstatus", "showconflicts")


def test_readonly_user_changes_nothing(clustered: QuietHost) -> None:
    person = Person.at(clustered, "readonly", "rita", interactive=False)
    for line in [*EDITS, *RULES]:
        assert person.types(line, stdin="a new passphrase\n") == 1, line
        assert "role" in person.warned or "administrator" in person.warned, line


def test_operator_rules_nothing(clustered: QuietHost) -> None:
    person = Person.at(clustered, "operator", "otto", interactive=False)
    for line in RULES:
        assert person.types(line, stdin="a new passphrase\n") == 1, line


def test_operator_edits_and_commits(clustered: QuietHost) -> None:
    person = Person.at(clustered, "operator", "otto", interactive=False)

    assert person.types(f"{EDITS[0]}; commit -m x") == 0


def test_guest_neither_looks_nor_changes(clustered: QuietHost) -> None:
    person = Person.at(clustered, "guest", "eve", interactive=False)
    for line in [*LOOKS, *EDITS, *RULES]:
        assert person.types(line, stdin="a new passphrase\n") == 1, line


def test_readonly_user_looks(clustered: QuietHost) -> None:
    person = Person.at(clustered, "readonly", "rita", interactive=False)
    for line in LOOKS:
        assert person.types(line) == 0, line


def test_unknown_role_is_a_guest(clustered: QuietHost) -> None:
    assert Person.at(clustered, "root", "mallory", interactive=False).types("smtproutes") == 1


@pytest.mark.parametrize(
    "line",
    [
        "sh",
        "bash -c id",
        "cat /etc/passwd",
        "scp -f /etc/passwd",
        "sftp-server",
        "python",
        "!ls",
        "$(id)",
        "`id`",
    ],
)
def test_there_is_no_shell_and_no_file(admin: Person, line: str) -> None:
    assert admin.types(line) == 2
    assert "Unknown command" in admin.warned


def test_unknown_command_suggests_the_one_that_was_meant(script: Person) -> None:
    assert script.types("smtproute") == 2
    assert "Did you mean smtproutes?" in script.warned


def test_every_command_explains_itself(script: Person) -> None:
    for name in sorted(registry.commands()):
        assert script.types(f"help {name}") == 0, name
        assert script.said.strip(), name


def test_help_of_a_guest_lists_only_what_a_guest_may(clustered: QuietHost) -> None:
    person = Person.at(clustered, "guest", "eve", interactive=False)

    assert person.types("help") == 0
    assert "passwd" in person.said
    assert "clusterconfig" not in person.said
