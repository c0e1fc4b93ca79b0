"""Advice: why, remedies of one click, putting aside (BP-01 to BP-10)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from redis.exceptions import RedisError
from rest_framework.test import APIClient

from appliances.features.registry import CATALOGUE
from appliances.models import Connection, MachineStatus
from clusters import drafts, membership, replicas
from clusters.linting import lint
from clusters.modes import CLUSTER
from portal.config_files import backups
from portal.config_files.backups import Backup
from portal.jobs.rows import Job
from portal.lint import facts as lint_facts
from portal.lint.advice import Dismissal
from portal.lint.facts import facts_of
from portal.pages import advice as advice_page
from portal.tenants import ManagedCluster, Role
from tests.portal import world
from tests.portal.conftest import LogIn

PAGE = "/europe/advice/"


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


@pytest.fixture
def doubled(europe: ManagedCluster) -> ManagedCluster:
    """Berlin overrides the routes with just what it would inherit (L05)."""
    berlin = world.mode_of(europe, "berlin.example")
    world.define(europe, berlin, "smtproutes", world.routes(a_example="192.0.2.1"))
    return europe


def key(europe: ManagedCluster, rule: str) -> str:
    state = replicas.state(europe.replica_id)
    found = lint(state, CATALOGUE, facts=facts_of(europe, state))
    return next(each.key for each in found if each.rule == rule)


def section(html: str, rule: str) -> str:
    return (
        html.split(f'data-rule="{rule}"')[1].split("</section>")[0] if f'data-rule="{rule}"' in html else ""
    )


def test_advice_names_why_and_links_the_modes(browser: Client, doubled: ManagedCluster) -> None:
    """BP-01."""
    part = section(browser.get(PAGE).content.decode(), "L05")
    berlin = world.mode_of(doubled, "berlin.example")
    assert "follows the cluster again" in part
    assert f'href="/europe/machine/{berlin.id}/network/smtp_routes"' in part


def test_remedy_of_one_click_is_a_pending_change(browser: Client, doubled: ManagedCluster) -> None:
    """BP-01."""
    html = browser.post(PAGE, {"do": "remedy", "advice": key(doubled, "L05")}, follow=True).content.decode()
    assert "The remedy is pending" in html
    (change,) = drafts.pending(doubled.replica_id, "alice")
    assert (change.mode, change.value) == (world.mode_of(doubled, "berlin.example"), None)
    part = section(html, "L05")
    assert "mended by your pending changes" in part
    assert 'value="remedy"' not in part
    browser.post("/europe/pending/", {"do": "commit"})
    assert section(browser.get(PAGE).content.decode(), "L05") == ""


def test_remedy_is_not_done_to_settings_that_were_changed_since_it_was_offered(
    browser: Client, doubled: ManagedCluster
) -> None:
    """TRL-09: though the same advice is given again."""
    berlin = world.mode_of(doubled, "berlin.example")

    def offered(html: str) -> dict[str, str]:
        (shown,) = re.findall(r'name="shown" value="([^"]+)"', section(html, "L05"))
        return {"do": "remedy", "advice": key(doubled, "L05"), "shown": shown}

    post = offered(browser.get(PAGE).content.decode())
    for mode in (CLUSTER, berlin):
        world.define(doubled, mode, "smtproutes", world.routes(a_example="192.0.2.7"), user="bob")

    html = browser.post(PAGE, post, follow=True).content.decode()

    assert "changed since this advice was shown" in html
    assert drafts.pending(doubled.replica_id, "alice") == []
    browser.post(PAGE, offered(html))
    assert [change.mode for change in drafts.pending(doubled.replica_id, "alice")] == [berlin]


def test_remedy_is_not_done_to_what_was_changed_while_its_advice_was_looked_up(
    browser: Client, doubled: ManagedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-09: between lint and plan."""
    found = advice_page.find
    berlin = world.mode_of(doubled, "berlin.example")

    def find(*args: Any) -> Any:
        world.define(doubled, berlin, "smtproutes", world.routes(a_example="192.0.2.7"), user="bob")
        return found(*args)

    monkeypatch.setattr(advice_page, "find", find)
    browser.post(PAGE, {"do": "remedy", "advice": key(doubled, "L05")})
    assert drafts.pending(doubled.replica_id, "alice") == []


