"""Committing, clearing and going back on the command line."""

from __future__ import annotations

import json

import pytest

from appliances.cli.errors import Leave
from appliances.cli.session import Session
from appliances.cli.terminal import Pages
from clusters import commits, drafts, models, replicas
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.replication import Replica
from clusters.versions import Change, Clock, settings_at
from tests.appliances.cli.hosts import Interrupted, Person, QuietHost

ROUTES = settings_at(CLUSTER, "smtproutes")
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


@pytest.mark.parametrize(("line", "answers", "code"), [("commit", ("why", "y"), 3), ("clear", ("y",), 1)])
def test_what_another_session_drafts_while_a_question_is_open_is_neither_committed_nor_cleared(
    clustered: QuietHost, line: str, answers: tuple[str, ...], code: int
) -> None:
    """TRL-09: one login in two sessions; what was said of is what was pending when it was asked."""
    other = Person.at(clustered, interactive=False)
    dialogue = Interrupted(
        interactive=True,
        happens=lambda: other.types("clustermode group Paris; unsubscribe add --empty b@example.com"),
    )
    person = Person(Session.begun("admin", "administrator", clustered, dialogue), dialogue)
    person.types(EDIT)

    assert person.types(line, *answers) == code

    assert "not the ones that you were shown" in person.warned
    assert len(drafts.pending(clustered.replica_id, "admin")) == 2
    assert commits.history(clustered.replica_id).commits[0].comment != "why"


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
    assert alice.asked == ["What do you want to do? [1]>"]
    assert alice.types("showchanges") == 0
    assert "a@example.com" in alice.said


def test_conflict_accepted_discards_the_changes(clustered: QuietHost) -> None:
    """CMT-05."""
    alice, bob = Person.at(clustered, user="alice"), Person.at(clustered, user="bob")
    alice.types(EDIT)
    bob.types("clustermode cluster; unsubscribe add b@example.com; commit -m bob")

    assert alice.types("commit -m alice", "3") == 1

    assert alice.types("showchanges") == 0
    assert alice.said == "There are no pending changes."


def test_conflict_at_the_command_line_has_the_ways_of_the_page(clustered: QuietHost) -> None:
    """TRL-31, CMT-05: only what clashes is discarded, or mine is committed over theirs."""
    alice, bob = Person.at(clustered, user="alice"), Person.at(clustered, user="bob")
    alice.types(f"{EDIT}; smtproutes set a.example 192.0.2.1")
    bob.types("clustermode cluster; unsubscribe add b@example.com; commit -m bob")
    alice.types("showchanges")
    assert "would be lost if yours were committed over it" in alice.said

    assert alice.types("commit -m alice", "2") == 1
    assert [found.address.name for found in drafts.pending(clustered.replica_id, "alice")] == ["smtproutes"]

    bob.types("smtproutes set b.example 192.0.2.2; commit -m routes")
    assert alice.types("commit -m alice", "4", "") == 0
    routes = alice.session.state.defined(CLUSTER, "smtproutes")
    assert routes
    assert [row["domain"] for row in routes.value["routes"]] == ["a.example"]


def test_script_whose_commit_clashes_is_told_the_commands(clustered: QuietHost) -> None:
    """TRL-27: what to do next, by name."""
    alice = Person.at(clustered, user="alice", interactive=False)
    bob = Person.at(clustered, user="bob", interactive=False)
    alice.types(EDIT)
    bob.types("clustermode cluster; unsubscribe add b@example.com; commit -m bob")

    assert alice.types("commit -m alice") == 3
    assert "`showchanges` compares, `clear` discards all of them" in alice.warned


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

    assert script.types(f"revertcommit {ident}; commit -m back; unsubscribe --json") == 0

    assert json.loads(script.dialogue.said[-1])["defined"] is False


