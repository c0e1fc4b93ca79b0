"""What an upgrade has left disconnected: a member takes it back, or the page offers to (UPG-08)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from appliances.following import calling
from appliances.following.calling import Said
from appliances.following.questions import Question
from appliances.links.errors import LinkLost
from appliances.models import Connection, MachineStatus
from clusters import membership
from portal.jobs.rows import Job, JobPart, start
from portal.tasks import run_job
from portal.tenants import ManagedCluster
from portal.upgrades import reconnect_job, upgrade_job
from tests.portal import world
from tests.portal.conftest import Call, LogIn

OLD, NEW = "0.1.0", "2.0.0"


@dataclass
class Fleet:
    """Machines by host name. A guided run fails: once it `leaves`, at the restart; `after` it runs that."""

    serials: dict[str, str]
    after: str = OLD
    leaves: bool = True
    running: dict[str, str] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def run(
        self, _replica: int, serial: str, words: list[str], *, user: str, role: str, patience: float
    ) -> Said:
        name = self.serials[serial]
        if name in self.silent:
            raise LinkLost("gone")
        self.asked.append((name, " ".join(words)))
        release = self.running.get(name, OLD)
        match words:
            case ["status", *_]:
                return self.says(release=release, disconnected=name in self.away)
            case ["upgrade", "status", *_]:
                download = {"release": NEW, "size": 1, "received": 1}
                told = {"release": NEW, "step": "restart", "failed": "it does not come up."}
                run = told if name in self.failed else None
                return self.says(release=release, download=download, run=run)
            case ["upgrade", "guided", *_]:
                self.failed.add(name)
                self.away |= {name} if self.leaves else set()
                self.running[name] = self.after
            case ["clusterconfig", "reconnect", other]:
                self.away.discard(other)
        return Said()

    def says(self, **told: Any) -> Said:
        return Said((json.dumps(told),))


@pytest.fixture
def fleet(europe: ManagedCluster, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    world.report(europe)
    found = Fleet(dict(MachineStatus.objects.values_list("serial", "name")))
    monkeypatch.setattr(calling, "run", found.run)
    monkeypatch.setattr(upgrade_job, "LOOK", 0)
    monkeypatch.setattr(reconnect_job, "SETTLING", 0)
    return found


def serial(name: str) -> str:
    return MachineStatus.objects.get(name=f"{name}.example").serial


def done(kind: str, cluster: ManagedCluster, person: User, asked: dict[str, str] | None = None) -> Job:
    """Such a job on rome, at its end."""
    job = start(kind, cluster, person, asked, [(serial("rome"), "rome.example")])
    run_job(job.pk)
    job.refresh_from_db()
    return job


def upgraded(cluster: ManagedCluster, person: User) -> Job:
    return done("upgrade", cluster, person, {"release": NEW})


def test_machine_that_went_back_is_taken_back_by_a_member(
    fleet: Fleet, europe: ManagedCluster, alice: User
) -> None:
    """UPG-02, UPG-08: nothing is left half done, whatever release the portal runs."""
    fleet.away.add("berlin.example")
    job = upgraded(europe, alice)
    assert job.state == Job.State.FAILED
    assert "it does not come up. paris.example has taken it back into the cluster." in str(job.message)
    assert fleet.away == {"berlin.example"}
    assert ("paris.example", "clusterconfig reconnect rome.example") in fleet.asked


def test_machine_that_nobody_can_take_back_is_said_to_stay_disconnected(
    fleet: Fleet, europe: ManagedCluster, alice: User
) -> None:
    """UPG-08: it runs the new release, the others do not."""
    fleet.after = NEW
    job = upgraded(europe, alice)
    assert f"It stays disconnected: no connected member runs its release, {NEW}" in str(job.message)
    assert "reconnect it on the page Upgrades" in str(job.message)
    assert not any("reconnect" in words for _name, words in fleet.asked)


def test_machine_that_failed_before_it_left_is_not_reconnected(
    fleet: Fleet, europe: ManagedCluster, alice: User
) -> None:
    fleet.leaves = False
    assert str(upgraded(europe, alice).message) == "rome.example: it does not come up."
    assert not any("reconnect" in words for _name, words in fleet.asked)


def test_job_reconnects_or_says_why_not(fleet: Fleet, europe: ManagedCluster, alice: User) -> None:
    assert "connected already" in str(done("reconnect", europe, alice).parts.get().message)
    fleet.away.add("rome.example")
    assert "has taken it back" in str(done("reconnect", europe, alice).parts.get().message)
    fleet.silent.add("rome.example")
    job = done("reconnect", europe, alice)
    assert (job.state, job.parts.get().state) == (Job.State.FAILED, JobPart.State.FAILED)
    assert "may be disconnected still" in str(job.parts.get().message)


def leave(cluster: ManagedCluster, name: str) -> None:
    membership.set_disconnected(cluster.replica_id, [serial(name)], True, user="alice", host="portal")
    MachineStatus.objects.filter(name=f"{name}.example").update(connection=Connection.DISCONNECTED)


def test_page_offers_to_reconnect_what_runs_the_release_of_the_others(
    fleet: Fleet, europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    """One click on the page of upgrades, and on that of the job that has failed."""
    client = log_in(alice)
    button = f'form="reconnect" name="serial" value="{serial("rome")}"'
    assert button not in client.get("/europe/upgrades/").content.decode()
    leave(europe, "rome")
    html = client.get("/europe/upgrades/").content.decode()
    assert button in html
    assert "hears of no changes until it is reconnected" in html
    MachineStatus.objects.filter(name="rome.example").update(release=NEW)
    assert button not in client.get("/europe/upgrades/").content.decode(), "it would be refused"

    job = start("upgrade", europe, alice, {"release": NEW}, [(serial("rome"), "rome.example")])
    page, remedy = f"/jobs/{job.pk}/", 'name="do" value="reconnect"'
    assert remedy not in client.get(page).content.decode()
    job.parts.get().now(JobPart.State.FAILED, "it does not come up")
    job.end(Job.State.FAILED, "it does not come up")
    assert remedy in client.get(page).content.decode()

    answer = client.post("/europe/upgrades/", {"do": "reconnect", "serial": serial("rome")})

    made = Job.everything.get(kind="reconnect")
    assert answer.headers["Location"] == f"/jobs/{made.pk}/"
    assert [part.name for part in made.parts.all()] == ["rome.example"]
    client.post("/europe/upgrades/", {"do": "reconnect", "serial": serial("rome")})
    assert Job.everything.filter(kind="reconnect").count() == 1, "one works on it"


def test_portal_of_another_release_has_it_from_the_machine(
    fleet: Fleet, europe: ManagedCluster, alice: User, log_in: LogIn, calls: Call
) -> None:
    MachineStatus.objects.update(connection=Connection.UNKNOWN)
    client = log_in(alice)
    client.get("/europe/upgrades/")
    told = json.dumps({"release": OLD, "previous": None, "disconnected": True})
    asked = Question.objects.filter(serial=serial("rome"))
    asked.update(answered=timezone.now(), code=0, said=told)
    assert (
        f'form="reconnect" name="serial" value="{serial("rome")}"'
        in client.get("/europe/upgrades/").content.decode()
    )
    api = calls(alice).get("/api/v1/clusters/europe/upgrades/machines/").json()
    assert {m["name"]: m["disconnected"] for m in api["results"]}["rome.example"] is True


def test_operators_reconnect_nobody(fleet: Fleet, europe: ManagedCluster, bob: User, log_in: LogIn) -> None:
    leave(europe, "rome")
    client = log_in(bob)
    assert 'name="serial"' not in client.get("/europe/upgrades/").content.decode()
    answer = client.post("/europe/upgrades/", {"do": "reconnect", "serial": serial("rome")})
    assert answer.status_code == 403
    assert not Job.everything.exists()
