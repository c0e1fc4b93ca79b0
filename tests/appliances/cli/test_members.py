"""Membership on the command line: what is asked, warned of and shown around joins, groups and lists."""

from __future__ import annotations

import pytest

from appliances.cli.registry import commands
from appliances.machine.status import LinkStatus
from clusters import drafts, membership, replicas
from clusters.effective import effective
from clusters.installed import catalogue
from clusters.joining import JoinPreview
from clusters.modes import CLUSTER, machine
from clusters.state import Machine
from tests.appliances.cli.hosts import FINGERPRINT, KEY, PASSPHRASE, Person, QuietHost

BY = {"user": "admin", "host": "mx1.example.com"}
ENABLE = "Do you want to enable the Cluster Communication Service on the interface {} ({})? [N]>"


def third(host: QuietHost, group: str = "") -> None:
    """mx3 becomes a member."""
    joiner = Machine("MX3", "mx3.example.com", group, "127.0.0.3", 22, None, KEY, KEY)
    membership.enrol_machine(host.replica_id, machine=joiner, settings={}, **BY)


def test_creator_gives_its_settings_to_the_cluster_and_keeps_its_network(standalone: QuietHost) -> None:
    """CR-03."""
    script = Person.at(standalone, interactive=False)
    script.types("smtproutes set example.com 192.0.2.1; commit -m route")

    script.types("clusterconfig new Americas --by-address")

    assert script.types("clustermode cluster; smtproutes clustershow") == 0
    assert script.said.splitlines() == [
        "Configured at mode:",
        "Cluster: Yes",
        "Group Main_Group: No",
        "Machine mx1.example.com: No",
    ]
    settings = replicas.state(standalone.replica_id).settings
    assert "interfaceconfig" in settings[machine("MX1")]
    assert "interfaceconfig" not in settings[CLUSTER]
    assert not [mode for mode in settings if mode not in (CLUSTER, machine("MX1"))]


@pytest.mark.parametrize(("members", "warned"), [(19, False), (20, True)])
def test_machine_above_the_twentieth_is_warned_and_may_join(
    standalone: QuietHost, members: int, warned: bool
) -> None:
    """CL-08: in the command line; `lint` and the portal say so of a cluster that has grown."""
    names = tuple(f"mx{number}.example.com" for number in range(2, members + 2))
    standalone.preview = JoinPreview("Americas", "Main_Group", names, ())
    script = Person.at(standalone, interactive=False)

    assert script.types(f"clusterconfig join 192.0.2.1 --prepared --fingerprint {FINGERPRINT}") == 0
    assert ("has 20 machines already" in script.warned) is warned
    assert not replicas.state(standalone.replica_id).standalone


def test_nothing_on_a_member_pulls_another_machine_in(admin: Person) -> None:
    """JN-01, CL-14: who joins does so itself; `clusterconfig` is the only command for it."""
    admin.types("clustermode cluster")

    admin.types("clusterconfig", "join 192.0.2.7", "new Asia", "")
    assert "in the cluster Americas already" in admin.warned
    assert set(replicas.state(admin.session.replica_id).machines) == {"MX1", "MX2"}
    others = [name for name in commands() if "join" in name or "member" in name]
    assert others == []


def test_after_a_join_ccs_is_asked_for_each_interface_with_its_port(standalone: QuietHost) -> None:
    """JN-10, COM-11."""
    person = Person.at(standalone)
    document = {
        "interfaces": [
            {"name": "Management", "ip": "127.0.0.1", "netmask": "8", "hostname": "mx1.example.com"},
            {"name": "Data", "ip": "127.0.0.2", "netmask": "8", "hostname": "data.example.com"},
        ]
    }
    drafts.edit(standalone.replica_id, "admin", machine("MX1"), "interfaceconfig", document)
    person.types("commit -m two", "")

    answers = (PASSPHRASE, "", "", "", "y", "")
    assert person.types("clusterconfig join 192.0.2.1", *answers) == 0

    assert person.asked[-3:] == [
        ENABLE.format("Management", "127.0.0.1"),
        ENABLE.format("Data", "127.0.0.2"),
        "Which port do you want to use for the Cluster Communication Service? [2222]>",
    ]
    found = replicas.state(standalone.replica_id).defined(machine("MX1"), "interfaceconfig")
    assert found
    enabled = [each["ccs"]["enabled"] for each in found.value["interfaces"]]
    assert enabled == [False, True]


def test_ccs_that_is_on_already_is_not_asked_for(standalone: QuietHost) -> None:
    """JN-10: a no would not turn it off."""
    script = Person.at(standalone, interactive=False)
    script.types("interfaceconfig set Management ccs.enabled=yes; commit -m ccs")
    person = Person.at(standalone)

    assert person.types("clusterconfig", "4", "192.0.2.1", "", "", "", "") == 0
    assert "CCS is on here already." in person.said
    assert not any("Enable the cluster communication" in question for question in person.asked)


@pytest.mark.parametrize("words", ["ccs.port=22", "ssh.port=2222", "https.enabled=yes https.port=2222"])
def test_ccs_on_a_port_that_is_used_is_refused(standalone: QuietHost, words: str) -> None:
    """COM-12."""
    script = Person.at(standalone, interactive=False)
    before = replicas.vector(standalone.replica_id)

    assert script.types(f"interfaceconfig set Management ccs.enabled=yes {words}") == 1
    assert "already taken" in script.warned
    assert replicas.vector(standalone.replica_id) == before