def test_revert_over_pending_changes_names_them(script: Person) -> None:
    """TRL-12: what is given up is said, and only that."""
    script.types(f"{EDIT}; commit -m first")
    script.types("commitdetail --json")
    ident = json.loads(script.said)["id"]
    assert script.types(f"revertcommit {ident} --over; clearchanges") == 0
    assert "replaced" not in script.said
    script.types("unsubscribe add other@example.com; textconfig set hello type=disclaimer text=hello")

    assert script.types(f"revertcommit {ident} --over") == 0

    (told,) = [line for line in script.said.splitlines() if "replaced:" in line]
    assert "unsubscribe" in told
    assert "textconfig" not in told


@pytest.mark.parametrize("ident", ["", "nonsense", "MX1/999"])
def test_revert_of_no_commit_is_refused(script: Person, ident: str) -> None:
    assert script.types(f"revertcommit {ident}") in (1, 2)
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


# rollback


def test_rollback_offers_what_was_kept_and_drafts_it(clustered: QuietHost) -> None:
    """CMT-06: Y keeps, N does not."""
    admin = Person.at(clustered)
    admin.session.mode = CLUSTER
    admin.types("unsubscribe add one@example.com")
    admin.types("commit", "first", "")
    admin.types("unsubscribe add two@example.com")
    admin.types("commit", "second", "n")

    assert admin.types("rollbackconfig", "1") == 0

    offered = [line for line in admin.said.splitlines() if line[0].isdigit()]
    assert "first" in offered[0]
    assert not any("second" in line for line in offered)
    admin.types("commit", "back", "n")
    admin.types("unsubscribe --json")
    assert "example.com" not in admin.said


def test_rollback_in_one_line_and_with_nothing_kept(script: Person) -> None:
    assert script.types("rollbackconfig") == 0
    assert "No configuration is kept" in script.said
    script.types("clustermode cluster; unsubscribe add one@example.com; commit -m one")
    script.types("rollbackconfig --json")
    (kept,) = json.loads(script.said)

    assert script.types(f"rollbackconfig {kept['id']}") == 0
    assert "1 change(s) pending" in script.said
    assert script.types("rollbackconfig MX1/999") == 1
    assert script.types(f"rollbackconfig {kept['id']}") == 1
    assert "You have pending changes, which this would replace" in script.warned


def test_rollback_at_a_terminal_replaces_pending_changes_only_when_the_person_says_so(
    clustered: QuietHost,
) -> None:
    """TRL-12."""
    admin = Person.at(clustered)
    admin.session.mode = CLUSTER
    admin.types("unsubscribe add one@example.com")
    admin.types("commit", "first", "")
    admin.types("unsubscribe add two@example.com")

    assert admin.types("rollbackconfig", "1", "n") == 1
    assert "two@example.com" in drafted(clustered)
    assert admin.types("rollbackconfig", "1", "y") == 0
    assert "two@example.com" not in drafted(clustered)


def drafted(clustered: QuietHost) -> str:
    """The values that admin has pending."""
    return json.dumps([found.value for found in drafts.pending(clustered.replica_id, "admin")])


def test_conflicts_for_scripts_show_no_secret(clustered: QuietHost) -> None:
    head = models.Head.objects.get(replica=clustered.replica_id, address="settings/cluster/userconfig")
    head.pk, head.number = None, head.number + 100
    head.origin, head.rank = "MX2", 1
    head.save()
    script = Person.at(clustered, interactive=False)

    assert script.types("showconflicts --json") == 0

    assert json.loads(script.said)
    assert "argon2" not in script.said


@pytest.fixture
def torn(clustered: QuietHost) -> QuietHost:
    """MX2 changed the routes of the cluster while MX1 did; both wait for a decision."""
    script = Person.at(clustered, interactive=False)
    script.types("clusterconfig safewait on; clustermode cluster")
    script.types("smtproutes set a.example mx.a.example; commit -m was")
    other = Replica(MemoryStore(), "MX2", Clock(lambda: replicas.now() + 1000))
    other.absorb_snapshot(replicas.snapshot(clustered.replica_id))
    (head,) = other.store.heads([ROUTES])[ROUTES]
    script.types("clustermode cluster; smtproutes set a.example mx.here.example; commit -m here")
    theirs = json.loads(json.dumps(head.value).replace("mx.a.example", "mx.there.example"))
    made = other.commit([Change(ROUTES, theirs, head.id)], user="carol", host="mx2", comment="there")
    replicas.absorb(clustered.replica_id, [made])
    return clustered


