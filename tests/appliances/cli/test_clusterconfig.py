"""`clusterconfig` as a person types it: choices, order of questions, defaults, operations by number."""

from __future__ import annotations

import json

import pytest

from clusters import drafts, membership, replicas
from clusters.effective import Difference, Setting
from clusters.joining import JoinPreview
from clusters.modes import CLUSTER, machine
from tests.appliances.cli.hosts import FINGERPRINT, KEY, PASSPHRASE, Person, QuietHost

BODY = KEY.split()[1]

ENABLE = "Do you want to enable the Cluster Communication Service on the interface {} ({})? [N]>"


def test_standalone_machine_is_offered_four_choices_and_enter_changes_nothing(standalone: QuietHost) -> None:
    """CR-01, CL-17."""
    person, before = Person.at(standalone), replicas.vector(standalone.replica_id)

    assert person.types("clusterconfig", "") == 0

    assert [line[:2] for line in person.said.splitlines()[1:5]] == ["1.", "2.", "3.", "4."]
    assert person.asked == ["[1]>"]
    assert replicas.vector(standalone.replica_id) == before
    assert person.prompt == "mx1.example.com> "


def test_create_asks_name_and_style_and_opens_the_operations(standalone: QuietHost) -> None:
    """CR-02, CR-04, CR-05, CR-07, GRP-01."""
    person = Person.at(standalone)

    assert person.types("clusterconfig", "2", "Americas", "2", "list", "") == 0

    assert "New cluster committed: 20" in person.said
    assert "Creating a cluster takes effect immediately, there is no need to commit." in person.said
    assert "Cluster Americas" in person.said
    assert "Group Main_Group:\n    Machine mx1.example.com (Serial #: MX1)" in person.said
    assert person.prompt == "(Cluster Americas)> "
    assert not drafts.people(standalone.replica_id)
    assert replicas.state(standalone.replica_id).by_address


@pytest.mark.parametrize("name", ["", " ", "Main_Group", "x" * 300])
def test_create_with_a_bad_name_changes_nothing(standalone: QuietHost, name: str) -> None:
    """CR-08."""
    person = Person.at(standalone, interactive=False)

    assert person.types(f"clusterconfig new '{name}'") == 1
    assert replicas.state(standalone.replica_id).standalone


def test_create_and_join_with_pending_changes_are_refused_and_lose_nothing(standalone: QuietHost) -> None:
    """CR-06."""
    person = Person.at(standalone, interactive=False)
    person.types("unsubscribe add a@example.com")

    assert person.types("clusterconfig new Americas") == 1
    assert "Commit them or clear them first" in person.warned
    assert person.types("clusterconfig join 192.0.2.1 --prepared") == 1
    assert "Commit them or clear them first" in person.warned
    assert len(drafts.pending(standalone.replica_id, "admin")) == 1


def test_member_is_offered_neither_creation_nor_joining(admin: Person) -> None:
    """CL-17."""
    admin.types("clustermode cluster")

    assert admin.types("clusterconfig new Asia") == 1
    assert admin.types("clusterconfig join 192.0.2.1") == 1
    assert "in the cluster Americas already" in admin.warned


def test_join_over_ssh_asks_in_order_with_its_defaults(standalone: QuietHost) -> None:
    """TRL-31, JN-02, JN-03, JN-07, CL-14."""
    person = Person.at(standalone)

    answers = ("3", "", "192.0.2.1", "", "", PASSPHRASE, "", "", "", "")
    assert person.types("clusterconfig", *answers) == 0

    assert [question.splitlines()[0] for question in person.asked] == [
        "[1]>",
        "Do you want to enable the Cluster Communication Service on mx1.example.com? [N]>",
        "Enter the IP address of a machine in the cluster. []>",
        "Enter the remote port to connect to. This must be the normal admin SSH port, "
        "not the CCS port. [22]>",
        "Would you like to join this machine to a cluster using pre-shared keys? [N]>",
        "Enter the admin passphrase for the cluster.",
        "Is this a valid key for this host? [Y]>",
        "Join? [Y]>",
        ENABLE.format("Management", "127.0.0.1"),
        "[]>",
    ]
    notice, warning = person.warned.splitlines()
    assert "clusterconfig -> listdetail" in notice
    assert "users and passphrases too" in warning
    assert "DNS" in warning
    assert FINGERPRINT in person.said
    assert "Joining cluster group Main_Group of the cluster Americas." in person.said
    assert "Joining a cluster takes effect immediately, there is no need to commit." in person.said
    assert person.prompt == "(Cluster Americas)> "
    assert standalone.asked_to_join
    assert standalone.asked_to_join.passphrase == PASSPHRASE


