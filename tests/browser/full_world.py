"""Something of everything, so that no page is empty. Run inside a portal of tests: `build()`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from appliances.machine.comparing import Gathered
from appliances.models import Connection, MachineStatus, Worker
from clusters import drafts, replicas
from clusters.checking import Holding
from clusters.modes import CLUSTER
from clusters.replication import Snapshot
from clusters.versions import settings_at
from portal.alerts.channels.ways import WayName
from portal.alerts.incidents import Fact, happened
from portal.alerts.kinds import Kind
from portal.alerts.routing import Channel, Digest, Subscription
from portal.checks import rows
from portal.config_files import backups, uploads
from portal.config_files.backups import Backup
from portal.jobs.rows import Job
from portal.proposals.deciding import Wish, submit
from portal.tenants import ManagedCluster, Role, Tenant
from tests.portal import world

NAMES = ["berlin.example", "rome.example", "a-gateway-with-a-long-name.logistics.europe.acme.example"]


def build() -> None:
    """Acme with Europe: a machine down, pending changes, a proposal, a conflict, an alert, findings, jobs."""
    acme = Tenant.objects.create(name="Acme", slug="acme")
    Tenant.objects.create(name="Umbra", slug="umbra")
    alice = world.person("alice", "Alice Adams", administrator=acme)
    bob = world.person("bob", "Bob Brown", operator=acme)
    world.person("gus", "Gus Guest", guest=acme)
    world.person("rita", "Rita Reed", readonly=acme)
    User.objects.create_superuser("root", password=world.PASSPHRASE)
    Worker.objects.create(name="host/1", started=timezone.now(), seen=timezone.now())
    europe = world.cluster(acme, "Europe", NAMES, {"Paris": NAMES[2:]})
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.1"), comment="For everybody")
    world.define(europe, world.mode_of(europe, "Paris"), "smtproutes", world.routes(a_example="192.0.2.2"))
    world.report(europe)
    propose(europe, bob)
    world.conflict(europe)
    world.report(europe)
    drafts.edit(europe.replica_id, "alice", CLUSTER, "aliasconfig", ALIASES)
    tell(europe)
    find(europe, alice)
    jobs(europe, alice)
    backup = backups.keep(europe, Backup.Why.PERSON, alice)
    uploads.keep(europe, alice, "europe.xml", backup.opened(), "cluster")


ALIASES = {"aliases": [{"alias": "postmaster@a.example", "targets": ["it@a.example"]}]}


def propose(europe: ManagedCluster, bob: Any) -> None:
    """Bob's change waits for a second person."""
    drafts.edit(europe.replica_id, "bob", CLUSTER, "smtproutes", world.routes(a_example="192.0.2.50"))
    submit(europe, bob, Role.OPERATOR, Wish(comment="Move to the new store", approval=True), "portal")


def tell(europe: ManagedCluster) -> None:
    """A machine is down: the row, the alert and those who are told."""
    down = MachineStatus.objects.get(replica=europe.replica_id, name=NAMES[2])
    down.connection, down.since, down.reason = Connection.DOWN, timezone.now(), "Nothing answers there"
    down.save()
    fact = Fact(Kind.DOWN, down.serial, down.name, "Nothing answers there", "Look at its power")
    happened(europe.tenant, europe, fact, timezone.now() - timedelta(minutes=20))
    channel = Channel(tenant=europe.tenant, name="Night watch", way=WayName.MAIL)
    channel.enter({"recipients": "watch@acme.example"})
    channel.save()
    Subscription.everything.create(tenant=europe.tenant, channel=channel)
    Digest.everything.create(tenant=europe.tenant, channel=channel)


def find(europe: ManagedCluster, alice: Any) -> None:
    """A check that found other routes on one of the machines."""
    here = replicas.snapshot(europe.replica_id)
    address = settings_at(CLUSTER, "smtproutes")
    heads = tuple(replace(head, value=world.routes(a_example="192.0.2.99")) for head in here.entries[address])
    there = Snapshot(here.vector, {**here.entries, address: heads})
    holdings = [Holding.of(["portal", *NAMES[1:]], here), Holding.of(NAMES[:1], there)]
    digests = {"portal": "aaaa", **dict.fromkeys(NAMES, "aaaa"), NAMES[0]: "bbbb"}
    serials = {name: name for name in digests}
    rows.record(europe, alice, serials, Gathered(digests, {}, holdings))


def jobs(europe: ManagedCluster, alice: Any) -> None:
    """One that failed with a log, one that runs."""
    row: dict[str, Any] = {"tenant": europe.tenant, "cluster": europe, "started_by": alice}
    running = Job.everything.create(kind="check", **row)
    running.claim()
    running.step("Checking berlin.example", 1, 4)
    failed = Job.everything.create(kind="synchronise", **row)
    failed.claim()
    failed.step("Asking rome.example", 1, 3)
    failed.end(Job.State.FAILED, "Nothing answers there")
