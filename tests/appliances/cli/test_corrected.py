"""A wrong answer is told and asked again; what was answered before is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from appliances.cli.login_host import Consent, JoinRequest
from appliances.links.errors import AuthenticationFailed, LinkError, Unreachable, WrongService
from clusters import membership, replicas
from clusters.modes import CLUSTER, machine
from tests.appliances.cli.hosts import FINGERPRINT, KEY, PASSPHRASE, Person, QuietHost

NEW = "a new passphrase"
KEY_IS_VALID = "Is this a valid key for this host? [Y]>"


@pytest.fixture
def at_cluster(admin: Person) -> Person:
    admin.session.mode = CLUSTER
    return admin


def failing_once(host: QuietHost, monkeypatch: pytest.MonkeyPatch, error: LinkError) -> list[JoinRequest]:
    """The first call of a member fails; what was asked of it each time."""
    asked: list[JoinRequest] = []
    join = QuietHost.join

    def called(request: JoinRequest, accept_key: Callable[[str], bool], consent: Consent) -> str:
        asked.append(request)
        if len(asked) == 1:
            if isinstance(error, AuthenticationFailed):
                accept_key(FINGERPRINT)
            raise error
        return join(host, request, accept_key, consent)

    monkeypatch.setattr(host, "join", called, raising=False)
    return asked


def test_wrong_port_of_a_join_is_asked_again(standalone: QuietHost) -> None:
    """TRL-31: in our words, and the address is kept."""
    person = Person.at(standalone)

    assert person.types("clusterconfig join", "", "192.0.2.1", "x", "99999", "2200", "", "") == 1

    assert person.warned.count("is no port: it is a number from 1 to 65535.") == 2
    assert len([question for question in person.asked if "IP address" in question]) == 1


@pytest.mark.parametrize("error", [Unreachable("far away"), WrongService("it speaks SMTP")])
def test_member_that_is_not_there_is_asked_for_again(
    standalone: QuietHost, monkeypatch: pytest.MonkeyPatch, error: LinkError
) -> None:
    """TRL-31: what was typed is the default, the passphrase is not asked once more."""
    asked = failing_once(standalone, monkeypatch, error)
    person = Person.at(standalone)

    answers = ("", "192.0.2.1", "2200", "", PASSPHRASE, "192.0.2.7", "", "", "", "")
    assert person.types("clusterconfig join", *answers) == 0

    assert [(each.address, each.port, each.passphrase) for each in asked] == [
        ("192.0.2.1", 2200, PASSPHRASE),
        ("192.0.2.7", 2200, PASSPHRASE),
    ]
    assert "Enter the IP address of a machine in the cluster. [192.0.2.1]>" in person.asked


def test_wrong_passphrase_of_a_join_is_asked_again(
    standalone: QuietHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-31: and nothing else; Enter leaves."""
    asked = failing_once(standalone, monkeypatch, AuthenticationFailed("not accepted"))
    person = Person.at(standalone)

    answers = ("", "192.0.2.1", "2200", "", "wrong", "", PASSPHRASE, "", "")
    assert person.types("clusterconfig join", *answers) == 0
    assert [question for question in person.asked if "valid key" in question] == [KEY_IS_VALID]
    assert [each.passphrase for each in asked] == ["wrong", PASSPHRASE]