def test_group_of_machines_with_the_same_exception_is_lifted(browser: Client, europe: ManagedCluster) -> None:
    """BP-03."""
    for name in ("berlin.example", "rome.example"):
        world.define(europe, world.mode_of(europe, name), "smtproutes", world.routes(z_example="192.0.2.9"))
    part = section(browser.get(PAGE).content.decode(), "L07")
    assert "Move from Machine berlin.example to Group Main_Group" in part
    browser.post(PAGE, {"do": "remedy", "advice": key(europe, "L07")})
    moved = {change.mode for change in drafts.pending(europe.replica_id, "alice")}
    assert moved == {world.mode_of(europe, "Main_Group"), world.mode_of(europe, "berlin.example")}


def test_value_of_the_cluster_is_asked_back(browser: Client, europe: ManagedCluster) -> None:
    """BP-08."""
    for name in ("Main_Group", "Paris"):
        world.define(europe, world.mode_of(europe, name), "aliasconfig", CATALOGUE["aliasconfig"].empty)
    part = section(browser.get(PAGE).content.decode(), "L20")
    assert "Keep a value at the cluster even if all groups have their own" in part
    browser.post(PAGE, {"do": "remedy", "advice": key(europe, "L20")})
    assert [change.mode for change in drafts.pending(europe.replica_id, "alice")] == [CLUSTER]


def test_advice_about_trials_and_the_first_group(browser: Client, europe: ManagedCluster) -> None:
    """L15, BP-04, BP-07."""
    lab = world.cluster(europe.tenant, "Asia", ["mx-lab.example", "mx1.example"], {"Tokyo": ["mx1.example"]})
    html = browser.get(f"/{lab.slug}/advice/").content.decode()
    assert "Laboratory machines have a cluster with a name of its own" in section(html, "L15")
    mode = world.mode_of(lab, "Tokyo")
    serial = world.mode_of(lab, "mx-lab.example").id
    membership.set_group(lab.replica_id, [serial], mode.id, user="admin", host="mx1")
    html = browser.get(f"/{lab.slug}/advice/").content.decode()
    assert "the main site belongs there" in section(html, "BP-04")


def test_checklist_of_good_practice_stands_on_the_page(browser: Client) -> None:
    """BP-02, BP-05, BP-06, and BP-10."""
    html = browser.get(PAGE).content.decode()
    for rule, words in {
        "BP-02": "Copy down and edit the copy",
        "BP-05": "a group without machines can be set up in peace",
        "BP-06": "save it before with saveconfig",
        "BP-10": "Look at a queue on the machine that holds it",
    }.items():
        assert words in html.split(f'data-practice="{rule}"')[1].split("</li>")[0]


def test_rules_hear_what_the_machines_have_said(browser: Client, europe: ManagedCluster) -> None:
    """L19, CL-12."""
    world.report(europe)
    assert section(browser.get(PAGE).content.decode(), "L19") == ""
    MachineStatus.objects.filter(name="rome.example").update(release="0.0.9")
    assert "rome.example" in section(browser.get(PAGE).content.decode(), "L19")


def test_advice_is_put_aside_with_a_reason_and_brought_back(browser: Client, doubled: ManagedCluster) -> None:
    known = key(doubled, "L05")
    html = browser.post(
        PAGE, {"do": "dismiss", "advice": known, "reason": "  "}, follow=True
    ).content.decode()
    assert "Say why" in html
    assert not Dismissal.objects.exists()
    browser.post(PAGE, {"do": "dismiss", "advice": known, "reason": "Kept on purpose"})
    html = browser.get(PAGE).content.decode()
    assert "Kept on purpose" in section(html.split("Put aside</strong>")[1], "L05")
    assert section(html.split("Put aside</strong>")[0], "L05") == ""
    browser.post(PAGE, {"do": "bring_back", "advice": known})
    assert "Put aside</strong>" not in browser.get(PAGE).content.decode()


def test_badge_counts_what_is_open(browser: Client, doubled: ManagedCluster) -> None:
    def badge() -> str:
        return browser.get(PAGE, HTTP_HX_REQUEST="true").content.decode()

    html = browser.get(PAGE).content.decode()
    count = html.count("data-rule=")
    assert f"{count} pieces of advice" in badge()
    browser.post(PAGE, {"do": "dismiss", "advice": key(doubled, "L05"), "reason": "Meant"})
    assert f"{count - 1} piece" in badge()
    assert 'hx-get="/europe/advice/"' in browser.get("/europe/").content.decode()


