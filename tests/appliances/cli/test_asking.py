"""`new` and `edit` without words, as a person at a terminal answers them."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.modes import CLUSTER
from tests.appliances.cli.hosts import Person


def value(person: Person, feature: str) -> Any:
    found = person.session.draft_state.defined(person.session.mode_for(feature), feature)
    return found.value if found else None


@pytest.fixture
def at_cluster(admin: Person) -> Person:
    admin.session.mode = CLUSTER
    assert admin.types("smtproutes set a.example 127.0.0.9") == 0
    return admin


def test_new_interface_is_asked_with_the_questions_of_the_original(admin: Person) -> None:
    """TRL-31: SSH and CCS with their ports as interfaceconfig asks them; Enter keeps what is in brackets."""
    admin.session.mode = admin.session.own_mode
    admin.types("interfaceconfig set Management ip=127.0.0.1 hostname=mx1.example.com ssh.port=2200")
    admin.dialogue.asked.clear()
    answers = ("Data 9", "127.0.0.99", "", "data9.example.com", "", "", "y", "", "", "")
    assert admin.types("interfaceconfig", "new", *answers, "") == 0

    asked = admin.dialogue.asked
    place = asked.index("Do you want to enable SSH on this interface? [Y]>")
    assert asked[place : place + 4] == [
        "Do you want to enable SSH on this interface? [Y]>",
        "Which port do you want to use for SSH? [2200]>",
        "Do you want to enable Cluster Communication Service on this interface? [N]>",
        "Which port do you want to use for Cluster Communication Service? [2222]>",
    ]
    row = value(admin, "interfaceconfig")["interfaces"][-1]
    assert (row["name"], row["netmask"], row["ssh"]["port"]) == ("Data 9", "24", 2200)
    assert row["ccs"] == {"enabled": True, "port": 2222}


def test_wrong_port_of_a_service_is_asked_again_alone(admin: Person) -> None:
    """TRL-31: that the service is wanted has been answered."""
    admin.types("interfaceconfig set Management ip=127.0.0.1 hostname=mx1.example.com")
    answers = ("Data 9", "127.0.0.99", "", "data9.example.com", "", "x", "99999", "2201", "", "", "")
    assert admin.types("interfaceconfig", "new", *answers, "") == 0
    assert admin.warned.count("is no port: it is a number from 1 to 65535.") == 2
    assert value(admin, "interfaceconfig")["interfaces"][-1]["ssh"] == {"enabled": True, "port": 2201}


def test_edit_asks_which_entry_and_enter_keeps_each_field(at_cluster: Person) -> None:
    """TRL-31: by number or by name; what holds stands in brackets and is written as it is typed."""
    assert at_cluster.types("smtproutes", "edit", "a.example", "", "127.0.0.8:2525, [::1]", "") == 0
    assert value(at_cluster, "smtproutes")["routes"] == [
        {
            "domain": "a.example",
            "hosts": [{"host": "127.0.0.8", "port": 2525}, {"host": "::1", "port": 25}],
        }
    ]
    before = value(at_cluster, "smtproutes")
    assert at_cluster.types("smtproutes", "edit", "1", "", "", "") == 0
    assert value(at_cluster, "smtproutes") == before
    assert any("[127.0.0.8:2525, " in question for question in at_cluster.dialogue.asked)


@pytest.mark.parametrize("answers", [("exit",), ("b.example", "exit"), ("b.example", "127.0.0.1:x", "quit")])
def test_exit_leaves_the_questions_and_changes_nothing(at_cluster: Person, answers: tuple[str, ...]) -> None:
    """TRL-31."""
    before = value(at_cluster, "smtproutes")
    assert at_cluster.types("smtproutes", "new", *answers, "") == 0
    assert "Left; nothing more was done." in at_cluster.warned
    assert value(at_cluster, "smtproutes") == before


def test_wrong_answer_is_asked_again_and_the_others_are_kept(at_cluster: Person) -> None:
    """TRL-31: what the feature says of the one field, and what is no value at all."""
    wrong = ("b..example", "b.example", "192.0.2.1:x", "192.0.2.7:25")
    assert at_cluster.types("smtproutes", "new", *wrong, "") == 0
    assert "is not a domain name" in at_cluster.warned
    assert [row["domain"] for row in value(at_cluster, "smtproutes")["routes"]] == ["a.example", "b.example"]


def test_script_that_says_no_words_is_told_and_never_asked(script: Person) -> None:
    """TRL-31: without a terminal there is nobody to answer."""
    assert script.types("clustermode cluster; smtproutes add") == 2
    assert "Say what to add." in script.warned
