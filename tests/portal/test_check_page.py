"""clustercheck in the portal: the job, its findings side by side, resolutions (SYN-10 to SYN-13)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from appliances.features.registry import CATALOGUE
from appliances.links.errors import Unreachable
from appliances.machine.comparing import gather
from clusters import commits, replicas
from clusters.checking import compare
from clusters.memory import MemoryStore
from clusters.models import Head
from clusters.modes import CLUSTER
from clusters.replication import Replica, Snapshot
from clusters.versions import Clock, settings_at
from portal import tasks
from portal.checks import job as comparing
from portal.checks import rows
from portal.checks.rows import Check, Finding
from portal.jobs.rows import Job
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn

PAGE = "/europe/check/"
ROUTES = "settings/cluster/smtproutes"


class Members:
    """Machines that answer with what their replicas hold; those of `away` do not. Its twin is OverLinks."""

    def __init__(self, managed: ManagedCluster) -> None:
        self.replica_id = managed.replica_id
        self.away: set[str] = set()
        self.held: dict[str, Replica] = {}
        self.asked: list[str] = []
        self.names = {m.serial: m.name for m in replicas.state(managed.replica_id).machines.values()}
        for serial in self.names:
            held = Replica(MemoryStore(), serial, Clock(replicas.now))
            held.absorb_snapshot(replicas.snapshot(managed.replica_id))
            self.held[serial] = held

    def digest_of(self, serial: str) -> str:
        if serial == comparing.HERE:
            return replicas.entries_digest(self.replica_id)
        if self.names[serial] in self.away:
            raise Unreachable(f"{self.names[serial]} is far away")
        return self.held[serial].digest()

    def entries_of(self, serial: str) -> Snapshot:
        self.asked.append(serial)
        return (
            replicas.snapshot(self.replica_id) if serial == comparing.HERE else self.held[serial].snapshot()
        )


@pytest.fixture
def members(europe: ManagedCluster) -> Members:
    return Members(europe)


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def damage(europe: ManagedCluster, old: str = "192.0.2.1", new: str = "192.0.2.99") -> None:
    """A value changes on the disk of the portal, behind everybody's back."""
    row = Head.objects.get(replica=europe.replica_id, address=ROUTES)
    Head.objects.filter(pk=row.pk).update(value=json.loads(json.dumps(row.value).replace(old, new)))
    europe.replica.revision += 1
    europe.replica.save()


def check(europe: ManagedCluster, members: Members, person: Any = None) -> Check:
    """The job, with machines that answer at once."""
    job = Job.everything.create(tenant=europe.tenant, cluster=europe, kind="check", started_by=person)
    job.claim()
    job.end(Job.State.DONE, comparing.run(job, members))
    found = rows.latest(europe)
    assert found is not None
    return found


def value(europe: ManagedCluster) -> Any:
    found = replicas.state(europe.replica_id).defined(CLUSTER, "smtproutes")
    return found and found.value


def test_check_of_equal_replicas_finds_nothing_and_fetches_no_snapshot(
    browser: Client, europe: ManagedCluster, members: Members
) -> None:
    """SYN-10."""
    assert "Never checked yet" in browser.get(PAGE).content.decode()
    check(europe, members)
    html = browser.get(PAGE).content.decode()
    assert "No inconsistencies found" in html
    assert html.count("checked</span>") == 4
    assert members.asked == []
    job = Job.everything.get()
    names = [settings.GATEFOLD_PORTAL_NAME, "berlin.example", "paris.example", "rome.example"]
    assert [str(line) for line in job.lines.all()] == [f"Checking {name}" for name in names]
    assert (job.done, job.total) == (4, 4)


def test_damage_is_named_with_who_when_and_where_and_who_holds_it(
    browser: Client, europe: ManagedCluster, members: Members
) -> None:
    """SYN-11, SYN-12: a choice per version, and to ignore it."""
    damage(europe)
    found = check(europe, members).findings.get()
    html = browser.get(PAGE).content.decode()
    section = html.split(f'data-entry="{ROUTES}"')[1].split("</section>")[0]
    for word in ("berlin.example", "rome.example", "alice on portal", "Routes for everybody", "192.0.2.99"):
        assert word in section
    assert section.count(f'name="finding-{found.pk}"') == 3
    assert 'value="ignore"' in section
    assert len(members.asked) == 2, "one snapshot per digest"


def test_version_that_is_chosen_holds_everywhere(
    browser: Client, europe: ManagedCluster, members: Members
) -> None:
    """SYN-13."""
    damage(europe)
    row = check(europe, members).findings.get()
    theirs = next(i for i, held in enumerate(row.held()) if "rome.example" in held.holders)
    form = {"check": row.of_id, f"finding-{row.pk}": str(theirs)}
    html = browser.post(PAGE, form, follow=True).content.decode()
    assert "1 entry is the same everywhere" in html
    assert value(europe) == world.routes(a_example="192.0.2.1")
    made = commits.last(europe.replica_id)
    assert (made.user, made.comment) == ("alice", "Made consistent by clustercheck")
    row.refresh_from_db()
    assert (row.resolution, row.resolved_by) == (Finding.Resolution.FORCED, "alice")
    for member in members.held.values():
        member.absorb(replicas.missing(europe.replica_id, member.vector))
    assert check(europe, members).findings.count() == 0


def test_ignored_finding_changes_nothing_and_is_named_again(
    browser: Client, europe: ManagedCluster, members: Members
) -> None:
    """SYN-13."""
    damage(europe)
    before = replicas.vector(europe.replica_id)
    row = check(europe, members).findings.get()
    html = browser.post(
        PAGE, {"check": row.of_id, f"finding-{row.pk}": "ignore"}, follow=True
    ).content.decode()
    assert "The next check will name it again" in html
    assert replicas.vector(europe.replica_id) == before
    assert check(europe, members).findings.get().resolution == Finding.Resolution.OPEN


