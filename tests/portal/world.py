"""Two tenants, three people and clusters without machines behind them: what tests of pages stand on."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from appliances.following import statuses
from appliances.models import Connection, MachineStatus
from clusters import membership, replicas
from clusters.models import Replica
from clusters.modes import CLUSTER, Mode
from clusters.replication import Snapshot
from clusters.state import Machine
from clusters.versions import Change, settings_at
from portal.tenants import ClusterRole, ManagedCluster, Member, Role, Tenant, free_slug

PASSPHRASE = "correct horse battery"
PORTAL = "PORTAL-TEST"


def routes(**table: str) -> dict[str, Any]:
    """An `smtproutes` document; `_` stands for the dot of a domain."""
    found = [{"domain": d.replace("_", "."), "hosts": [{"host": h, "port": 25}]} for d, h in table.items()]
    return {"routes": found}


def person(name: str, full: str, **roles: Tenant) -> User:
    """A login with a role per tenant: `person("alice", "Alice Adams", operator=acme)`."""
    first, _space, last = full.partition(" ")
    user = User.objects.create_user(name, password=PASSPHRASE, first_name=first, last_name=last)
    for role, tenant in roles.items():
        Member.objects.create(user=user, tenant=tenant, role=Role(role))
    return user


def logged_in(name: str) -> APIClient:
    """A browser in which a person has just logged in by the page, so that it counts among their sessions."""
    browser = APIClient()
    browser.post("/login/", {"username": name, "password": PASSPHRASE}, format="multipart")
    return browser


def in_one(cluster: ManagedCluster, role: Role, everywhere: str = "", name: str = "erik") -> User:
    """A person with that role in the cluster, and perhaps another one in the whole tenant."""
    user = person(name, "Erik Ek")
    member = Member.objects.create(tenant=cluster.tenant, user=user, role=everywhere)
    ClusterRole.objects.create(member=member, cluster=cluster, role=role)
    return user


def cluster(
    tenant: Tenant, name: str, machines: Sequence[str], groups: Mapping[str, Sequence[str]] | None = None
) -> ManagedCluster:
    """A cluster of these machines, some of them in groups, as the portal would have it after adoption."""
    prefix = uuid.uuid4().hex[:4].upper()
    members = [
        Machine(f"{prefix}-{i:04}", n, "", f"10.0.{i // 250}.{i % 250 + 1}") for i, n in enumerate(machines)
    ]
    row = replicas.new_replica(members[0].serial)
    by: Any = {"user": "admin", "host": members[0].name}
    membership.create(row.pk, name=name, machine=members[0], by_address=True, **by)
    for member in members[1:]:
        membership.enrol_machine(row.pk, machine=member, settings={}, **by)
    for group, inside in (groups or {}).items():
        made = membership.add_group(row.pk, group, **by)
        serials = [m.serial for m in members if m.name in inside]
        if serials:
            membership.set_group(row.pk, serials, made.id, **by)
    Replica.objects.filter(pk=row.pk).update(origin=PORTAL)
    row.refresh_from_db()
    statuses.wanted(row.pk)
    return ManagedCluster.everything.create(tenant=tenant, replica=row, slug=free_slug(name, tenant))


def define(
    managed: ManagedCluster,
    mode: Mode,
    feature: str,
    document: dict[str, Any] | None,
    *,
    user: str = "alice",
    comment: str = "",
) -> None:
    """Commit a feature's settings at a mode."""
    address = settings_at(mode, feature)
    head = replicas.heads(managed.replica_id, [address]).get(address, (None,))[0]
    change = Change(address, document, head.id if head else None)
    replicas.commit(managed.replica_id, [change], user=user, host="portal", comment=comment)
    statuses.wanted(managed.replica_id)
    managed.replica.refresh_from_db()


def report(managed: ManagedCluster, *, connection: Connection = Connection.CONNECTED, only: str = "") -> None:
    """Let the machines report that they run what is wanted."""
    now = timezone.now()
    for row in MachineStatus.objects.filter(replica=managed.replica_id):
        if only and row.name != only:
            continue
        row.connection, row.since, row.checked, row.heard = connection, now - timedelta(hours=3), now, now
        row.enforced, row.applied, row.queue, row.release = row.wanted, now - timedelta(minutes=9), 3, "0.1.0"
        row.save()


def mode_of(managed: ManagedCluster, name: str) -> Mode:
    """The mode of that group or machine."""
    state = replicas.state(managed.replica_id)
    return next((m for m in state.modes() if m != CLUSTER and state.mode_name(m) == name), CLUSTER)


def conflict(managed: ManagedCluster, *modes: Mode) -> None:
    """Two replicas of the cluster change the same routes apart, there or of the cluster; the portal has both.

    Dora, afar, sends b.example elsewhere; at home, later, a.example gets another host.
    """
    snapshot = replicas.snapshot(managed.replica_id)
    cluster_id = managed.replica.cluster_id
    Replica.objects.filter(pk=managed.replica_id).update(cluster_id=uuid.uuid4())
    other = replicas.new_replica("APART", cluster_id)
    replicas.absorb_snapshot(other.pk, Snapshot.from_wire(snapshot.to_wire()))
    made = []
    for mode in modes or (CLUSTER,):
        address = settings_at(mode, "smtproutes")
        base = replicas.heads(other.pk, [address])[address][0]
        assert base.value is not None
        changed = {"routes": [*base.value["routes"], *routes(b_example="198.51.100.1")["routes"]]}
        change = Change(address, changed, base.id)
        made.append(replicas.commit(other.pk, [change], user="dora", host="far", comment="From afar"))
    for mode in modes or (CLUSTER,):
        define(managed, mode, "smtproutes", routes(a_example="198.51.100.2"), comment="At home")
    replicas.absorb(managed.replica_id, made)
