"""Fleet and cluster pages: truth about machines, ages, and a number of queries that does not grow."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appliances.following import statuses
from appliances.following.freshness import STALE_AFTER, Enforcement, seen, tallies
from appliances.machine.status import MachineStatus as Report
from appliances.machine.status import Queue, Trouble
from appliances.models import Connection, LinkStatus, MachineStatus
from clusters import commits, drafts, membership, replicas
from clusters.modes import CLUSTER
from clusters.versions import Address, Change, CommitId, Kind
from portal.pages.paging import MANY
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn

FLEET_BUDGET = 10
CLUSTER_BUDGET = 14
MODE_BUDGET = 10
PENDING_BUDGET = 16
QUEUES_BUDGET = 14
UPGRADES_BUDGET = 16
COMMIT_BUDGET = 17
MACHINE_BUDGET = 18


def queries(client: object, path: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200  # type: ignore[attr-defined]  # a test client
    return len(found)


@pytest.mark.parametrize(
    ("path", "budget"),
    [
        ("/", FLEET_BUDGET),
        ("/big/", CLUSTER_BUDGET),
        ("/big/cluster/", MODE_BUDGET),
        ("/big/pending/", PENDING_BUDGET),
        ("/big/queues/", QUEUES_BUDGET),
        ("/big/upgrades/", UPGRADES_BUDGET),
        ("/big/check/", 11),
        ("/big/advice/", 15),
        ("/big/references/", 9),
        ("/big/conflicts/", 10),
        ("/big/matrix/", 9),
        ("/big/history/", 12),
        ("/big/history/{commit}/", COMMIT_BUDGET),
        ("/big/machine/{machine}/monitor/overview", MACHINE_BUDGET),
        ("/big/alerts/", 12),
        ("/alerts/", 10),
        ("/big/membership/", 10),
        ("/big/proposals/", 11),
        ("/search/?q=mx", 10),
    ],
)
def test_queries_do_not_grow_with_machines(
    path: str, budget: int, acme: Tenant, alice: User, log_in: LogIn
) -> None:
    big = world.cluster(acme, "Big", [f"mx{n}.example" for n in range(MANY)])
    lived(big)
    client = log_in(alice)
    last, first = commits.last(big.replica_id).id, next(iter(replicas.state(big.replica_id).machines))
    path = path.format(commit=f"{last.origin}/{last.number}", machine=first)
    few = queries(client, path)
    for number in range(MANY, 50):
        machine = membership.Machine(f"M-{number}", f"mx{number}.example", "", f"10.9.0.{number}")
        membership.enrol_machine(big.replica_id, machine=machine, settings={}, user="admin", host="mx0")
    statuses.wanted(big.replica_id)
    lived(big)
    assert queries(client, path) == few
    assert few <= budget


def lived(big: ManagedCluster) -> None:
    """All report; the first machine did so twice before, and has samples and a log of applies by that."""
    serial = next(iter(replicas.state(big.replica_id).machines))
    known = MachineStatus.objects.get(replica=big.replica_id, serial=serial).report.get("as_of", 0)
    for number in (1, 2):
        said = Report(serial=serial, enforced="abc", generation=known + number, as_of=known + number)
        statuses.heard(big.replica_id, serial, said.to_wire())
    world.report(big)


@pytest.mark.parametrize("renamed", [False, True])
def test_queries_of_a_commit_do_not_grow_with_its_entries(
    acme: Tenant, alice: User, log_in: LogIn, renamed: bool
) -> None:
    """CMT-02: entries that are new, and entries of which each replaced another one."""
    counts = []
    for size in (3, 600):
        big = world.cluster(acme, f"Big{size}", ["mx0.example"])
        groups = [Address(Kind.GROUP, f"g{number}") for number in range(size)]
        replaced: list[CommitId | None] = [None] * size
        for name in ("first", "second") if renamed else ("first",):
            changes = [
                Change(address, {"name": f"{name} {address.name}", "initial": False}, before)
                for address, before in zip(groups, replaced, strict=True)
            ]
            made = replicas.commit(big.replica_id, changes, user="alice", host="portal").id
            replaced = [made] * size
        path = f"/{big.slug}/history/{made.origin}/{made.number}/"
        counts.append(queries(log_in(alice), path))
    assert counts[0] == counts[1] <= COMMIT_BUDGET


@pytest.mark.parametrize(
    ("path", "budget"), [("/big/pending/", 20), ("/big/history/{commit}/", COMMIT_BUDGET)]
)
def test_queries_of_a_change_do_not_grow_with_the_machines_that_it_reaches(
    path: str, budget: int, acme: Tenant, alice: User, log_in: LogIn
) -> None:
    counts = []
    for size in (5, 50):
        big = world.cluster(acme, f"Big{size}", [f"mx{n}.example" for n in range(size)])
        world.define(big, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.1"))
        world.report(big)
        drafts.edit(big.replica_id, "alice", CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"))
        last = commits.last(big.replica_id).id
        address = path.replace("/big/", f"/{big.slug}/").format(commit=f"{last.origin}/{last.number}")
        counts.append(queries(log_in(alice), address))
    assert counts[0] == counts[1] <= budget


def test_queries_of_the_fleet_do_not_grow_with_clusters(acme: Tenant, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    world.cluster(acme, "One", ["a.example"])
    one = queries(client, "/")
    for name in ("Two", "Three", "Four"):
        world.cluster(acme, name, [f"{name}.example".lower()])
    assert queries(client, "/") == one


def row(europe: ManagedCluster, name: str = "berlin.example") -> MachineStatus:
    return MachineStatus.objects.get(replica=europe.replica_id, name=name)


def test_machine_that_runs_what_is_wanted_is_shown_enforced(
    europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    world.report(europe)
    html = log_in(alice).get("/europe/").content.decode()
    assert html.count("connected</span>") == 3
    assert html.count("enforced</span>") == 3
    assert row(europe).wanted in html


@pytest.mark.parametrize("state", list(Connection))
def test_machine_that_was_heard_long_ago_is_not_counted_as_enforced(
    europe: ManagedCluster, alice: User, log_in: LogIn, state: Connection
) -> None:
    """TRL-19: it hangs, and the portal looked at it a moment ago; what it last said is old."""
    world.report(europe)
    now = timezone.now()
    changed = {"connection": state, "checked": now, "heard": now - timedelta(minutes=4)}
    MachineStatus.objects.filter(pk=row(europe).pk).update(**changed)

    found = seen(row(europe), now, 0)

    assert (found.enforcement, found.told) == (Enforcement.LAST_HEARD, False)
    away = state == Connection.REMOVED
    counted = tallies(MachineStatus.objects.all(), now)[europe.replica_id]
    assert (counted["enforced"], counted["machines"]) == (2, 2 if away else 3)
    html = log_in(alice).get("/europe/").content.decode()
    assert '2<span class="of">/3</span>' in html or away
    assert away or "enforced, as last heard</span>" in html


def test_commit_makes_the_page_say_that_machines_are_behind(
    europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    world.report(europe)
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.99"))
    html = log_in(alice).get("/europe/").content.decode()
    assert html.count("being applied</span>") == 2
    assert html.count("enforced</span>") == 1


def test_revision_not_computed_yet_is_never_shown_as_enforced(europe: ManagedCluster) -> None:
    world.report(europe)
    found = seen(row(europe), timezone.now(), europe.replica.revision + 1)
    assert found.enforcement is not Enforcement.ENFORCED
    europe.replica.revision += 1
    europe.replica.save()
    counted = tallies(MachineStatus.objects.all(), timezone.now())[europe.replica_id]
    assert counted["enforced"] == 0


@pytest.mark.parametrize("state", [Connection.CONNECTED, Connection.SUSPECT, Connection.DOWN])
def test_old_news_are_shown_as_unknown(europe: ManagedCluster, state: Connection) -> None:
    world.report(europe, connection=state)
    now = timezone.now()
    assert seen(row(europe), now, 0).connection is state
    later = now + STALE_AFTER + timedelta(seconds=1)
    found = seen(row(europe), later, 0)
    assert (found.connection, found.fresh) == (Connection.UNKNOWN, False)
    assert "no news" in found.reason
    counted = tallies(MachineStatus.objects.all(), later)[europe.replica_id]
    assert (counted["connected"], counted["down"]) == (0, 0)


def test_machine_disconnected_on_purpose_stays_so_without_news(europe: ManagedCluster) -> None:
    serial = row(europe).serial
    membership.set_disconnected(europe.replica_id, [serial], True, user="alice", host="portal")
    statuses.wanted(europe.replica_id)
    assert not statuses.connection(europe.replica_id, serial, Connection.DOWN)
    assert seen(row(europe), timezone.now(), 0).connection is Connection.DISCONNECTED
    membership.set_disconnected(europe.replica_id, [serial], False, user="alice", host="portal")
    statuses.wanted(europe.replica_id)
    assert row(europe).connection == Connection.UNKNOWN


def test_removed_machine_leaves_the_page(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    membership.remove_machine(europe.replica_id, row(europe).serial, user="alice", host="portal")
    statuses.wanted(europe.replica_id)
    assert row(europe).connection == Connection.REMOVED
    assert (
        "berlin.example" not in log_in(alice).get("/europe/", headers={"HX-Request": "true"}).content.decode()
    )


def report(europe: ManagedCluster, **more: object) -> Report:
    serial = row(europe).serial
    return Report(serial=serial, **{"enforced": "abc", "as_of": 1000, **more})  # type: ignore[arg-type]  # by the test


def test_report_is_kept_and_told_only_when_it_is_news(europe: ManagedCluster) -> None:
    trouble = Trouble(text="Postfix refused it", detail="bad line", since=1)
    first = report(europe, error=trouble, queue=Queue(active=2, deferred=3), generation=7)
    assert statuses.heard(europe.replica_id, first.serial, first.to_wire())
    assert not statuses.heard(
        europe.replica_id, first.serial, first.model_copy(update={"as_of": 2000}).to_wire()
    )
    found = row(europe)
    assert (found.enforced, found.error, found.queue, found.generation) == (
        "abc",
        "Postfix refused it\nbad line",
        5,
        7,
    )


def test_late_report_never_replaces_a_newer_one(europe: ManagedCluster) -> None:
    new, old = report(europe, enforced="new", as_of=2000), report(europe, enforced="old", as_of=1000)
    statuses.heard(europe.replica_id, new.serial, new.to_wire())
    assert not statuses.heard(europe.replica_id, old.serial, old.to_wire())
    assert row(europe).enforced == "new"


@pytest.mark.parametrize("raw", [{}, {"serial": "x"}, {"serial": 3}, {"serial": "?", "queue": "many"}])
def test_report_that_is_none_changes_nothing(europe: ManagedCluster, raw: dict[str, object]) -> None:
    serial = row(europe).serial
    assert not statuses.heard(europe.replica_id, serial, raw)
    assert row(europe).heard is None


def test_links_of_a_report_replace_the_older_ones(europe: ManagedCluster) -> None:
    other = row(europe, "rome.example").serial
    for as_of, state in enumerate(("connected", "down", "nonsense")):
        said = report(europe, as_of=as_of, links=[{"serial": other, "state": state, "since": 5}])
        statuses.heard(europe.replica_id, said.serial, said.to_wire())
    assert [(link.peer, link.state) for link in LinkStatus.objects.all()] == [(other, "unknown")]


def test_error_of_a_machine_is_on_the_page_escaped(
    europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    said = report(europe, error=Trouble(text="<script>alert(1)</script>", since=1))
    statuses.heard(europe.replica_id, said.serial, said.to_wire())
    html = log_in(alice).get("/europe/").content.decode()
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


def test_pages_carry_no_inline_script_or_style(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    world.report(europe)
    serial = row(europe).serial
    paths = ["/", "/europe/", "/europe/cluster/", "/europe/pending/", "/europe/history/", "/jobs/", "/adopt/"]
    paths += [
        "/europe/cluster/network/listeners",
        f"/europe/machine/{serial}/network/ip_interfaces",
        "/login/",
    ]
    for path in paths:
        answer = client.get(path, follow=True)
        html = answer.content.decode()
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)", html), path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", html), path


def test_fleet_names_the_machines_that_need_a_person_the_worst_first(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    world.report(europe)
    world.report(secret, connection=Connection.DOWN)
    client = log_in(alice)
    assert "Needs attention" not in client.get("/").content.decode()
    world.report(europe, connection=Connection.DOWN, only="rome.example")
    MachineStatus.objects.filter(name="paris.example").update(error="Postfix refused it")
    html = client.get("/").content.decode()
    assert html.index("paris.example") < html.index("rome.example")
    assert "berlin.example" not in html
    assert "Postfix refused it" in html


def test_empty_installation_says_what_to_do_next(acme: Tenant, alice: User, bob: User, log_in: LogIn) -> None:
    assert "Adopt a cluster" in log_in(alice).get("/").content.decode()
    assert "Ask an administrator" in log_in(bob).get("/").content.decode()