def test_script_hears_of_a_wrong_passphrase_once(
    standalone: QuietHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-31: nobody can be asked again."""
    asked = failing_once(standalone, monkeypatch, AuthenticationFailed("not accepted"))
    script = Person.at(standalone, interactive=False)

    assert script.types("clusterconfig join 192.0.2.1 admin wrong --fingerprint x") == 1
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("addgroup", ("Paris", "x" * 300, "Rome")),
        ("renamegroup", ("Paris", "Main_Group", "Rome")),
        ("setname", ("x" * 300, "Rome")),
    ],
)
def test_name_that_is_not_taken_is_asked_again(
    at_cluster: Person, line: str, answers: tuple[str, ...]
) -> None:
    """TRL-31: the refusal is told, and the question stands."""
    assert at_cluster.types(f"clusterconfig {line}", *answers) == 0
    state = replicas.state(at_cluster.session.replica_id)
    assert "Rome" in [state.name, *(group.name for group in state.groups.values())]


def test_name_of_a_new_cluster_is_asked_again(standalone: QuietHost) -> None:
    """TRL-31."""
    person = Person.at(standalone)
    assert person.types("clusterconfig", "2", "x" * 300, "Americas", "", "") == 0
    assert replicas.state(standalone.replica_id).name == "Americas"


def test_host_to_be_prepared_is_asked_again_field_by_field(at_cluster: Person) -> None:
    """TRL-31."""
    answers = ("new", "10.0.0.1-9", "mx7.example.com", "a/b", "MX7", "")
    assert at_cluster.types("clusterconfig prepjoin", *answers, stdin=KEY) == 0
    (waiting,) = membership.pending_joins(at_cluster.session.draft_state)
    assert (waiting.host, waiting.serial) == ("mx7.example.com", "MX7")
    assert at_cluster.types("clusterconfig prepjoin", "delete", "nobody", "mx7.example.com", "") == 0
    assert not membership.pending_joins(at_cluster.session.draft_state)


def test_address_of_a_member_is_asked_again(at_cluster: Person) -> None:
    """TRL-31."""
    answers = ("3", "mx2.example.com", "nowhere", "127.0.0.9", "0", "2222")
    assert at_cluster.types("clusterconfig communication", *answers) == 0
    member = replicas.state(at_cluster.session.replica_id).machines["MX2"]
    assert (member.address, member.port) == ("127.0.0.9", 2222)


def test_port_for_ccs_is_asked_again(standalone: QuietHost) -> None:
    """TRL-31: after a join, when all else is done."""
    person = Person.at(standalone)
    answers = (PASSPHRASE, "", "", "y", "x", "2222")
    assert person.types("clusterconfig join 192.0.2.1", *answers) == 0
    found = replicas.state(standalone.replica_id).defined(machine("MX1"), "interfaceconfig")
    assert found
    assert found.value["interfaces"][0]["ccs"] == {"enabled": True, "port": 2222}


def test_passphrase_is_judged_before_more_is_typed(at_cluster: Person) -> None:
    """TRL-31: the old one at once; a new one that is short or differs is asked again."""
    at_cluster.types("userconfig set eve role=guest; commit -m eve", "")
    assert at_cluster.types("passwd nobody") == 1
    assert at_cluster.types("passwd eve", "short", NEW, "another one", NEW, NEW) == 0
    eve = Person.at(cast(QuietHost, at_cluster.session.host), "guest", "eve")
    assert eve.types("passwd", "wrong") == 1
    assert eve.types("passwd", NEW, "") == 1


def test_field_of_a_table_inside_a_row_is_judged_when_it_is_answered(at_cluster: Person) -> None:
    """TRL-31: and not when all has been typed."""
    at_cluster.types("listenerconfig add in interface=Management")
    answers = ("PARTNERS", "192.0.2.1", "NOTHERE", "TRUSTED", "")
    assert at_cluster.types("listenerconfig add --in in/hat/sender_groups", *answers) == 0
    found = at_cluster.session.draft_state.defined(CLUSTER, "listenerconfig")
    assert found
    rows = found.value["listeners"][0]["hat"]["sender_groups"]
    assert ("PARTNERS", "TRUSTED") in [(row["name"], row["policy"]) for row in rows]


def test_answers_that_do_not_go_together_are_asked_again_with_what_was_answered(at_cluster: Person) -> None:
    """TRL-31: nothing that was typed is lost."""
    answers = ("admin", "", "Ada", "readonly", "", "", "", "administrator", "")
    assert at_cluster.types("userconfig edit", *answers) == 0
    assert "at least one administrator" in at_cluster.warned
    assert "Full name [Ada]>" in at_cluster.asked
    found = at_cluster.session.draft_state.defined(CLUSTER, "userconfig")
    assert found
    assert (found.value["users"][0]["full_name"], found.value["users"][0]["role"]) == ("Ada", "administrator")