def test_join_with_a_prepared_key_prints_it_and_asks_no_passphrase(standalone: QuietHost) -> None:
    """JN-14, JN-16."""
    person = Person.at(standalone)

    answers = ("3", "", "192.0.2.1", "2200", "y", "", "", "", "", "")
    assert person.types("clusterconfig", *answers) == 0

    assert f"Host: mx1.example.com\nSerial Number: MX1\nUser Key:\n{KEY}" in person.said
    assert "commit your changes" in person.said
    assert "Would you like to continue? [Y]>" in person.asked
    assert not any("passphrase" in question for question in person.asked)
    assert standalone.asked_to_join
    assert standalone.asked_to_join.prepared
    assert standalone.asked_to_join.port == 2200


def test_join_over_ccs_asks_for_its_port_and_no_passphrase(standalone: QuietHost) -> None:
    """JN-11, COM-11."""
    person = Person.at(standalone)

    assert person.types("clusterconfig", "4", "y", "192.0.2.1", "", "", "", "") == 0

    assert "Enter the remote CCS port to connect to. [2222]>" in person.asked
    assert "takes no logins" in person.said
    assert standalone.asked_to_join
    assert (standalone.asked_to_join.ccs, standalone.asked_to_join.port) == (True, 2222)
    found = replicas.state(standalone.replica_id).defined(machine("MX1"), "interfaceconfig")
    assert found
    assert found.value["interfaces"][0]["ccs"] == {"enabled": True, "port": 2222}


@pytest.mark.parametrize("answers", [("n",), ("", "n")])
def test_join_that_the_person_gives_up_changes_nothing(
    standalone: QuietHost, answers: tuple[str, ...]
) -> None:
    """JN-04."""
    person, before = Person.at(standalone), replicas.vector(standalone.replica_id)

    assert person.types("clusterconfig join 192.0.2.1", PASSPHRASE, *answers) == 1
    assert replicas.vector(standalone.replica_id) == before


def _change(feature: str) -> Difference:
    before = {"entries": ["a@example.com"], "action": "bounce"}
    return Difference(feature, Setting(feature, before, ()), Setting(feature, {**before, "entries": []}, ()))


@pytest.mark.parametrize("options", ["", " --json"])
def test_join_lists_nothing_as_lost_that_is_kept(standalone: QuietHost, options: str) -> None:
    """TRL-36: what stays is not lost; a name that is no feature is refused before anybody is called."""
    lost = (_change("unsubscribe"), _change("smtproutes"))
    standalone.preview = JoinPreview("Americas", "Paris", ("mx2.example.com",), lost)
    script = Person.at(standalone, interactive=False)
    line = f"clusterconfig join 192.0.2.1 --prepared --fingerprint {FINGERPRINT} --dry-run --keep"

    assert script.types(f"{line} unsubscribe{options}") == 0

    assert script.said.count("unsubscribe") == 1
    assert "smtproutes" in script.said
    assert script.types(f"{line} unsubscribe,nonsense") == 1


def test_join_shows_what_is_lost_and_may_keep_it(standalone: QuietHost) -> None:
    """JN-05: before consent."""
    person = Person.at(standalone)
    standalone.preview = JoinPreview("Americas", "Paris", ("mx2.example.com",), (_change("unsubscribe"),))

    answers = (PASSPHRASE, "", "unsubscribe", "", "")
    assert person.types("clusterconfig join 192.0.2.1 --group Paris", *answers) == 0

    assert "- entries[a@example.com]" in person.said or "a@example.com" in person.said
    assert standalone.kept == ["unsubscribe"]


