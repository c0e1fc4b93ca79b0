"""The three tables of restricted commands: each is there, in its place, with its rights."""

from __future__ import annotations

import pytest

from appliances.cli import registry
from appliances.cli.commands.absent import ABSENT
from appliances.cli.registry import Place
from appliances.features.discovery import FEATURES
from clusters import drafts
from clusters.catalogue import Scope
from clusters.modes import CLUSTER
from tests.appliances.cli.hosts import Person, QuietHost

CLUSTER_ONLY = "clusterconfig clustercheck passwd sshconfig userconfig"
MACHINE_ONLY = """
    antispamstatus antispamupdate antivirusstatus antivirusupdate bouncerecipients deleterecipients delivernow
    diagnostic dnsflush dnslistflush dnslisttest dnsstatus etherconfig featurekey hostrate hoststatus
    interfaceconfig ldapflush ldaptest nslookup quarantineconfig rate reboot resetcounters resume resumedel
    resumelister rollovernow routeconfig sbstatus setgateway sethostname settime shutdown status suspend
    suspenddel suspendlistener techsupport tophosts topin trace version vofflush vofstatus workqueue
"""
LOGIN_HOST_ONLY = "last ping resetconfig supportrequest tail telnet upgrade who"
CHANGES_MAIL = """
    suspend resume suspendlistener resumelistener suspenddel resumedel workqueue bouncerecipients
    deleterecipients delivernow rollovernow techsupport resetcounters
"""


def test_cluster_command_is_offered_a_switch(clustered: QuietHost) -> None:
    """RES-01, CLI-08, CLI-11."""
    person = Person.at(clustered)
    for name in CLUSTER_ONLY.split():
        assert person.types(name, "n") == 0, name
        assert f"{name} is restricted to cluster mode." in person.warned
        assert person.asked == ["Would you like to switch to cluster mode? [Y]>"], name
        assert person.session.mode == person.session.own_mode, name


def test_machine_command_is_restricted_to_machine_mode(clustered: QuietHost) -> None:
    """RES-02, RES-05, CLI-08: the login host is offered first, each member can be chosen."""
    person = Person.at(clustered)
    person.types("clustermode cluster")
    for name in MACHINE_ONLY.split():
        assert person.types(name, "n") == 0, name
        assert "is restricted to machine mode." in person.warned, name
        command = registry.find(name)
        assert command is not None, name
        feature = FEATURES.get(command.name)
        assert command.remote or (feature is not None and feature.scope is Scope.MACHINE), name


def test_login_host_command_runs_nowhere_else(clustered: QuietHost) -> None:
    """RES-03, RES-05, CLI-08."""
    person = Person.at(clustered)
    person.types("clustermode machine mx2.example.com")
    for name in LOGIN_HOST_ONLY.split():
        assert person.types(name, "n") == 0, name
        assert f"{name} runs only on the login host, Machine mx1.example.com." in person.warned
        command = registry.find(name)
        assert command is not None, name
        assert command.place is Place.LOGIN_HOST, name
        assert not command.remote, name


def test_configuration_commands_in_no_table_are_unrestricted(clustered: QuietHost) -> None:
    """RES-06, SET-01."""
    restricted = {*CLUSTER_ONLY.split(), *MACHINE_ONLY.split(), *LOGIN_HOST_ONLY.split()}
    free = [name for name in FEATURES if name not in restricted]
    assert "listenerconfig" in free
    for name in free:
        command = registry.find(name)
        assert command is not None
        assert command.place is Place.ANYWHERE, name
        assert "clustershow" in command.completions, name


def test_users_cannot_be_defined_for_a_machine(clustered: QuietHost) -> None:
    """RES-07."""
    person = Person.at(clustered, interactive=False)

    assert person.types("userconfig add eve role=guest") == 0
    assert "restricted to cluster mode" in person.warned
    (pending,) = drafts.pending(clustered.replica_id, "admin")
    assert pending.mode == CLUSTER
    assert FEATURES["userconfig"].scope is Scope.CLUSTER


@pytest.mark.parametrize("verb", ["inherit", "clear"])
def test_users_cannot_all_be_taken_away(clustered: QuietHost, verb: str) -> None:
    """LOAD-09: whoever could log in still can."""
    person = Person.at(clustered, interactive=False)

    assert person.types(f"clustermode cluster; userconfig {verb}") != 0
    assert "at least one administrator" in person.warned
    assert drafts.pending(clustered.replica_id, "admin") == []


@pytest.mark.parametrize("name", ABSENT)
def test_command_that_debian_cannot_have_says_so_in_one_line(clustered: QuietHost, name: str) -> None:
    """RES-02: honest about what is not there."""
    person = Person.at(clustered, interactive=False)
    if ABSENT[name][0] is Place.CLUSTER:
        person.session.mode = CLUSTER

    assert person.types(name) == 1
    assert len(person.warned.splitlines()) == 1
    assert person.warned.endswith(".")


@pytest.mark.parametrize("name", CHANGES_MAIL.split())
@pytest.mark.parametrize("role", ["readonly", "guest"])
def test_who_only_looks_touches_no_mail(clustered: QuietHost, role: str, name: str) -> None:
    person = Person.at(clustered, role, "rita", interactive=False)

    assert person.types(f"{name} all") == 1
    assert "needs the role" in person.warned


@pytest.mark.parametrize(
    "line",
    [
        "ping -f",
        "ping --flood",
        "ping 'localhost; id'",
        "telnet -x 25",
        "diagnostic '$(id)'",
        "nslookup -version",
        "nslookup example.com ANY",
        "dnslisttest nonsense zen.example",
        "trace -oops@example.com",
        "tail /etc/passwd",
        "tail ../../keys/user",
        "tail -n 99999",
        "diagnostic localhost 99999",
    ],
)
def test_word_of_a_tool_is_no_option_no_file_and_no_shell(clustered: QuietHost, line: str) -> None:
    person = Person.at(clustered, interactive=False)

    assert person.types(line) == 2
    assert "Traceback" not in person.warned


def test_reset_of_a_member_is_refused(clustered: QuietHost) -> None:
    """RES-03."""
    person = Person.at(clustered, interactive=False)

    assert person.types("resetconfig --yes") == 1
    assert "removemachine" in person.warned


def test_reset_of_a_standalone_machine_is_pending_and_keeps_its_network(standalone: QuietHost) -> None:
    person = Person.at(standalone, interactive=False)
    person.types("unsubscribe add a@example.com; commit -m x")

    assert person.types("resetconfig") == 1
    assert person.types("resetconfig --yes") == 0
    assert person.types("commit -m reset") == 0
    assert person.types("unsubscribe --json") == 0
    assert "a@example.com" not in person.said
    assert person.types("interfaceconfig --json") == 0
    assert "127.0.0.1" in person.said
