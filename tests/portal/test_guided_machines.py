"""Guided create, join and remove on real machines: the same commands, typed there; no passphrase stays."""

from __future__ import annotations

import html
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.test import Client

from appliances.links.identity import fingerprint
from clusters import membership, replicas, state
from portal.jobs.rows import Job, JobLine
from portal.tenants import ManagedCluster, Tenant
from tests.appliances.machine.machines import PASSPHRASE, SSH_PORT, Machine, Machines, until
from tests.portal.conftest import LogIn
from tests.portal.test_adopt_page import everything_kept

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def pair(machines: Machines) -> tuple[Machine, Machine]:
    """A cluster of one, and a standalone machine."""
    (member,) = machines.cluster("mx1")
    (joiner,) = machines.started("mx2")
    return member, joiner


@pytest.fixture
def browser(alice: User, log_in: LogIn) -> Client:
    return log_in(alice)


@pytest.fixture
def followed(pair: tuple[Machine, Machine], acme: Tenant, browser: Client) -> ManagedCluster:
    """The cluster as this portal follows it."""
    where = {"tenant": acme.pk, "address": pair[0].address, "port": SSH_PORT}
    key = host_key(browser.post("/adopt/", {"step": "look", **where}).content.decode())
    told = {"host_key": key, "accepted": "on", "user": "admin", "passphrase": PASSPHRASE}
    browser.post("/adopt/", {"step": "adopt", **where, **told})
    return ManagedCluster.objects.of(acme).get()


def host_key(text: str) -> str:
    return text.split('name="host_key" value="')[1].split('"')[0]


def looked(browser: Client, path: str, machine: Machine) -> dict[str, object]:
    """The first step, and what the second carries."""
    where = {"address": machine.address, "port": SSH_PORT}
    text = browser.post(path, {"step": "look", **where}).content.decode()
    assert machine.fingerprint in text
    return {**where, "host_key": host_key(text), "accepted": "on", "user": "admin", "passphrase": PASSPHRASE}


def test_cluster_is_created_on_a_standalone_machine_and_offered_for_adoption(
    machines: Machines, acme: Tenant, browser: Client
) -> None:
    """CR-02, CR-07: what would be typed is shown first."""
    (alone,) = machines.started("mx7")
    told = {**looked(browser, "/create/", alone), "tenant": acme.pk, "name": "New World", "style": "address"}
    text = browser.post("/create/", {"step": "check", **told}).content.decode()
    assert "clusterconfig new &#x27;New World&#x27; --by-address" in text
    assert "Standalone" in text
    assert alone.status["cluster"] == ""
    assert "not kept" in text
    text = browser.post("/create/", {"step": "run", **told}).content.decode()
    assert "The cluster exists" in text
    assert f"/adopt/?address={alone.address}&amp;port={SSH_PORT}" in text
    assert alone.address in browser.get(f"/adopt/?address={alone.address}&port=22").content.decode()
    assert alone.status["cluster_name"] == "New World"
    job = Job.everything.get()
    assert (job.state, job.kind) == (Job.State.DONE, "guided")
    assert any("New cluster committed" in str(line) for line in job.lines.all())
    assert PASSPHRASE not in everything_kept()
    again = browser.post("/create/", {"step": "check", **told}).content.decode()
    assert "It is in the cluster New World" in again


@pytest.mark.parametrize(
    "wrong", [{"passphrase": "guess"}, {"accepted": ""}, {"host_key": "garbage"}, {"name": ""}, {"port": 1}]
)
@pytest.mark.parametrize("step", ["check", "run"])
def test_creation_that_is_wrong_somewhere_changes_nothing(
    pair: tuple[Machine, Machine], acme: Tenant, browser: Client, wrong: dict[str, object], step: str
) -> None:
    """JN-04 in the like: a wrong fingerprint or passphrase ends the attempt."""
    told = {**looked(browser, "/create/", pair[1]), "tenant": acme.pk, "name": "Nowhere", "style": "name"}
    answer = browser.post("/create/", {"step": step, **told, **wrong})
    assert answer.status_code == 422
    assert "guess" not in answer.content.decode()
    assert pair[1].status["cluster"] == ""
    assert not any("guess" in str(line) for line in JobLine.objects.all())