@pytest.mark.parametrize("do", ["remedy", "dismiss", "bring_back", ""])
def test_advice_that_is_not_given_is_refused(browser: Client, europe: ManagedCluster, do: str) -> None:
    answer = browser.post(PAGE, {"do": do, "advice": "nonsense", "reason": "x"}, follow=True)
    assert answer.status_code == 200
    assert not Dismissal.objects.exists()
    assert drafts.pending(europe.replica_id, "alice") == []


def test_api_lists_mends_and_puts_aside(doubled: ManagedCluster, alice: User) -> None:
    client, path = APIClient(), "/api/v1/clusters/europe/advice/"
    client.force_login(alice)
    found = next(each for each in client.get(path).json()["results"] if each["rule"] == "L05")
    assert found["remedy"]["action"] == "delete"
    assert (
        client.put(f"{path}{found['key']}/dismissal/", {"reason": "Meant"}, format="json").status_code == 200
    )
    told = client.get(path, {"state": "dismissed"}).json()["results"]
    assert [(each["key"], each["dismissal"]["reason"]) for each in told] == [(found["key"], "Meant")]
    assert client.delete(f"{path}{found['key']}/dismissal/").status_code == 204
    assert client.post(f"{path}{found['key']}/remedy/", {}, format="json").status_code == 200
    assert len(drafts.pending(doubled.replica_id, "alice")) == 1
    assert client.post(f"{path}nonsense/remedy/", {}, format="json").status_code == 422


def test_backup_since_the_last_risky_step(browser: Client, europe: ManagedCluster) -> None:
    """L18: a join, and a load once it is committed; what else is committed is daily work."""
    part = section(browser.get(PAGE).content.decode(), "L18")
    assert "paris.example joins the cluster" in part
    backups.keep(europe, Backup.Why.CLOCK)
    assert section(browser.get(PAGE).content.decode(), "L18") == ""
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.3"))
    assert section(browser.get(PAGE).content.decode(), "L18") == ""

    backups.keep(europe, Backup.Why.CLOCK)
    assert backups.keep(europe, Backup.Why.LOAD).why == Backup.Why.LOAD, "the same version"
    assert section(browser.get(PAGE).content.decode(), "L18") == "", "only pending"
    world.define(europe, CLUSTER, "smtproutes", world.routes(c_example="192.0.2.4"))
    assert "a configuration file was loaded" in section(browser.get(PAGE).content.decode(), "L18")
    backups.keep(europe, Backup.Why.PERSON)
    assert section(browser.get(PAGE).content.decode(), "L18") == ""


@pytest.mark.parametrize("kind", ["upgrade", "revert"])
def test_backup_since_the_last_upgrade(browser: Client, europe: ManagedCluster, kind: str) -> None:
    """L18: one that was cancelled before it began changed nothing."""
    backups.keep(europe, Backup.Why.CLOCK)
    job = task(europe, kind)
    job.end(Job.State.CANCELLED)
    assert section(browser.get(PAGE).content.decode(), "L18") == ""
    job = task(europe, kind)
    job.claim()
    job.end(Job.State.FAILED)
    assert f"{job.title}, task {job.pk}" in section(browser.get(PAGE).content.decode(), "L18")


def task(europe: ManagedCluster, kind: str, person: User | None = None) -> Job:
    made: Job = Job.everything.create(tenant=europe.tenant, cluster=europe, kind=kind, started_by=person)
    return made


@pytest.fixture
def by_name(europe: ManagedCluster, monkeypatch: pytest.MonkeyPatch) -> dict[str, frozenset[str]]:
    """Europe talks by name; where the names lead is what the test says."""
    members = replicas.state(europe.replica_id).machines.values()
    named = [replace(member, address=member.name) for member in members]
    by = {"user": "admin", "host": "berlin.example"}
    membership.set_communication(europe.replica_id, by_address=False, machines=named, **by)
    europe.replica.refresh_from_db()
    leads: dict[str, frozenset[str]] = {}
    monkeypatch.setattr(
        lint_facts, "addresses_of", lambda hosts, limit: {h: leads[h] for h in hosts if h in leads}
    )
    return leads


def test_name_that_leads_elsewhere(
    browser: Client, europe: ManagedCluster, by_name: dict[str, frozenset[str]]
) -> None:
    """L21: only of a machine that the portal does not reach; the answer is kept for a while."""
    by_name["rome.example"] = frozenset({"192.0.2.66"})
    world.report(europe)
    assert section(browser.get(PAGE).content.decode(), "L21") == ""
    world.report(europe, connection=Connection.DOWN, only="rome.example")
    assert "leads to 192.0.2.66" in section(browser.get(PAGE).content.decode(), "L21")
    by_name.clear()
    assert "leads to 192.0.2.66" in section(browser.get(PAGE).content.decode(), "L21")
    cache.clear()
    assert section(browser.get(PAGE).content.decode(), "L21") == ""


