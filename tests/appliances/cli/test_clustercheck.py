"""`clustercheck`: one member's replica is damaged; it is found, named, and repaired or left."""

from __future__ import annotations

import json

import pytest

from appliances.cli.dialogue import Scripted
from clusters import models, replicas
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.replication import Replica
from clusters.versions import Clock, settings_at
from tests.appliances.cli.hosts import Person, QuietHost

ROUTES = settings_at(CLUSTER, "smtproutes")


def routes(host: str) -> dict[str, object]:
    return {"routes": [{"domain": "example.com", "hosts": [{"host": host, "port": 25}]}]}


@pytest.fixture
def second(clustered: QuietHost) -> Replica:
    """What mx2 holds: the same as mx1."""
    Person.at(clustered, interactive=False).types(
        'clustermode cluster; smtproutes set example.com 192.0.2.1; commit -m "routes"'
    )
    found = Replica(MemoryStore(), "MX2", Clock(replicas.now))
    found.absorb_snapshot(replicas.snapshot(clustered.replica_id))
    clustered.others["MX2"] = found
    return found


def damage(host: QuietHost) -> None:
    """A value changes on the disk of mx1, behind everybody's back."""
    head = models.Head.objects.get(replica=host.replica_id, address=str(ROUTES))
    document = json.loads(json.dumps(head.value).replace("192.0.2.1", "192.0.2.9"))
    models.Head.objects.filter(pk=head.pk).update(value=document)


def value(host: QuietHost) -> str:
    found = replicas.state(host.replica_id).defined(CLUSTER, "smtproutes")
    return str(found.value["routes"][0]["hosts"][0]["host"]) if found else ""


@pytest.mark.usefixtures("second")
def test_equal_members_have_no_inconsistencies(admin: Person) -> None:
    """SYN-10: mode question, then consistency question, then progress."""
    assert admin.types("clustercheck", "", "") == 0

    assert admin.asked == [
        "Would you like to switch to cluster mode? [Y]>",
        "Do you want to check the config consistency across all machines in the cluster? [Y]>",
    ]
    assert admin.said.splitlines() == [
        "Checking mx1.example.com...",
        "Checking mx2.example.com...",
        "No inconsistencies found.",
    ]


def test_damaged_entry_is_named_with_who_when_and_where(clustered: QuietHost, second: Replica) -> None:
    """SYN-11, SYN-12: one choice per version and ignore, default 1."""
    admin = Person.at(clustered)
    damage(clustered)

    assert admin.types("clustercheck", "", "", "3") == 0

    lines = admin.said.splitlines()
    at = lines.index("Inconsistency found!")
    assert lines[at + 1] == "SMTP Routes (smtproutes) at Cluster Americas:"
    for name in ("mx1", "mx2"):
        line = next(one for one in lines if one.startswith(f"  {name}.example.com was updated 20"))
        assert line.endswith("by 'admin' on mx1.example.com")
    assert [line[:2] for line in lines if line[:2] in ("1.", "2.", "3.", "4.")] == ["1.", "2.", "3."]
    assert lines[-2] == "3. Ignore."
    assert admin.asked[-1] == "How do you want to resolve this inconsistency? [1]>"


def test_ignored_finding_appears_again(clustered: QuietHost, second: Replica) -> None:
    """SYN-13."""
    admin = Person.at(clustered)
    damage(clustered)
    before = replicas.vector(clustered.replica_id)

    for _again in range(2):
        admin.session.mode = CLUSTER
        assert admin.types("clustercheck", "", "3") == 0
        assert "Inconsistency" in admin.said
    assert replicas.vector(clustered.replica_id) == before


def test_forced_version_holds_everywhere(clustered: QuietHost, second: Replica) -> None:
    """SYN-13."""
    admin = Person.at(clustered)
    admin.session.mode = CLUSTER
    damage(clustered)
    assert value(clustered) == "192.0.2.9"
    admin.types("clustercheck", "", "3")
    choice = next(line for line in admin.said.splitlines() if "mx2.example.com version" in line)[0]

    assert admin.types("clustercheck", "", choice) == 0

    assert value(clustered) == "192.0.2.1"
    second.absorb(replicas.missing(clustered.replica_id, second.vector))
    assert admin.types("clustercheck", "") == 0
    assert "No inconsistencies found." in admin.said


@pytest.mark.parametrize(("whose", "expected"), [("mx1.example.com", "192.0.2.9"), ("newest", None)])
def test_force_in_one_line(clustered: QuietHost, second: Replica, whose: str, expected: str | None) -> None:
    script = Person.at(clustered, interactive=False)
    script.session.mode = CLUSTER
    damage(clustered)

    assert script.types(f"clustercheck --force {whose}") == 0
    assert "Changes committed" in script.said
    assert expected is None or value(clustered) == expected
    assert script.types("clustercheck --force nobody.example.com") == 1


def test_member_that_is_away_is_named_as_not_checked(clustered: QuietHost) -> None:
    """TRL-11, SYN-10: what could not be checked is not called consistent."""
    script = Person.at(clustered, interactive=False)

    assert script.types("clustercheck") == 0
    assert "Not checked: mx2.example.com" in script.warned
    assert "No inconsistencies" not in script.said
    assert "Nothing was compared" in script.said
    assert script.types("clustercheck --json") == 0
    found = json.loads(script.said)
    assert found["findings"] == []
    assert [each["name"] for each in found["not_checked"]] == ["mx2.example.com"]


def test_member_that_only_lacks_commits_needs_no_choice(clustered: QuietHost, second: Replica) -> None:
    script = Person.at(clustered, interactive=False)
    script.session.mode = CLUSTER
    script.types('smtproutes set example.com 192.0.2.5; commit -m "later"')

    assert script.types("clustercheck") == 0
    assert "The next synchronisation brings what is missing" in script.said


def test_commit_made_while_the_menu_is_open_is_not_overwritten(
    clustered: QuietHost, second: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-11: it is refused with who has committed, as in the portal."""
    admin, ask = Person.at(clustered), Scripted.ask
    admin.session.mode = CLUSTER
    damage(clustered)

    def interrupted(dialogue: Scripted, question: str, default: str = "") -> str:
        if "resolve" in question:
            bob = Person.at(clustered, user="bob", interactive=False)
            bob.session.mode = CLUSTER
            assert bob.types('smtproutes set example.com 192.0.2.77; commit -m "meanwhile"') == 0
        return ask(dialogue, question, default)

    monkeypatch.setattr(Scripted, "ask", interrupted)
    assert admin.types("clustercheck", "", "1") == 1

    assert value(clustered) == "192.0.2.77"
    assert "changed since the check" in admin.warned
    assert "bob on mx1.example.com" in admin.warned


def test_menu_shows_what_differs_and_not_only_dates(clustered: QuietHost, second: Replica) -> None:
    """TRL-11: both versions have the same date, person and machine."""
    admin = Person.at(clustered)
    admin.session.mode = CLUSTER
    damage(clustered)

    assert admin.types("clustercheck", "", "3") == 0

    lines = [line.strip() for line in admin.said.splitlines()]
    assert "mx1.example.com: 192.0.2.9:25" in lines
    assert "mx2.example.com: 192.0.2.1:25" in lines
    assert next(line for line in lines if line.startswith("routes[example.com]")).endswith(":")
    script = Person.at(clustered, interactive=False)
    assert script.types("clustercheck --json") == 0
    (found,) = json.loads(script.said)["findings"]
    assert "192.0.2.9" in "".join(found["differs"])
