"""The portal's database was restored from an older backup, and somebody committed at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from appliances.following import forks
from appliances.models import Fork
from clusters import commits, drafts, replicas
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.replication import Replica
from clusters.versions import Change, Clock, settings_at
from portal.alerts.incidents import Alert
from portal.alerts.kinds import Kind, Severity
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.alerts.conftest import NOON, World, lasting

ROUTES = settings_at(CLUSTER, "smtproutes")


def what_machines_have(cluster: ManagedCluster, *lost: str) -> Replica:
    """A machine's replica: what the portal had committed, and what it has forgotten by the restore."""
    found = Replica(MemoryStore(), world.PORTAL, Clock(replicas.now))
    found.absorb(replicas.missing(cluster.replica_id, {}, 10_000))
    for host in lost:
        (head,) = found.store.heads([ROUTES])[ROUTES]
        change = Change(ROUTES, world.routes(lost_example=host), head.id)
        found.commit([change], user="alice", host="portal", comment=f"lost {host}")
    return found


def commit(cluster: ManagedCluster, host: str) -> str:
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "smtproutes", world.routes(since_example=host))
    return str(commits.commit_pending(cluster.replica_id, user="bob", host="portal").id)


@pytest.fixture
def fork(earth: World, europe: ManagedCluster) -> Fork:
    """Two commits were lost, and two were made since: the numbers are equal."""
    machine = what_machines_have(europe, "192.0.2.2", "192.0.2.3")
    for host in ("203.0.113.1", "203.0.113.2"):
        commit(europe, host)
    assert replicas.vector(europe.replica_id) == machine.vector
    assert forks.settle(europe.replica_id, machine.trail(world.PORTAL))
    assert not forks.settle(europe.replica_id, machine.trail(world.PORTAL))
    replicas.absorb(europe.replica_id, machine.missing(replicas.vector(europe.replica_id), 100))
    machine.absorb(replicas.missing(europe.replica_id, machine.vector))
    assert machine.digest() == replicas.entries_digest(europe.replica_id)
    made = Fork.objects.get()
    Fork.objects.update(found=NOON)
    return made


def test_commits_made_too_early_after_a_restore_reach_the_machines(
    fork: Fork, europe: ManagedCluster
) -> None:
    """INS-61: under new numbers, and in conflict with what the portal had forgotten."""
    assert (fork.origin, fork.commits) == (world.PORTAL, 2)
    found = replicas.conflicts(europe.replica_id)[ROUTES]
    hosts = {v.value["routes"][0]["hosts"][0]["host"] for v in found if v.value}
    assert hosts == {"192.0.2.3", "203.0.113.2"}
    assert commit(europe, "203.0.113.9") == f"{fork.fresh}/3"


def test_restore_from_an_older_backup_is_told_for_a_day(
    earth: World, fork: Fork, europe: ManagedCluster
) -> None:
    """INS-62: which commits have which numbers now, and where to look."""
    earth.look()
    (alert,) = Alert.everything.filter(closed=None)
    assert (alert.kind, alert.cluster) == (Kind.FORKED, europe)
    assert alert.why == (
        f"After commit {fork.number} of {fork.origin}: commits with new numbers, of {fork.fresh}: 2."
    )
    assert "Conflicts" in alert.what_to_do
    earth.now += timedelta(days=1)
    earth.look()
    assert lasting() == []


def test_fork_that_no_machine_can_settle_stays_named_and_later_commits_arrive(
    earth: World, europe: ManagedCluster
) -> None:
    """INS-62: a backup older than all that a machine keeps of the portal's commits."""
    machine = what_machines_have(europe, "192.0.2.2")
    commit(europe, "203.0.113.1")
    assert forks.settle(europe.replica_id, machine.trail(world.PORTAL).end)
    fork = Fork.objects.get()
    assert (fork.number, fork.commits) == (None, 0)
    later = replicas.commit(
        europe.replica_id, [Change(settings_at(CLUSTER, "unsubscribe"), None)], user="bob", host="portal"
    )
    assert later.id.origin == fork.fresh
    assert machine.absorb([later]).taken == (later.id,)
    earth.now += timedelta(days=30)
    earth.look()
    alert = Alert.everything.get(closed=None)
    assert (alert.kind, alert.severity) == (Kind.UNSETTLED, Severity.CRITICAL)
    assert fork.fresh in alert.why


def test_peers_that_know_the_portal_as_it_is_change_nothing(europe: ManagedCluster) -> None:
    machine = what_machines_have(europe)
    assert not forks.settle(europe.replica_id, machine.trail(world.PORTAL))
    assert not Fork.objects.exists()
