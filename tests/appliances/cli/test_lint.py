"""`lint` on the command line: advice, and remedies that work as they are typed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appliances.links.client import Probe
from appliances.links.ssh import ServiceKind
from appliances.machine.saved import SavedFiles
from appliances.machine.upgrading import Run, Step
from clusters import membership, replicas
from clusters.state import Portal
from tests.appliances.cli.hosts import KEY, Person, QuietHost


def test_advice_has_a_remedy_that_mends_it(clustered: QuietHost) -> None:
    """L05, CL-19, BP-01: a pointless override is found, and its remedy is a command."""
    script = Person.at(clustered, interactive=False)
    script.types("clustermode cluster; unsubscribe add a@example.com; commit -m one")
    script.types("clustermode group Paris; unsubscribe add --copy b@example.com")
    script.types("unsubscribe delete b@example.com; commit -m two")

    assert script.types("lint --json") == 0
    found = [advice for advice in json.loads(script.said) if advice["rule"] == "L05"]

    assert found[0]["modes"] == ["Group Paris"]
    assert script.types(found[0]["remedy"]) == 0
    assert script.types("commit -m mended") == 0
    script.types("lint --json")
    assert not [advice for advice in json.loads(script.said) if advice["rule"] == "L05"]


def test_lint_of_a_machine_in_no_cluster_says_so(standalone: QuietHost) -> None:
    person = Person.at(standalone, interactive=False)

    assert person.types("lint") == 1
    assert person.types("lint nonsense") == 2


def test_ccs_without_need_is_pointed_out_only_where_ssh_answers(clustered: QuietHost) -> None:
    """L11, COM-13."""
    script = Person.at(clustered, interactive=False)
    second = replicas.state(clustered.replica_id).machines["MX2"]
    membership.set_communication(
        clustered.replica_id,
        by_address=True,
        machines=[replace(second, ccs_port=2222)],
        user="admin",
        host="mx1.example.com",
    )

    assert script.types("lint") == 0
    assert "L11" not in script.said
    clustered.seen[22] = Probe(ServiceKind.SSH, KEY)
    assert script.types("lint") == 0
    assert "L11 hint: CCS is on at mx2.example.com" in script.said


def rules(script: Person) -> dict[str, str]:
    """The messages of `lint`, by rule."""
    assert script.types("lint --json") == 0
    return {advice["rule"]: advice["message"] for advice in json.loads(script.said)}


def test_machine_without_ssh_is_no_login_host(clustered: QuietHost) -> None:
    """L17."""
    script = Person.at(clustered, interactive=False)
    assert "L17" not in rules(script)
    script.types("interfaceconfig set Management ssh.enabled=no ccs.enabled=yes; commit -m shut")
    assert rules(script)["L17"] == "Nobody can log in at mx1.example.com: SSH is off on all its interfaces."


def test_nothing_saved_since_the_last_join_load_or_upgrade(clustered: QuietHost, tmp_path: Path) -> None:
    """L18: a saved file of the whole cluster makes it silent, until the next step."""
    clustered.saved = SavedFiles(tmp_path / "saved")
    script = Person.at(clustered, interactive=False)
    assert "mx2.example.com joins the cluster" in rules(script)["L18"]
    script.types("saveconfig --machine mx1.example.com one.xml")
    assert "L18" in rules(script), "the file of one machine"
    script.types("saveconfig whole.xml")
    assert "L18" not in rules(script)

    script.types(
        "clustermode cluster; unsubscribe add a@example.com; showconfig --encrypt", stdin="a passphrase"
    )
    script.types("unsubscribe add b@example.com; commit -m daily")
    assert "L18" not in rules(script), "no risky step"
    last = clustered.saved.last_saved()
    clustered.upgrading.shelf.last_switch = lambda: last + 60_000
    assert "mx1.example.com runs release 0.1.0" in rules(script)["L18"]


def test_loaded_file_calls_for_a_saved_one_once_committed(clustered: QuietHost, tmp_path: Path) -> None:
    """L18."""
    clustered.saved = SavedFiles(tmp_path / "saved")
    script = Person.at(clustered, interactive=False)
    script.types("clustermode cluster; unsubscribe add a@example.com; commit -m one")
    script.types("showconfig --encrypt", stdin="a passphrase")
    text = script.said
    script.types("unsubscribe delete a@example.com; commit -m two; saveconfig whole.xml")
    assert script.types("loadconfig --passphrase 'a passphrase'", stdin=text) == 0
    assert "L18" not in rules(script), "only pending"
    assert script.types("commit -m loaded") == 0
    assert "a configuration file was loaded" in rules(script)["L18"]
    script.types("saveconfig after.xml")
    assert "L18" not in rules(script)


def test_machine_that_a_portal_follows_leaves_backups_to_it(clustered: QuietHost) -> None:
    """L18."""
    script = Person.at(clustered, interactive=False)
    assert "L18" in rules(script)
    by = {"user": "admin", "host": "mx1.example.com"}
    membership.enrol_portal(clustered.replica_id, portal=Portal("P1", "portal", "key"), **by)
    assert "L18" not in rules(script)


def by_name(clustered: QuietHost) -> None:
    members = replicas.state(clustered.replica_id).machines.values()
    membership.set_communication(
        clustered.replica_id,
        by_address=False,
        machines=[replace(member, address=member.name) for member in members],
        user="admin",
        host="mx1.example.com",
    )


def test_name_that_leads_elsewhere(clustered: QuietHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """L21, COM-07: unless the machine answers there all the same."""
    by_name(clustered)
    leads = {"mx1.example.com": frozenset({"192.0.2.66"})}
    monkeypatch.setattr("appliances.cli.commands.lint.addresses_of", lambda hosts: leads)
    script = Person.at(clustered, interactive=False)
    expected = "The name mx1.example.com leads to 192.0.2.66, and SSH or CCS are on at 127.0.0.1 only."
    assert rules(script)["L21"] == expected
    clustered.seen[22] = Probe(ServiceKind.SSH, KEY)
    assert "L21" not in rules(script)
    clustered.seen.clear()
    leads["mx1.example.com"] = frozenset({"127.0.0.1"})
    assert "L21" not in rules(script)


def test_names_and_reverse_names(clustered: QuietHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """L13: addresses of loopback are asked of nobody."""
    asked: list[str] = []

    def called(addresses: list[str]) -> dict[str, str]:
        asked.extend(addresses)
        return dict.fromkeys(addresses, "")

    monkeypatch.setattr("appliances.cli.commands.lint.names_of", called)
    script = Person.at(clustered, interactive=False)
    assert "L13" not in rules(script)
    assert asked == []
    by_name(clustered)
    monkeypatch.setattr("appliances.cli.commands.lint.addresses_of", lambda hosts: {})
    assert rules(script)["L13"].startswith("The name servers do not know these names")
    leads = {"mx1.example.com": frozenset({"127.0.0.1", "192.0.2.66"})}
    leads["mx2.example.com"] = frozenset({"127.0.0.2"})
    monkeypatch.setattr("appliances.cli.commands.lint.addresses_of", lambda hosts: leads)
    script.types("lint")
    assert "192.0.2.66 of mx1.example.com has no name" in script.said
    assert asked == ["192.0.2.66"]


def test_texts_that_a_group_switches_off(clustered: QuietHost) -> None:
    """L22: the remedy is a command."""
    script = Person.at(clustered, interactive=False)
    script.types("clustermode cluster; textconfig add legal text=Secret")
    script.types("listenerconfig add In interface=Management disclaimer_below=legal; commit -m on")
    assert "L22" not in rules(script)
    script.types("clustermode group Main_Group; textconfig add --copy other text=x")
    script.types("textconfig delete other; textconfig delete legal; commit -m off")
    assert "L14" not in rules(script), "said once"
    script.types("lint --json")
    (found,) = [advice for advice in json.loads(script.said) if advice["rule"] == "L22"]
    assert "listenerconfig (Cluster Americas)" in found["message"]
    assert script.types(f"{found['remedy']}; commit -m mended") == 0
    assert "L22" not in rules(script)


def test_people_logged_in_during_a_guided_upgrade(clustered: QuietHost) -> None:
    """L23, JN-22."""
    script = Person.at(clustered, interactive=False)
    with clustered.sessions.one("admin", "192.0.2.1"), clustered.sessions.one("otto", "192.0.2.2"):
        assert "L23" not in rules(script)
        clustered.upgrading.run = Run("2.0.0", "admin", Step.DRAIN)
        assert "here: otto (192.0.2.2). (Guided upgrade to 2.0.0: drain)" in rules(script)["L23"]
        clustered.upgrading.run = Run("2.0.0", "admin", Step.DONE)
        assert "L23" not in rules(script)
    clustered.upgrading.run = Run("2.0.0", "admin", Step.DRAIN)
    assert "L23" not in rules(script), "nobody else is there"