def routes(host: QuietHost) -> str:
    found = replicas.state(host.replica_id).defined(CLUSTER, "smtproutes")
    return json.dumps(found.value if found else None)


def test_conflict_that_waits_is_shown_and_settled_by_a_choice(torn: QuietHost) -> None:
    """SYN-08: safe wait."""
    person = Person.at(torn)
    person.types("showconflicts")
    assert "waits for a decision" in person.said
    assert person.said.count("kept:") == 2
    assert "mx.a.example" in routes(torn)

    assert person.types("settleconflict", "1", "2") == 0

    assert person.asked[-2:] == ["Which conflict? [1]>", "Which version is to hold? [1]>"]
    assert "mx.there.example" in routes(torn)
    assert person.types("settleconflict") == 0
    assert "There are no conflicts." in person.said


def test_conflict_is_settled_by_a_script(torn: QuietHost) -> None:
    """SYN-08."""
    script = Person.at(torn, interactive=False)
    script.types("showconflicts --json")
    (found,) = json.loads(script.said)
    assert (found["waits"], found["newest"]["user"]) == (True, "carol")
    assert "mx.a.example" in json.dumps(found["in_force"])
    assert script.types("settleconflict") == 2
    assert script.types("settleconflict nonsense") == 1
    assert script.types(f"settleconflict {found['address']} MX9/1") == 1
    script.types("clustermode cluster; smtproutes set b.example mx.b.example; showchanges")
    assert "settles a conflict" in script.said
    script.types("clear")
    assert script.types(f"settleconflict {found['address']}") == 0
    assert "mx.a.example" in routes(torn)


def test_ordinary_commit_settles_no_conflict_that_waits(torn: QuietHost) -> None:
    """TRL-14: a script says `--settle`, a person is asked."""
    script = Person.at(torn, interactive=False)
    script.types("clustermode cluster; smtproutes set b.example mx.b.example")
    assert "in conflict" in script.warned
    assert "carol" in script.warned
    assert script.types("commit -m mine") == 3
    assert "wait for a decision" in script.warned
    assert "commit --settle" in script.warned
    assert "mx.a.example" in routes(torn)
    person = Person.at(torn)
    assert person.types("commit", "mine", "n") == 3
    assert person.asked[-1] == "Settle the conflict with your values? [N]>"
    assert script.types("commit -m mine --settle") == 0
    assert "mx.b.example" in routes(torn)
    script.types("showconflicts")
    assert "There are no conflicts." in script.said


def test_what_holds_in_a_conflict_is_asked_and_chosen(torn: QuietHost) -> None:
    """SYN-08."""
    script = Person.at(torn, interactive=False)
    assert script.types("clusterconfig safewait off") == 0
    assert "the newest holds" in script.said
    assert "mx.there.example" in routes(torn)
    script.types("clusterconfig safewait")
    assert "the newest holds" in script.said
    assert script.types("clusterconfig safewait maybe") == 2
    script.types("clusterconfig safewait on")
    assert "wait for a decision" in script.said


# pages


def test_long_answer_stops_at_each_full_page() -> None:
    """CLI-13."""
    pages = Pages(wanted=True)
    for number in range(23):
        assert not pages.full(24), number
        pages.took("short", 80)
    assert pages.full(24)
    pages.turn("")
    assert not pages.full(24)
    pages.took("x" * 161, 80)
    assert pages.lines == 3
    pages.turn("a")
    pages.lines = 99
    assert not pages.full(24)