def test_names_are_not_asked_for_where_nothing_can_be_kept(
    browser: Client, by_name: dict[str, frozenset[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """L21: without Redis each page would ask again."""

    def gone(*args: object) -> None:
        raise RedisError

    by_name["rome.example"] = frozenset({"192.0.2.66"})
    monkeypatch.setattr(lint_facts.cache, "get_many", gone)
    assert section(browser.get(PAGE).content.decode(), "L21") == ""


def used(person: User, ago: timedelta) -> None:
    """The person used the portal so long ago."""
    made = UserSession.objects.create(user=person, ip="192.0.2.1", session_key=f"key-{person.pk}")
    UserSession.objects.filter(pk=made.pk).update(last_seen_at=timezone.now() - ago)


@pytest.mark.parametrize("kind", ["guided", "upgrade", "revert"])
def test_people_at_work_while_an_operation_goes_on(
    browser: Client, europe: ManagedCluster, alice: User, bob: User, charlie: User, kind: str
) -> None:
    """L23, JN-22: not who began it, who cannot edit here, who is gone, or a stranger."""
    reader = world.in_one(europe, Role.READONLY)
    for person in (alice, bob, charlie, reader):
        used(person, timedelta(minutes=1))
    assert section(browser.get(PAGE).content.decode(), "L23") == ""
    job = task(europe, kind, alice)
    job.claim()
    part = section(browser.get(PAGE).content.decode(), "L23")
    assert f"others are at work here: bob. ({job.title})" in part
    UserSession.objects.filter(user=bob).update(last_seen_at=timezone.now() - timedelta(hours=1))
    assert section(browser.get(PAGE).content.decode(), "L23") == ""
    drafts.edit(europe.replica_id, "bob", CLUSTER, "smtproutes", world.routes(d_example="192.0.2.5"))
    assert ": bob. (" in section(browser.get(PAGE).content.decode(), "L23"), "changes are pending"
    job.end(Job.State.DONE)
    assert section(browser.get(PAGE).content.decode(), "L23") == ""


def test_other_tasks_keep_nobody_away(browser: Client, europe: ManagedCluster, bob: User) -> None:
    """L23."""
    used(bob, timedelta(minutes=1))
    task(europe, "synchronise").claim()
    assert section(browser.get(PAGE).content.decode(), "L23") == ""


def test_machine_on_which_nobody_can_log_in(browser: Client, europe: ManagedCluster) -> None:
    """L17: a pending change mends it."""
    berlin = world.mode_of(europe, "berlin.example")
    shut = {"name": "Data", "ip": "10.0.0.1", "hostname": "berlin.example", "ssh": {"enabled": False}}
    document = CATALOGUE["interfaceconfig"].check({"interfaces": [shut]})
    world.define(europe, berlin, "interfaceconfig", document)
    part = section(browser.get(PAGE).content.decode(), "L17")
    assert "Nobody can log in at berlin.example, and no member can call it" in part
    opened = CATALOGUE["interfaceconfig"].check({"interfaces": [{**shut, "ssh": {"enabled": True}}]})
    drafts.edit(europe.replica_id, "alice", berlin, "interfaceconfig", opened)
    assert "mended by your pending changes" in section(browser.get(PAGE).content.decode(), "L17")


def test_routes_that_a_group_empties_are_brought_back_by_one_click(
    browser: Client, europe: ManagedCluster
) -> None:
    """L22, GUI-06."""
    document = CATALOGUE["listenerconfig"].check(listener("a.example"))
    world.define(europe, CLUSTER, "listenerconfig", document)
    assert section(browser.get(PAGE).content.decode(), "L22") == ""
    paris = world.mode_of(europe, "Paris")
    world.define(europe, paris, "smtproutes", {"routes": []})
    assert "Group Paris switches smtproutes off" in section(browser.get(PAGE).content.decode(), "L22")
    browser.post(PAGE, {"do": "remedy", "advice": key(europe, "L22")})
    assert [(c.mode, c.value) for c in drafts.pending(europe.replica_id, "alice")] == [(paris, None)]


def listener(*recipients: str) -> dict[str, object]:
    """A listener that accepts mail for these recipients."""
    entries = [{"recipient": recipient} for recipient in recipients]
    return {"listeners": [{"name": "In", "interface": "Management", "rat": {"entries": entries}}]}