def test_machine_joins_by_passphrase_after_everything_was_shown_and_is_removed(
    pair: tuple[Machine, Machine],
    followed: ManagedCluster,
    browser: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """JN-02, JN-03, JN-05, RM-01: section 5, rows 2 and 5."""
    member, joiner = pair
    member.does("clustermode cluster; unsubscribe add gone@example.com; commit -m gone")
    path = f"/{followed.slug}/membership/join/"
    told = {
        **looked(browser, path, joiner),
        "member": member.serial,
        "group": "",
        "way": "passphrase",
        "cluster_user": "admin",
        "cluster_passphrase": PASSPHRASE,
    }
    joiner.does("unsubscribe add mine@example.com; commit -m mine")
    before = joiner.status["vector"]
    text = html.unescape(
        browser.post(path, {"step": "check", **told, "keep": ["unsubscribe"]}).content.decode()
    )
    assert "--keep unsubscribe --user admin" in text
    assert "kept as its own" in text
    text = html.unescape(browser.post(path, {"step": "check", **told}).content.decode())
    for title in ("Standalone", "Release", "Clock", "Free name", "Free serial number", "Reverse name"):
        assert title in text
    for title in ("Port of the member", "Service behind the port", "Host key of the member", "Trial"):
        assert title in text
    assert f"clusterconfig join {member.address} --port {SSH_PORT} --fingerprint {member.fingerprint}" in text
    assert "gone@example.com" in text
    assert joiner.status["vector"] == before
    wrong = browser.post(path, {"step": "check", **told, "cluster_passphrase": "guess"}).content.decode()
    assert "does not accept this user and passphrase" in wrong
    failed = browser.post(path, {"step": "run", **told, "cluster_passphrase": "guess"})
    assert failed.status_code == 422
    assert joiner.status["cluster"] == ""
    answer = browser.post(path, {"step": "run", **told, "keep": ["unsubscribe"]})
    assert answer.status_code == 302, answer.content.decode()
    assert "MX2" in member.does("clusterconfig list")
    assert "mine@example.com" in joiner.does("unsubscribe --json")
    kept = everything_kept() + caplog.text
    assert PASSPHRASE not in kept
    assert "guess" not in kept

    by = {"user": "admin", "host": "portal"}
    entry = _entry_of(member, joiner)
    membership.enrol_machine(followed.replica_id, machine=entry, settings={}, **by)
    path = f"/{followed.slug}/membership/remove/MX2/"
    told = {"member": "MX2", "user": "admin", "passphrase": PASSPHRASE}
    assert browser.post(path, told).status_code == 422
    assert browser.post(path, {**told, "understood": "on", "passphrase": "guess"}).status_code == 422
    answer = browser.post(path, {**told, "understood": "on"})
    assert answer.status_code == 302, answer.content.decode()
    until(lambda: "MX2" not in member.does("clusterconfig list"), "the member has heard of the removal")
    until(lambda: "mine@example.com" in joiner.does("unsubscribe --json"), "it goes on alone with its own")


def _entry_of(member: Machine, joiner: Machine) -> state.Machine:
    """The joiner as the cluster knows it; no worker of this portal brings it here."""
    rows = member.ssh("clusterconfig listdetail --json").json
    found = next(m for g in rows["groups"] for m in g["machines"] if m["serial"] == joiner.serial)
    kept = ("name", "address", "port", "host_key", "user_key")
    assert fingerprint(found["host_key"]) == joiner.fingerprint
    return state.Machine(joiner.serial, **{name: found[name] for name in kept})


def test_join_tells_what_stands_in_the_way_before_it_is_tried(
    pair: tuple[Machine, Machine], followed: ManagedCluster, browser: Client
) -> None:
    """Section 5, row 5; CL-12, JN-15."""
    member, joiner = pair
    by = {"user": "admin", "host": "portal"}
    value = replicas.state(followed.replica_id).machines[member.serial]
    taken = replace(value, serial="OTHER", name=joiner.hostname, address="127.0.0.1", port=1)
    membership.enrol_machine(followed.replica_id, machine=taken, settings={}, **by)
    path = f"/{followed.slug}/membership/join/"
    told = {**looked(browser, path, joiner), "way": "passphrase", "cluster_passphrase": PASSPHRASE}
    text = browser.post(path, {"step": "check", **told, "member": "OTHER"}).content.decode()
    assert "a member has this one" in text
    assert "cannot be reached" in text
    vector = replicas.vector(followed.replica_id)
    browser.post(path, {"step": "check", **told, "member": "OTHER", "way": "prepared"})
    assert replicas.vector(followed.replica_id) == vector, "nobody is admitted who could not join anyhow"
    assert "disabled" in text.split("Let it join")[0].rsplit("<button", 1)[1]
