"""Whoever writes status rows takes them in one order: on a real PostgreSQL, which ends one of two else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from pytest_django.plugin import DjangoDbBlocker

from appliances.following import statuses, worker
from appliances.following.statuses import Reached
from appliances.machine.status import MachineStatus as Report
from appliances.machine.status import now
from appliances.models import Connection, MachineStatus
from clusters import replicas
from clusters.models import Replica
from clusters.versions import THE_CLUSTER, Address, Change, Kind
from tests.postgresql import Server, in_its_place

MANY = 25
ROUNDS = 8


@pytest.fixture(scope="module", autouse=True)
def on_postgresql(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The tables of the portal in a server of this module's own."""
    with Server() as server, django_db_blocker.unblock(), in_its_place(server.url):
        call_command("migrate", verbosity=0)
        yield


@pytest.fixture
def replica() -> Replica:
    """A cluster of many machines."""
    row = replicas.new_replica("PORTAL")
    numbers = random.sample(range(MANY), MANY)
    members = [
        Change(Address(Kind.MACHINE, f"M{n}"), {"name": f"gw{n}", "group": "g", "address": f"10.0.0.{n}"})
        for n in numbers
    ]
    home = Change(Address(Kind.GROUP, "g"), {"name": "Main_Group", "initial": True})
    changes = [Change(THE_CLUSTER, {"name": "Many"}), home, *members]
    replicas.commit(row.pk, changes, user="alice", host="portal")
    assert MachineStatus.objects.filter(replica=row).count() == MANY
    return row


def reports(replica: Replica, turn: int) -> None:
    """All machines report at once, in the order in which the network brings it."""
    told = [
        (f"M{n}", Report(serial=f"M{n}", enforced=f"{turn}", as_of=now()).to_wire())
        for n in random.sample(range(MANY), MANY)
    ]
    worker._heard(replica.pk, told)


def looks(replica: Replica, turn: int) -> None:
    """Links come and go."""
    states = (Connection.CONNECTED, Connection.SUSPECT, Connection.DOWN)
    found = {f"M{n}": Reached(random.choice(states), f"at turn {turn}") for n in range(MANY)}
    statuses.connections(replica.pk, found)


def commits(replica: Replica, turn: int) -> None:
    """The entries move on, and what is wanted of each machine is written anew."""
    Replica.objects.filter(pk=replica.pk).update(revision=F("revision") + 1)
    statuses.wanted(replica.pk)


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_writers_of_status_rows_never_wait_for_one_another(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """INS-60: reports, looks at links and commits write the same rows at once, and all of it is kept."""

    def often(work: Callable[[Replica, int], None]) -> None:
        try:
            for turn in range(ROUNDS):
                work(replica, turn)
        finally:
            connection.close()  # and with it goes its count of deadlocks to the server's

    work = (reports, looks, commits)
    with ThreadPoolExecutor(2 * len(work)) as threads:
        for done in [threads.submit(often, each) for each in (*work, *work)]:
            done.result()
    assert deadlocks() == 0
    assert "could not keep the status" not in caplog.text
    assert {row.enforced for row in MachineStatus.objects.filter(replica=replica)} == {f"{ROUNDS - 1}"}


def test_report_and_commit_do_not_wait_for_each_other_at_the_end(replica: Replica) -> None:
    """INS-60: a report names its replica in new rows, and no commit that is written meanwhile holds it up."""
    with ThreadPoolExecutor(1) as threads:

        def report() -> None:
            reports(replica, 0)
            connection.close()

        with replicas.opened(replica.pk):
            threads.submit(report).result(20)
    assert not MachineStatus.objects.filter(replica=replica, enforced="").exists()