def test_machine_that_is_away_is_named_as_not_checked(
    browser: Client, europe: ManagedCluster, members: Members
) -> None:
    """SYN-10."""
    members.away = {"rome.example"}
    found = check(europe, members)
    assert [holder["name"] for holder in found.unreached] == ["rome.example"]
    html = browser.get(PAGE).content.decode()
    assert "rome.example was not checked." in html
    assert "rome.example is far away" in html
    assert "1 machine was not checked." in str(Job.everything.get().message)


def test_machine_that_only_lacks_commits_is_no_damage(
    browser: Client, europe: ManagedCluster, members: Members
) -> None:
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.7"))
    found = check(europe, members).findings.get()
    assert found.behind
    html = browser.get(PAGE).content.decode()
    assert "only behind" in html
    assert f'name="finding-{found.pk}"' not in html
    form = {"check": found.of_id, f"finding-{found.pk}": "0"}
    browser.post(PAGE, form)
    assert commits.last(europe.replica_id).comment == ""


def test_finding_that_was_committed_over_meanwhile_is_not_forced(
    browser: Client, europe: ManagedCluster, members: Members
) -> None:
    damage(europe)
    row = check(europe, members).findings.get()
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.7"))
    html = browser.post(PAGE, {"check": row.of_id, f"finding-{row.pk}": "0"}, follow=True).content.decode()
    assert "was changed since the check" in html
    assert value(europe) == world.routes(a_example="192.0.2.7")


@pytest.mark.parametrize("choice", ["9", "-1", "x", "", "99999999999"])
def test_choice_that_is_none_changes_nothing(
    browser: Client, europe: ManagedCluster, members: Members, choice: str
) -> None:
    damage(europe)
    before = replicas.vector(europe.replica_id)
    row = check(europe, members).findings.get()
    browser.post(PAGE, {"check": row.of_id, f"finding-{row.pk}": choice}, follow=True)
    browser.post(PAGE, {"check": "0", f"finding-{row.pk}": "0"}, follow=True)
    assert replicas.vector(europe.replica_id) == before


def test_secret_of_a_finding_is_neither_shown_nor_readable_at_rest(
    browser: Client, europe: ManagedCluster
) -> None:
    secret = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
    document = {"users": [{"name": "admin", "role": "administrator", "passphrase_hash": secret}]}
    world.define(europe, CLUSTER, "userconfig", CATALOGUE.check("userconfig", CLUSTER, document))
    members = Members(europe)
    row = Head.objects.get(replica=europe.replica_id, address=str(settings_at(CLUSTER, "userconfig")))
    other = {"users": [{**row.value["users"][0], "passphrase_hash": secret.replace("c2Fs", "d3Nt")}]}
    Head.objects.filter(pk=row.pk).update(value=other)
    found = check(europe, members).findings.get()
    html = browser.get(PAGE).content.decode()
    assert "passphrase_hash" in html
    assert "c2FsdHNhbHRz" not in html
    with connection.cursor() as cursor:
        cursor.execute("select versions from portal_finding")
        assert "c2FsdHNhbHRz" not in str(cursor.fetchall())
    assert len(found.held()) == 2


def test_snapshot_is_asked_of_another_holder_when_the_first_is_lost(
    europe: ManagedCluster, members: Members
) -> None:
    damage(europe)
    serials = {"here": comparing.HERE, **{name: serial for serial, name in members.names.items()}}
    lost = next(iter(members.names))

    found = gather(serials, _dying(members, lost))
    assert list(found.unreached) == [members.names[lost]]
    assert [len(holding.names) for holding in found.holdings] == [2, 1]
    assert [str(each.address) for each in compare(found.holdings)] == [ROUTES]


def _dying(members: Members, lost: str) -> Members:
    real = members.entries_of

    def entries_of(serial: str) -> Snapshot:
        if serial == lost:
            raise Unreachable("gone")
        return real(serial)

    members.entries_of = entries_of  # type: ignore[method-assign]  # one member dies between two questions
    return members


def test_button_starts_one_check_and_no_second_one(browser: Client, europe: ManagedCluster) -> None:
    for _n in range(2):
        assert browser.post(PAGE, {"do": "start"}).headers["Location"] == PAGE
    (job,) = Job.everything.all()
    assert (job.kind, job.cluster) == ("check", europe)
    html = browser.get(PAGE).content.decode()
    assert "A check is under way" in html
    assert f"/jobs/{job.pk}/" in html


def test_page_shows_a_new_check_without_reload(
    browser: Client, europe: ManagedCluster, members: Members
) -> None:
    found = check(europe, members)
    told = {"HTTP_HX_REQUEST": "true"}
    assert "HX-Refresh" not in browser.get(f"{PAGE}?shown={found.pk}", **told).headers
    assert browser.get(f"{PAGE}?shown=", **told).headers["HX-Refresh"] == "true"


def test_every_cluster_is_checked_once_a_day(
    europe: ManagedCluster, members: Members, monkeypatch: Any
) -> None:
    monkeypatch.setattr(tasks.run_job, "apply_async", lambda *_a, **_k: None)
    tasks.check_clusters()
    tasks.check_clusters()
    job = Job.everything.get()
    assert (job.cluster, job.started_by) == (europe, None)
    job.end(Job.State.DONE)
    check(europe, members)
    assert rows.due(timezone.now()) == []
    assert rows.due(timezone.now() + timedelta(hours=25)) == [europe]


def test_only_the_last_checks_are_kept(europe: ManagedCluster, members: Members) -> None:
    for _n in range(rows.KEPT + 2):
        check(europe, members)
    assert Check.objects.count() == rows.KEPT