@pytest.mark.parametrize("line", ["clusterconfig new Americas", "clusterconfig prepjoin print"])
def test_open_sessions_are_pointed_out_before_a_cluster_operation(standalone: QuietHost, line: str) -> None:
    """JN-22: those of others, and further ones of the same user."""
    script = Person.at(standalone, interactive=False)
    sessions = standalone.sessions
    with sessions.one("admin", "192.0.2.1"), sessions.one("admin", "192.0.2.2"), sessions.one("otto", "::1"):
        assert script.types(line) == 0

    assert "Logged in here too" in script.warned
    assert script.warned.endswith("admin (192.0.2.2), otto (::1)")
    with sessions.one("admin", "192.0.2.1"):
        script.types("clusterconfig prepjoin print")
    assert "Logged in" not in script.warned


def test_group_is_prepared_before_its_machines_and_a_machine_is_not(script: Person) -> None:
    """GRP-04."""
    replica_id = script.session.replica_id

    assert script.types("clustermode group Paris; smtproutes set --empty example.com 192.0.2.9") == 0
    assert script.types("commit -m Paris") == 0
    assert script.types("clustermode machine mx3.example.com") == 1
    assert not any("MX3" in str(mode) for mode in replicas.state(replica_id).modes())
    paris = next(g for g in replicas.state(replica_id).groups.values() if g.name == "Paris")
    assert isinstance(script.session.host, QuietHost)
    third(script.session.host, paris.id)

    found = effective(replicas.state(replica_id), machine("MX3"), catalogue()).documents["smtproutes"]
    assert found["routes"][0]["hosts"] == [{"host": "192.0.2.9", "port": 25}]


def test_list_and_listdetail(script: Person) -> None:
    """GRP-09."""
    script.types("clustermode cluster; clusterconfig setgroup mx2.example.com Paris")

    assert script.types("clusterconfig list") == 0
    assert script.said.splitlines() == [
        "cluster = Americas",
        "Group Main_Group:",
        "    Machine mx1.example.com (Serial #: MX1)",
        "Group Paris:",
        "    Machine mx2.example.com (Serial #: MX2)",
    ]
    script.types("clusterconfig disconnect mx2.example.com")
    assert script.types("clusterconfig listdetail") == 0
    shown = script.said
    assert (
        "    Machine mx2.example.com (Serial #: MX2)\n        address 127.0.0.2 port 22, CCS off\n" in shown
    )
    assert "host key SHA256:" in shown
    assert "disconnected on purpose" in shown


def test_reconnect_of_another_release_is_refused_and_names_both(script: Person) -> None:
    """CL-12, UPG-08."""
    host = script.session.host
    assert isinstance(host, QuietHost)
    script.types("clustermode cluster; clusterconfig disconnect mx2.example.com")
    host.releases["MX2"] = "9.9"

    assert script.types("clusterconfig reconnect mx2.example.com") == 1
    assert "9.9" in script.warned
    assert host.release in script.warned
    assert replicas.state(host.replica_id).machines["MX2"].disconnected
    host.releases["MX2"] = host.release
    assert script.types("clusterconfig reconnect mx2.example.com") == 0


def test_reconnect_that_does_not_reach_the_machine_says_so(script: Person) -> None:
    """TRL-34: it calls nobody, and goes on apart; what a person can do stands there."""
    host = script.session.host
    assert isinstance(host, QuietHost)
    script.types("clustermode cluster; clusterconfig disconnect mx2.example.com")
    host.releases["MX2"] = host.release
    host.peers = [LinkStatus(serial="MX2", state="suspect", reason="127.0.0.2 port 22 cannot be reached")]

    assert script.types("clusterconfig reconnect mx2.example.com") == 1

    assert "Reconnected: mx2.example.com" in script.said
    assert "has not heard of it: 127.0.0.2 port 22 cannot be reached" in script.warned
    assert "`clusterconfig communication mx2.example.com ADDRESS PORT`" in script.warned
    host.peers = [LinkStatus(serial="MX2", state="connected")]
    script.types("clusterconfig disconnect mx2.example.com")
    assert script.types("clusterconfig reconnect mx2.example.com") == 0


def test_join_that_fails_leaves_ccs_as_it_was(standalone: QuietHost) -> None:
    """JN-04: the answer to an early question is carried out last."""
    person, before = Person.at(standalone), replicas.vector(standalone.replica_id)

    assert person.types("clusterconfig", "3", "y", "192.0.2.1", "", "", PASSPHRASE, "n") == 1
    assert replicas.vector(standalone.replica_id) == before
    assert not drafts.pending(standalone.replica_id, "admin")

    assert person.types("clusterconfig", "3", "y", "192.0.2.1", "", "", PASSPHRASE, "", "", "") == 0
    found = replicas.state(standalone.replica_id).defined(machine("MX1"), "interfaceconfig")
    assert found
    assert found.value["interfaces"][0]["ccs"] == {"enabled": True, "port": 2222}


def test_looking_at_a_feature_makes_nothing_pending(admin: Person) -> None:
    """CLI-09: only what a person has chosen begins new settings."""
    admin.types("clustermode cluster")

    assert admin.types("smtproutes", "") == 0
    assert "pending" not in admin.said
    assert not drafts.pending(admin.session.replica_id, "admin")
    assert admin.types("smtproutes", "set example.com 192.0.2.1", "") == 0
    assert len(drafts.pending(admin.session.replica_id, "admin")) == 1


def test_telnet_without_a_host_asks_for_one(script: Person) -> None:
    assert script.types("telnet") == 2
    assert "Name a host" in script.warned
