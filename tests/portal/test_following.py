"""The portal on real parts: adopts a real cluster, replicates over its links, shows what machines report."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.appliances.machine.machines import PASSPHRASE, Machine, Machines
from tests.portal.following import PEOPLE, adopt, rows, states
from tests.portal.installation import Installation, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.timeout(400),
]

COMMIT = """
from clusters import commits, drafts
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster
one = ManagedCluster.everything.get()
routes = {"routes": [{"domain": "moved.example", "hosts": [{"host": "127.0.0.9", "port": 25}]}]}
drafts.edit(one.replica_id, "alice", CLUSTER, "smtproutes", routes)
commits.commit_pending(one.replica_id, user="alice", host="portal", comment="From the portal")
"""


@pytest.fixture(scope="module")
def pair(machines: Machines) -> list[Machine]:
    """A cluster of two real machines."""
    return machines.cluster("one", "two")


@pytest.fixture(scope="module")
def portal() -> Iterator[Installation]:
    with Installation() as found:
        found.prepare(PEOPLE)
        yield found


CHECK = """
from portal.jobs.rows import Job
from portal.pages.jobs import start
from portal.tenants import ManagedCluster
from django.contrib.auth.models import User
start("check", ManagedCluster.everything.get(), User.objects.get(username="alice"))
"""
ALERTS = """
from portal.alerts.incidents import Alert
print(*Alert.everything.filter(closed=None).values_list("kind", flat=True))
"""
FOUND = """
from portal.checks.rows import Check
found = Check.objects.latest("pk")
print([(row.address, [list(held.holders) for held in row.held()]) for row in found.findings.all()])
print(found.unreached)
"""


def check(portal: Installation) -> str:
    """What a check by the worker finds; what is only behind is given time to arrive."""
    before = portal.rows("SELECT count(*) AS n FROM portal_check")[0]["n"]
    portal.python(CHECK)
    until(lambda: portal.rows("SELECT count(*) AS n FROM portal_check")[0]["n"] > before, "the check is over")
    return portal.python(FOUND)


def damage(machine: Machine) -> None:
    """A value changes on the disk of a machine, behind everybody's back."""
    with sqlite3.connect(machine.home / "state.sqlite3") as disk:
        disk.execute("update clusters_head set value = replace(value, 'x@y.example', 'z@y.example')")


def comments(database: Path) -> set[str]:
    """Those of all commits that a replica keeps."""
    with closing(sqlite3.connect(database, timeout=20)) as found:
        return {row[0] for row in found.execute("SELECT comment FROM clusters_commit")}


def copied(database: Path, to: Path) -> Path:
    """A backup as an administrator takes it."""
    with closing(sqlite3.connect(database)) as one, closing(sqlite3.connect(to)) as other:
        one.backup(other)
    return to


def last_comment(portal: Installation) -> str:
    return str(
        portal.rows("SELECT comment FROM clusters_commit ORDER BY wall DESC, counter DESC LIMIT 1")[0][
            "comment"
        ]
    )


def test_portal_adopts_follows_replicates_and_notices(portal: Installation, pair: list[Machine]) -> None:
    """The life of a followed cluster, on one set of real machines.

    1. Wrong fingerprint and wrong passphrase are refused. 2. Adopted. 3. Another tenant is refused.
    4. A worker links to every machine. 5. A commit made in the portal is enforced. 6. One made on a machine
    is here. 7. A check asks the machines over the links, one that is apart by an errand, and names what
    differs (SYN-10, SYN-11, SYN-14).
    8. A machine that dies is shown down. 9. An older backup is restored, and somebody commits before a
    worker runs: that commit reaches the machines beside the lost one (INS-61). 10. The passphrase is nowhere
    in the portal's state.
    """
    first, second = pair
    assert "not accepted" in adopt(portal, first, fingerprint="SHA256:wrong")
    assert "passphrase" in adopt(portal, first, passphrase="guess").lower()
    assert rows(portal) == {}

    assert "acme follows" in adopt(portal, first).lower()
    assert "other hands" in adopt(portal, first, tenant="umbra")
    assert [row["enforced"] for row in rows(portal).values()] == ["", ""]

    worker = portal.start_worker("-B", "-s", str(portal.var / "beat"))
    until(lambda: states(portal) == ["connected", "connected"], "both machines are connected")
    until(lambda: all(r["enforced"] == r["wanted"] for r in rows(portal).values()), "both report")

    before = {row["wanted"] for row in rows(portal).values()}
    portal.python(COMMIT)
    assert {row["wanted"] for row in rows(portal).values()}.isdisjoint(before)
    until(lambda: all(r["enforced"] == r["wanted"] for r in rows(portal).values()), "both enforce the commit")

    document = '{"action": "drop", "recipients": ["x@y.example"]}'
    first.does("clustermode cluster; unsubscribe load", stdin=document)
    first.does('commit -m "From a machine"')
    until(lambda: last_comment(portal) == "From a machine", "the machine's commit is here")

    until(lambda: check(portal) == "[]\n[]\n", "all hold the same")
    first.does(f"clusterconfig disconnect {second.hostname}")
    until(lambda: states(portal) == ["connected", "disconnected"], "one of them is apart")
    first.does("clustermode cluster; unsubscribe add q@y.example; commit -m apart")
    until(lambda: last_comment(portal) == "apart", "the machine's commit is here")
    (differs, unreached) = check(portal).splitlines()
    assert "settings/cluster/unsubscribe" in differs
    assert unreached == "[]"
    first.does(f"clusterconfig reconnect {second.hostname}")
    until(lambda: check(portal) == "[]\n[]\n", "all hold the same again")
    damage(second)
    (differs, unreached) = check(portal).splitlines()
    assert "settings/cluster/unsubscribe" in differs
    assert f"['{second.hostname}']" in differs
    assert unreached == "[]"

    second.kill()
    until(lambda: states(portal) == ["connected", "down"], "the dead machine is shown down", 120)
    second.start()
    until(lambda: states(portal) == ["connected", "connected"], "it is back", 120)

    database = portal.var / "portal" / "portal.sqlite3"
    older = copied(database, portal.var / "older.sqlite3")
    portal.python(COMMIT.replace("From the portal", "Lost by a restore").replace("moved.", "lost."))
    until(lambda: "Lost by a restore" in comments(second.home / "state.sqlite3"), "the machines have it")
    portal.end(worker)
    for left in database.parent.glob("portal.sqlite3-*"):
        left.unlink()
    copied(older, database)
    portal.python(COMMIT.replace("From the portal", "Made since the restore").replace("moved.", "since."))
    worker = portal.start_worker("-B", "-s", str(portal.var / "beat"))
    both = {"Lost by a restore", "Made since the restore"}
    for replica in (database, first.home / "state.sqlite3", second.home / "state.sqlite3"):
        until(lambda replica=replica: both <= comments(replica), f"{replica} has both")
    until(lambda: "forked" in portal.python(ALERTS), "people are told")

    portal.end(worker)
    assert "Traceback" not in portal.log("worker")
    for path in portal.var.rglob("*"):
        if path.is_file():
            assert PASSPHRASE.encode() not in path.read_bytes(), path