def test_dry_run_shows_and_changes_nothing(standalone: QuietHost) -> None:
    person = Person.at(standalone, interactive=False)
    standalone.preview = JoinPreview("Americas", "Main_Group", ("mx2",), (_change("unsubscribe"),))
    line = f"clusterconfig join 192.0.2.1 --prepared --fingerprint {FINGERPRINT} --dry-run --json"

    assert person.types(line) == 0

    found = json.loads(person.said)
    assert list(found["changes"]) == ["unsubscribe"]
    assert replicas.state(standalone.replica_id).standalone


def test_script_names_the_group_and_the_passphrase_as_words(standalone: QuietHost) -> None:
    """JN-07: a group in the one-line form only."""
    person = Person.at(standalone, interactive=False)

    line = f"clusterconfig join 192.0.2.1 admin '{PASSPHRASE}' Paris --fingerprint {FINGERPRINT}"
    assert person.types(line) == 0

    told = standalone.asked_to_join
    assert told
    assert (told.user, told.passphrase, told.group) == ("admin", PASSPHRASE, "Paris")


# operations on a member


def test_operations_are_listed_in_order_and_enter_leaves(admin: Person) -> None:
    """TRL-31, CL-14: one line each with its sentence; nothing else has these operations."""
    assert admin.types("clusterconfig", "", "") == 0

    lines = [line for line in admin.said.splitlines() if line.startswith("- ")]
    order = [
        "ADDGROUP",
        "SETGROUP",
        "RENAMEGROUP",
        "DELETEGROUP",
        "REMOVEMACHINE",
        "SETNAME",
        "LIST",
        "LISTDETAIL",
        "CONNSTATUS",
        "COMMUNICATION",
        "DISCONNECT",
        "RECONNECT",
        "PREPJOIN",
    ]
    assert [line.split(" - ")[0].removeprefix("- ") for line in lines][: len(order)] == order
    assert all(line.split(" - ")[1].endswith(".") for line in lines)
    assert admin.asked[-1] == "[]>"


def test_mistake_in_the_menu_does_not_leave_it(admin: Person) -> None:
    admin.types("clustermode cluster")

    assert admin.types("clusterconfig", "addgroup Paris", "nonsense", "addgroup Rome", "") == 0
    assert "taken" in admin.warned
    assert "Rome" in [g.name for g in replicas.state(admin.session.replica_id).groups.values()]


def test_groups_by_number(admin: Person) -> None:
    """GRP-02, GRP-03, GRP-05, GRP-06."""
    admin.types("clustermode cluster")

    assert admin.types("clusterconfig", "addgroup", "Rome", "setgroup", "1,2", "3", "") == 0
    state = replicas.state(admin.session.replica_id)
    rome = next(g for g in state.groups.values() if g.name == "Rome")
    assert len(state.members(rome.id)) == 2
    assert admin.types("clusterconfig", "renamegroup", "3", "Roma", "deletegroup", "3", "1", "") == 0
    state = replicas.state(admin.session.replica_id)
    assert [g.name for g in state.groups.values()] == ["Main_Group", "Paris"]
    assert len(state.members(state.initial_group.id)) == 2


def test_number_that_is_none_changes_nothing(admin: Person) -> None:
    admin.types("clustermode cluster")
    before = replicas.vector(admin.session.replica_id)

    assert admin.types("clusterconfig", "setgroup", "7", "disconnect", "x", "removemachine", "", "") == 0
    assert replicas.vector(admin.session.replica_id) == before


def test_removal_explains_flattening_and_the_end_of_the_cluster(standalone: QuietHost) -> None:
    """RM-03: the question."""
    person = Person.at(standalone)
    person.types("clusterconfig new Americas --by-address")

    assert person.types("clusterconfig removemachine", "1", "") == 1
    assert "keeps the settings that it has now as its own" in person.warned
    assert "the cluster ends with it" in person.warned
    assert person.asked[-1] == "Remove it? [N]>"
    assert replicas.state(standalone.replica_id).machines


def test_setname_takes_effect_at_once(admin: Person) -> None:
    """GRP-08, CMT-08."""
    admin.types("clustermode cluster")

    assert admin.types("clusterconfig setname Earth") == 0
    assert admin.prompt == "(Cluster Earth)> "
    assert not drafts.people(admin.session.replica_id)


