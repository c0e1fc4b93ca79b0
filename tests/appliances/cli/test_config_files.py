"""The configuration as a file, on the command line: shown, kept, loaded with a mapping."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliances.cli.session import Session
from appliances.machine.saved import SavedFiles
from clusters import drafts, replicas
from clusters.modes import CLUSTER, Level
from tests.appliances.cli.hosts import Interrupted, Person, QuietHost

SECRET = "a long passphrase"


@pytest.fixture
def kept(clustered: QuietHost, tmp_path: Path) -> QuietHost:
    """A host with a home; its cluster has an unsubscribe list and a route of Paris."""
    clustered.saved = SavedFiles(tmp_path / "saved")
    script = Person.at(clustered, interactive=False)
    script.types("clustermode cluster; unsubscribe add one@example.com")
    script.types("clustermode group Paris; smtproutes set --empty example.com 192.0.2.1; commit -m first")
    return clustered


@pytest.fixture
def script(kept: QuietHost) -> Person:
    found = Person.at(kept, interactive=False)
    found.session.mode = CLUSTER
    return found


def sealed(script: Person) -> str:
    """The file of the cluster with its secrets under a passphrase."""
    assert script.types("showconfig --encrypt", stdin=SECRET) == 0
    return script.said


def change(script: Person) -> None:
    script.types("clustermode cluster; unsubscribe add two@example.com")
    script.types("clustermode group Paris; smtproutes inherit; commit -m second; clustermode cluster")


def test_shown_file_masks_secrets(script: Person) -> None:
    """LOAD-01, LOAD-10."""
    assert script.types("showconfig") == 0
    assert "one@example.com" in script.said
    assert "argon2" not in script.said
    text = script.said

    assert script.types("loadconfig", stdin=text) == 1
    assert "masked" in script.warned
    assert "argon2" not in sealed(script)


def test_file_brings_the_cluster_back_as_pending_changes(script: Person) -> None:
    """LOAD-01, LOAD-03, LOAD-08: a backup restored."""
    text = sealed(script)
    change(script)
    vector = replicas.vector(script.session.replica_id)

    assert script.types(f"loadconfig --passphrase '{SECRET}'", stdin=text) == 0

    assert "smtproutes (Group Paris)" in script.said
    assert "two@example.com" in script.said
    assert replicas.vector(script.session.replica_id) == vector
    assert len(drafts.pending(script.session.replica_id, "admin")) == 2
    assert script.types("commit -m restored; unsubscribe --json") == 0
    assert "two@example.com" not in script.said


def test_file_is_not_loaded_over_what_was_committed_during_the_review(kept: QuietHost) -> None:
    """TRL-09: the person has not seen that."""
    text = sealed(Person.at(kept, interactive=False))
    bob = Person.at(kept, user="bob", interactive=False)
    change(bob)
    dialogue = Interrupted(
        interactive=True,
        happens=lambda: bob.types("clustermode cluster; unsubscribe add three@example.com; commit -m third"),
    )
    kept.saved.keep("before", text)
    kept.roles["admin"] = "administrator"
    person = Person(
        Session.begun(
            "admin",
            "administrator",
            kept,
            dialogue,
        ),
        dialogue,
    )
    person.session.mode = CLUSTER
    line = f"loadconfig before --passphrase '{SECRET}' --group Paris=Paris"

    assert person.types(line, "y") == 1

    assert "changed since you were asked" in person.warned
    assert drafts.pending(kept.replica_id, "admin") == []


def test_wrong_passphrase_and_broken_files_change_nothing(script: Person) -> None:
    """LOAD-09."""
    text = sealed(script)
    change(script)
    for words, stdin in (
        ("loadconfig --passphrase 'something else'", text),
        ("loadconfig", text),
        (f"loadconfig --passphrase '{SECRET}'", text[:-100]),
        ("loadconfig nothing.xml", ""),
        ("loadconfig ../../keys/user", ""),
        ("loadconfig --group nonsense", text),
    ):
        assert script.types(words, stdin=stdin) in (1, 2), words
        assert not drafts.pending(script.session.replica_id, "admin")


def test_groups_and_appliances_are_mapped_in_one_line(script: Person) -> None:
    """LOAD-06, LOAD-07."""
    text = sealed(script)
    change(script)
    line = f"loadconfig --passphrase '{SECRET}' --no-cluster --group Paris=Main_Group"

    assert script.types(line, stdin=text) == 0
    (pending,) = drafts.pending(script.session.replica_id, "admin")
    assert pending.mode == script.session.state.mode_named(script.session.own_mode.level.GROUP, "Main_Group")
    script.types("clear")
    line = f"loadconfig --passphrase '{SECRET}' --appliance MX1 mx2.example.com"
    assert script.types(line, stdin=text) == 0
    pending = drafts.pending(script.session.replica_id, "admin")
    assert {found.mode.id for found in pending if found.mode} == {"MX2"}


def test_mapping_is_asked_with_dont_copy(kept: QuietHost, script: Person) -> None:
    """LOAD-05, LOAD-06: in cluster mode; groups first, then each machine."""
    script.types("saveconfig before --encrypt", stdin=SECRET)
    change(script)
    admin = Person.at(kept)

    code = admin.types(f"loadconfig before --passphrase '{SECRET}'", "", "", "", "", "3", "")

    assert code == 0
    assert admin.asked[0] == "Would you like to switch to cluster mode? [Y]>"
    assert "Group Paris gets the settings of:" in admin.said
    assert "Machine mx2.example.com gets the settings of:" in admin.said
    assert "Don't Copy" in admin.said
    assert admin.asked[-1] == "Make these changes pending? [Y]>"
    assert drafts.pending(kept.replica_id, "admin")


def test_kept_files_are_listed_shown_and_limited(script: Person, tmp_path: Path) -> None:
    assert script.types("saveconfig list") == 0
    assert "No configuration is kept" in script.said
    for number in range(22):
        assert script.types(f"saveconfig n{number}.xml") == 0
    script.types("saveconfig list --json")
    names = json.loads(script.said)
    assert len(names) == 20
    assert "n21.xml" in names
    assert script.types("saveconfig show n21.xml") == 0
    assert script.said.startswith("<?xml")
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "saved").iterdir())


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".hidden", "a/b", "-x", "x" * 65])
def test_name_that_leads_elsewhere_is_refused(script: Person, name: str, tmp_path: Path) -> None:
    assert script.types(f"saveconfig '{name}'") in (1, 2)
    assert script.types(f"saveconfig show '{name}'") in (1, 2)
    assert not list(tmp_path.rglob("*x*"))


def test_machine_is_shown_flattened_and_stays_a_member(script: Person) -> None:
    """LOAD-03, JN-21: what to save before a join or a removal."""
    assert script.types("showconfig --machine mx2.example.com") == 0
    assert 'kind="machine"' in script.said
    assert "one@example.com" in script.said
    assert script.types("loadconfig", stdin=script.said) == 1
    assert script.types("showconfig --machine nobody.example.com") == 1


def test_standalone_machine_takes_its_own_kind_of_file(standalone: QuietHost, tmp_path: Path) -> None:
    """LOAD-02, LOAD-03, JN-21."""
    standalone.saved = SavedFiles(tmp_path / "saved")
    person = Person.at(standalone, interactive=False)
    person.types("unsubscribe add one@example.com; commit -m one")
    person.types("showconfig --encrypt", stdin=SECRET)
    text = person.said
    person.types("unsubscribe clear; commit -m two")

    assert person.types(f"loadconfig --passphrase '{SECRET}'", stdin=text) == 0
    assert person.types("commit -m back; unsubscribe --json") == 0
    assert "one@example.com" in person.said
    assert person.types("loadconfig", stdin="<config format='1' kind='cluster'/>") == 1


def in_lyon(kept: QuietHost, script: Person) -> str:
    """The file of the cluster, in which mx2 is in Paris; here it is in the initial group."""
    text = sealed(script)
    member = script.session.state.machines["MX2"]
    paris = script.session.state.mode_named(Level.GROUP, "Paris").id
    return text.replace(
        f'name="mx2.example.com" group="{member.group}"', f'name="mx2.example.com" group="{paris}"'
    )


def test_group_and_appliance_are_mapped_in_one_order(kept: QuietHost, script: Person) -> None:
    """TRL-17: what the file has stands first, as with --appliance; the other order is told from it."""
    text = sealed(script)
    load = f"loadconfig --passphrase '{SECRET}' --no-cluster"
    line = f"{load} --group Main_Group=Main_Group --machine MX2=mx2.example.com"
    assert script.types(line, stdin=text) == 0
    assert script.types(f"{load} --machine mx2.example.com=MX2", stdin=text) == 2
    assert "write --machine MX2=mx2.example.com" in script.warned
    assert script.types(f"{load} --machine MX9=mx2.example.com", stdin=text) == 1
    assert "The file has no appliance MX9; it has: MX1, MX2" in script.warned
    assert script.types(f"{load} --group Paris=G1", stdin=text) == 1
    assert "What the file has stands first" in script.warned
    assert script.types(f"{load} --group G1=Paris", stdin=text) == 1
    assert "The file has no group G1; it has: Main_Group, Paris" in script.warned


def test_appliance_of_another_group_is_refused(kept: QuietHost, script: Person) -> None:
    """TRL-17, LOAD-06: and loaded alone it is taken (LOAD-07)."""
    text = in_lyon(kept, script)
    load = f"loadconfig --passphrase '{SECRET}' --no-cluster"
    line = f"{load} --group Main_Group=Main_Group --machine MX2=mx2.example.com"
    assert script.types(line, stdin=text) == 1
    assert "is of group Paris of the file" in script.warned
    assert script.types(f"{load} --appliance MX2 mx2.example.com", stdin=text) == 0


def test_unlike_interfaces_are_told_one_by_one(script: Person) -> None:
    """TRL-17, LOAD-04: which interface, which service, here and in the file."""
    text = sealed(script)
    script.types("clustermode machine mx1.example.com; interfaceconfig set Management ssh.port=2022")
    script.types("commit -m moved; clustermode cluster")
    script.types(f"loadconfig --passphrase '{SECRET}' --appliance MX1 mx1.example.com", stdin=text)
    assert "Management: SSH port 2022 here, 22 in the file" in script.warned
