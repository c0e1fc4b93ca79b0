"""Menus and questions as a person meets them: words of the original, the way out, what was meant."""

from __future__ import annotations

import pytest

from appliances.cli import colours
from appliances.cli.colours import Colour, of_difference, of_state
from appliances.cli.running import run_text
from clusters import replicas
from clusters.modes import CLUSTER
from tests.appliances.cli.hosts import Person

ROW = "smtproutes set a.example 127.0.0.9"


@pytest.fixture
def at_cluster(admin: Person) -> Person:
    """In cluster mode, with a route pending there."""
    admin.session.mode = CLUSTER
    assert admin.types(ROW) == 0
    return admin


@pytest.mark.parametrize("words", ["", "exit", "quit", "EXIT"])
@pytest.mark.parametrize("menu", ["clusterconfig", "clusterconfig prepjoin", "smtproutes", "userconfig"])
def test_menu_is_left_by_an_empty_line_and_by_exit(at_cluster: Person, menu: str, words: str) -> None:
    """TRL-31: and the menu says so."""
    assert at_cluster.types(menu, words) == 0
    assert "(Enter or `exit` leaves)" in at_cluster.said


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("clustermode", ("exit",)),
        ("clusterconfig setgroup", ("exit",)),
        ("clusterconfig removemachine", ("quit",)),
        ("clusterconfig removemachine", ("2", "exit")),
        ("clusterconfig communication", ("exit",)),
        ("clusterconfig communication", ("3", "exit")),
        ("smtproutes clusterset", ("exit",)),
        ("smtproutes clusterset", ("1", "exit")),
        ("clear", ("exit",)),
        ("suspend", ("exit",)),
        ("status", ("n",)),
    ],
)
def test_exit_leaves_every_question_and_changes_nothing(
    at_cluster: Person, line: str, answers: tuple[str, ...]
) -> None:
    """TRL-31."""
    at_cluster.session.host.engine = None  # type: ignore[misc]  # nothing may reach Postfix
    if line == "clustermode":
        at_cluster.types("clustermode group Paris")
    before, mode = replicas.vector(at_cluster.session.replica_id), at_cluster.session.mode
    drafted = at_cluster.session.draft_state.defined(CLUSTER, "smtproutes")

    assert at_cluster.types(line, *answers) in (0, 1)
    assert at_cluster.session.mode == mode
    assert replicas.vector(at_cluster.session.replica_id) == before
    assert at_cluster.session.draft_state.defined(CLUSTER, "smtproutes") == drafted


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("smtproutes print", "smtproutes show"),
        ("smtproutes new b.example 127.0.0.8", "smtproutes add b.example 127.0.0.8"),
        ("smtproutes edit a.example 127.0.0.7", "smtproutes set a.example 127.0.0.7"),
        ("smtproutes delete a.example", "smtproutes delete a.example"),
        ("destconfig NEW b.example concurrency=5", "destconfig add b.example concurrency=5"),
    ],
)
def test_words_of_the_original_do_what_ours_do(at_cluster: Person, theirs: str, ours: str) -> None:
    """TRL-31: print, new, edit and delete, in the line and in the menu."""
    answers = []
    for line in (theirs, ours, theirs.partition(" ")[0]):
        at_cluster.types(f"clear; {ROW}", "")
        operation = () if " " in line else (theirs.partition(" ")[2], "")
        assert at_cluster.types(line, *operation) == 0
        answers.append((at_cluster.dialogue.said[-1], at_cluster.session.draft_state.settings))
    assert answers[0] == answers[1]
    assert answers[2][1] == answers[1][1]


def test_menu_of_a_feature_has_a_line_for_each_operation(at_cluster: Person) -> None:
    """TRL-31: with its sentence, clusterset and clustershow at the end; restricted ones have neither."""
    at_cluster.types("smtproutes", "")
    listed = [line for line in at_cluster.said.splitlines() if line.startswith("- ")]
    shown = [line.split(" - ") for line in listed if " - " in line]
    assert [line[0] for line in shown][:3] == ["- SHOW | PRINT", "- ADD | NEW", "- SET | EDIT"]
    assert [line[0] for line in shown][-2:] == ["- CLUSTERSET", "- CLUSTERSHOW"]
    at_cluster.types("userconfig", "")
    assert "CLUSTERSET" not in at_cluster.said
    assert "clusterset" not in (at_cluster.types("help userconfig"), at_cluster.said)[1]


def test_mistake_in_a_menu_of_settings_does_not_leave_it(at_cluster: Person) -> None:
    """TRL-31."""
    assert at_cluster.types("smtproutes", "nonsense", "set a.example [::1", "new c.example ::1", "") == 0
    found = at_cluster.session.draft_state.defined(CLUSTER, "smtproutes")
    assert found
    assert [row["domain"] for row in found.value["routes"]] == ["a.example", "c.example"]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("smtproute", "smtproutes"),
        ("help smtproute", "smtproutes"),
        ("clusterconfig lst", "list"),
        ("clusterconfig prepjon", "prepjoin"),
        ("smtproutes clustershw", "clustershow"),
        ("smtproutes prnt", "print"),
        ("queue lst", "list"),
        ("workqueue pase", "pause"),
        ("upgrade chekc", "check"),
        ("destconfig set a.example concurency=5", "concurrency"),
    ],
)
def test_mistyped_word_is_answered_with_what_was_meant(at_cluster: Person, line: str, meant: str) -> None:
    """TRL-31: commands, operations, fields."""
    assert at_cluster.types(line, *[""] * (line.split()[0] in ("queue", "workqueue", "upgrade"))) in (1, 2)
    assert f"Did you mean {meant}?" in at_cluster.warned


def test_machines_and_groups_are_chosen_by_name_too_and_asked_again(at_cluster: Person) -> None:
    """TRL-31: a wrong answer does not drop into the menu, whose prompt looks the same."""
    assert at_cluster.types("clusterconfig", "setgroup", "nobody", "mx2.example.com", "x", "paris", "") == 0
    state = replicas.state(at_cluster.session.replica_id)
    assert state.groups[state.machines["MX2"].group].name == "Paris"
    assert at_cluster.warned.count("Please answer a number from 1 to 2; `exit` leaves.") == 2


def test_colours_are_for_terminals_that_want_them() -> None:
    """TRL-31: NO_COLOR and dumb terminals get none; without a terminal the line is as it was."""
    assert colours.wanted({}, "xterm")
    assert colours.wanted({"NO_COLOR": ""}, "xterm")
    assert not colours.wanted({"NO_COLOR": "1"}, "xterm")
    assert not colours.wanted({}, "dumb")
    assert [of_difference(f"  {sign} x").colour for sign in "+-~!"] == [
        Colour.GREEN, Colour.RED, Colour.YELLOW, Colour.MAGENTA
    ]  # fmt: skip
    assert of_difference("  smtproutes").colour is None
    assert (of_state("x", "connected").colour, of_state("x", "down").colour) == (Colour.GREEN, Colour.RED)
    assert of_difference("+ a") == "+ a"


def test_answers_without_a_terminal_hold_no_colours(script: Person) -> None:
    """TRL-31: what scripts read does not change."""
    assert run_text(script.session, f"clustermode cluster; {ROW}; showchanges; connstatus; status") == 0
    assert "\x1b" not in script.said + script.warned