# pending joins


def test_prepjoin_new_asks_waits_for_commit_and_lists(admin: Person) -> None:
    """JN-12, JN-13, CMT-08."""
    admin.types("clustermode cluster")
    replica_id = admin.session.replica_id

    key = f"ssh-ed25519 {BODY[:30]}\n{BODY[30:]}"
    answers = ("new", "mx3.example.com", "MX3", "")
    assert admin.types("clusterconfig prepjoin", *answers, stdin=key) == 0

    lines = admin.said.splitlines()
    assert "No host entries waiting to be added to the cluster." in lines
    assert lines.count("- NEW - Add a new host that will join the cluster.") == 2
    assert "1. mx3.example.com (MX3)" in lines
    assert lines.count("- DELETE - Remove a host from the pending join list.") == 1
    assert not membership.pending_joins(replicas.state(replica_id))
    assert admin.types("commit -m prepared") == 0
    assert membership.pending_joins(replicas.state(replica_id))[0].user_key == KEY


def test_prepjoin_in_one_line_and_back(script: Person) -> None:
    """JN-12, JN-20."""
    script.types("clustermode cluster")
    replica_id = script.session.replica_id

    assert script.types(f"clusterconfig prepjoin new mx3.example.com MX3 {KEY}; commit -m p") == 0
    assert [p.serial for p in membership.pending_joins(replicas.state(replica_id))] == ["MX3"]
    assert script.types("clusterconfig prepjoin delete mx3.example.com; commit -m q") == 0
    assert not membership.pending_joins(replicas.state(replica_id))


@pytest.mark.parametrize(
    "words",
    [
        "bad..name MX3 " + KEY,
        "mx2.example.com MX9 " + KEY,
        "mx3.example.com MX2 " + KEY,
        "mx3.example.com MX3 ssh-ed25519 AAAA",
        "mx3.example.com MX3 nonsense",
        "mx3.example.com",
    ],
)
def test_prepjoin_with_a_bad_word_adds_nothing(script: Person, words: str) -> None:
    """JN-12: what is checked."""
    script.types("clustermode cluster")

    assert script.types(f"clusterconfig prepjoin new {words}") in (1, 2)
    assert not drafts.pending(script.session.replica_id, "admin")


def test_prepjoin_print_on_a_standalone_machine(standalone: QuietHost) -> None:
    """JN-14."""
    person = Person.at(standalone, interactive=False)

    assert person.types("clusterconfig prepjoin print") == 0
    assert person.said.startswith(f"Host: mx1.example.com\nSerial Number: MX1\nUser Key:\n{KEY}")
    assert person.types("clusterconfig prepjoin new a b c") == 1


# how they reach one another


def test_communication_changes_the_style_of_all(script: Person) -> None:
    """CR-07, CL-13."""
    script.types("clustermode cluster")
    replica_id = script.session.replica_id

    assert script.types("clusterconfig communication name") == 0
    state = replicas.state(replica_id)
    assert not state.by_address
    assert [m.address for m in state.machines.values()] == ["mx1.example.com", "mx2.example.com"]
    assert script.types("clusterconfig communication mx2.example.com 192.0.2.7") == 1
    assert "uses host names" in script.warned
    assert script.types("clusterconfig communication mx2.example.com other.example.com 2022") == 0
    found = replicas.state(replica_id).machines["MX2"]
    assert (found.address, found.port) == ("other.example.com", 2022)


def test_communication_is_asked_with_the_present_style_as_default(admin: Person) -> None:
    """CR-07."""
    admin.types("clustermode cluster")

    assert admin.types("clusterconfig communication", "3", "2", "192.0.2.7", "") == 0
    assert admin.asked[0].endswith("[1]>")
    assert replicas.state(admin.session.replica_id).machines["MX2"].address == "192.0.2.7"


def test_mode_of_the_session_after_an_operation_is_the_cluster(admin: Person) -> None:
    """RES-01."""
    assert admin.types("clusterconfig list", "") == 0
    assert admin.session.mode == CLUSTER