def test_rest_of_an_answer_is_left_out_when_the_person_says_so() -> None:
    """CLI-13."""
    pages = Pages(wanted=True, lines=30)
    pages.turn("q")
    assert pages.stopped
    pages.lines = 99
    assert not pages.full(24)


@pytest.mark.parametrize(("line", "paged"), [("help", True), ("help --no-pager", False)])
def test_paging_can_be_turned_off(clustered: QuietHost, line: str, paged: bool) -> None:
    """CLI-13."""
    person = Person.at(clustered)

    assert person.types(line) == 0
    assert person.dialogue.paged is paged
    assert person.types("paging off") == 0
    assert person.types("help") == 0
    assert not person.dialogue.paged
    assert person.types("paging sideways") == 2


def with_listener(person: Person, mode: str = "clustermode cluster; ") -> None:
    """A listener of the cluster on the interface that mx1 has."""
    listener = {
        "name": "incoming",
        "interface": "Management",
        "hat": {
            "sender_groups": [{"name": "ALL", "hosts": ["ALL"], "policy": "IN"}],
            "policies": [{"name": "IN", "behaviour": "accept"}],
        },
        "rat": {"entries": [{"recipient": "example.com"}]},
    }
    document = json.dumps({"listeners": [listener]})
    person.types(f"{mode}listenerconfig load", stdin=document)
    assert person.types("smtproutes set example.com 192.0.2.9; commit -m listener") == 0, person.warned


DISABLED = "Listener incoming is disabled on this machine: this machine has no interface Management"


@pytest.mark.parametrize(
    "line",
    [
        "interfaceconfig set Management ssh.enabled=no",
        "interfaceconfig delete Management",
        "interfaceconfig load",
    ],
)
def test_commit_of_a_script_says_what_is_dangerous(script: Person, line: str) -> None:
    """TRL-15: the only SSH interface and the last listener; with --json too."""
    with_listener(script)
    emptied = json.dumps({"interfaces": []})
    script.types(f"clustermode machine mx1.example.com; {line}", stdin=emptied)

    assert script.types("showchanges") == 0
    shown = script.said
    assert script.types("commit -m careless --json" if "set" in line else "commit -m careless") == 0

    wanted = ["SSH and CCS are off on every interface", "Nothing answers any more at SSH 127.0.0.1:22"]
    if "set" not in line:
        wanted += [DISABLED, "No listener is open on this machine: it takes no mail"]
    for message in wanted:
        assert message in shown
        assert message in script.warned


def test_commit_that_deletes_the_last_listener_says_so(script: Person) -> None:
    """TRL-15: no interface has to go for that."""
    with_listener(script)
    script.types("clustermode cluster; listenerconfig delete incoming")

    assert script.types("commit -m careless") == 0

    assert "mx1.example.com: listenerconfig: No listener is open on this machine" in script.warned


def test_own_view_of_a_disabled_listener_says_so(script: Person) -> None:
    """TRL-20: what a script disables is warned of, and shown where a person looks."""
    with_listener(script)
    script.types("clustermode machine mx1.example.com; interfaceconfig delete Management; commit -m gone")
    assert DISABLED in script.warned

    assert script.types("listenerconfig") == 0
    assert f"! {DISABLED}" in script.said
    assert script.types("listenerconfig show --json") == 0
    assert json.loads(script.said)["flags"][0] == DISABLED
    script.types("clustermode cluster")
    assert script.types("listenerconfig show --json") == 0
    assert json.loads(script.said)["flags"] == []


def test_standalone_machine_says_which_of_its_listeners_is_disabled(standalone: QuietHost) -> None:
    """TRL-20: its shareable settings stand at the cluster's mode; it is the machine all the same."""
    script = Person.at(standalone, interactive=False)
    with_listener(script, mode="")
    script.types("interfaceconfig load", stdin=json.dumps({"interfaces": []}))
    assert script.types("listenerconfig") == 0
    assert f"! {DISABLED}" in script.said
