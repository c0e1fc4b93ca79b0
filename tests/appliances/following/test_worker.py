"""What a worker writes of a cluster with many machines: in few queries, and one bad report harms no other."""

from __future__ import annotations

import asyncio

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from appliances.following import statuses, worker
from appliances.following.holder import PortalHolder
from appliances.following.statuses import Reached
from appliances.machine.status import MachineStatus as Report
from appliances.machine.status import now
from appliances.models import Connection, MachineStatus
from clusters import replicas
from clusters.models import Replica
from clusters.modes import CLUSTER
from clusters.versions import THE_CLUSTER, Address, Change, Kind, settings_at

MANY = 60
pytestmark = pytest.mark.django_db


@pytest.fixture
def replica() -> Replica:
    made = Replica.objects.create(origin="PORTAL")
    for number in range(MANY):
        MachineStatus.objects.create(replica=made, serial=f"M{number}")
    return made


def all_are(state: Connection, reason: str = "") -> dict[str, Reached]:
    return {f"M{number}": Reached(state, reason) for number in range(MANY)}


def test_queries_of_a_look_do_not_grow_with_the_machines(replica: Replica) -> None:
    statuses.connections(replica.pk, all_are(Connection.CONNECTED))
    one_lost = all_are(Connection.CONNECTED) | {"M7": Reached(Connection.SUSPECT, "Nothing answers")}
    with CaptureQueriesContext(connection) as found:
        assert statuses.connections(replica.pk, one_lost)
    assert len(found) <= 5
    assert MachineStatus.objects.filter(connection=Connection.CONNECTED, reason="").count() == MANY - 1
    lost = MachineStatus.objects.get(serial="M7")
    assert (lost.connection, lost.reason) == (Connection.SUSPECT, "Nothing answers")


def test_other_words_are_kept_and_are_no_news(replica: Replica) -> None:
    statuses.connections(replica.pk, all_are(Connection.DOWN, "Nothing answers"))
    since = MachineStatus.objects.get(serial="M1").since
    assert not statuses.connections(replica.pk, all_are(Connection.DOWN, "It answers in another way"))
    row = MachineStatus.objects.get(serial="M1")
    assert (row.reason, row.since) == ("It answers in another way", since)
    assert row.checked > since


def test_look_leaves_those_out_on_purpose_as_they_are(replica: Replica) -> None:
    MachineStatus.objects.filter(serial="M1").update(connection=Connection.DISCONNECTED)
    statuses.connections(replica.pk, all_are(Connection.CONNECTED))
    assert MachineStatus.objects.get(serial="M1").connection == Connection.DISCONNECTED


def test_report_that_cannot_be_kept_harms_no_other(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep = statuses.samples.take

    def take(replica_id: int, before: Report | None, said: Report, *rest: object) -> None:
        if said.serial == "M1":
            raise DatabaseError("a number too large")
        keep(replica_id, before, said, *rest)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(statuses.samples, "take", take)
    said = [(s, Report(serial=s, enforced="abc", as_of=now()).to_wire()) for s in ("M0", "M1", "M2")]
    assert worker._heard(replica.pk, said)
    enforced = MachineStatus.objects.exclude(enforced="").order_by("serial")
    assert [row.serial for row in enforced] == ["M0", "M2"]
    assert "could not keep the status of M1" in caplog.text


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """For which vectors the log was read."""
    found: list[dict[str, int]] = []

    def missing(replica_id: int, vector: dict[str, int], limit: int) -> list[object]:
        found.append(dict(vector))
        return []

    monkeypatch.setattr(replicas, "missing", missing)
    return found


def test_what_many_links_ask_at_once_is_read_once(replica: Replica, asked: list[dict[str, int]]) -> None:
    async def ask() -> None:
        holder = PortalHolder(replica.pk, lambda serial, status: None)
        await asyncio.gather(*(holder.commits_after({"A": 1 + n % 2}, 9) for n in range(100)))
        await holder.commits_after({"A": 1}, 9)

    asyncio.run(ask())
    assert sorted(vector["A"] for vector in asked) == [1, 1, 2]


def test_new_settings_change_what_is_wanted_of_each_machine_and_nothing_that_it_said() -> None:
    row = replicas.new_replica("PORTAL")
    members = [Change(Address(Kind.MACHINE, f"M{n}"), {"name": f"gw{n}", "group": "g"}) for n in range(MANY)]
    home = Change(Address(Kind.GROUP, "g"), {"name": "Main_Group", "initial": True})
    replicas.commit(
        row.pk, [Change(THE_CLUSTER, {"name": "Many"}), home, *members], user="alice", host="portal"
    )
    statuses.wanted(row.pk)
    before = {r.serial: r.wanted for r in MachineStatus.objects.filter(replica=row)}
    MachineStatus.objects.filter(serial="M7").update(enforced="abc", connection=Connection.CONNECTED)
    routes = {"routes": [{"domain": "a.example", "hosts": [{"host": "192.0.2.1", "port": 25}]}]}
    change = Change(settings_at(CLUSTER, "smtproutes"), routes)
    replicas.commit(row.pk, [change], user="alice", host="portal")
    statuses.wanted(row.pk)
    after = {r.serial: r for r in MachineStatus.objects.filter(replica=row)}
    assert before.keys() == after.keys()
    assert all(after[serial].wanted not in ("", wanted) for serial, wanted in before.items())
    assert (after["M7"].enforced, after["M7"].connection) == ("abc", Connection.CONNECTED)
