"""Jobs and background work over the API."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from appliances.models import TaskRun, Worker
from portal.jobs.rows import Job, JobPart, start
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import Call


def test_job_is_seen_with_machines_and_log_cancelled_and_resumed(
    europe: ManagedCluster, alice: User, charlie: User, calls: Call
) -> None:
    job = start(
        "queue", europe, alice, {"verb": "hold", "terms": []}, [("A", "a.example"), ("B", "b.example")]
    )
    job.say("a line")
    client, at = calls(alice), f"/api/v1/jobs/{job.pk}/"
    told = client.get(at).json()
    assert [part["name"] for part in told["parts"]] == ["a.example", "b.example"]
    assert told["lines"][0]["text"] == "a line"
    assert client.post(f"{at}again/").status_code == 409, "it waits still"
    assert client.delete(at).json()["state"] == "cancelled"
    assert client.post(f"{at}skip/", {"machine": "A"}, format="json").status_code == 200
    assert client.post(f"{at}skip/", {"machine": "A"}, format="json").status_code == 409
    assert client.post(f"{at}again/").json()["state"] == "queued"
    assert job.parts.filter(state=JobPart.State.SKIPPED).count() == 1
    for address in (at, f"{at}again/", f"{at}skip/"):
        assert calls(charlie).post(address, {"machine": "A"}, format="json").status_code in (404, 405)
        assert calls(charlie).get(address).status_code in (404, 405)


def test_reader_sees_jobs_and_acts_on_none(
    europe: ManagedCluster, acme: Tenant, alice: User, bob: User, calls: Call
) -> None:
    job = start("upgrade", europe, alice, {"release": "2.0.0"}, [("A", "a.example")])
    rita = world.person("rita", "Rita Reader", readonly=acme)
    for person in (rita, bob):
        assert calls(person).get(f"/api/v1/jobs/{job.pk}/").status_code == 200
        assert calls(person).delete(f"/api/v1/jobs/{job.pk}/").status_code == 403
        assert calls(person).post(f"/api/v1/jobs/{job.pk}/again/").status_code == 403
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED


def test_jobs_are_filtered(europe: ManagedCluster, alice: User, calls: Call) -> None:
    start("synchronise", europe, alice)
    start("suspend", europe, alice, {"do": "resume"})
    client = calls(alice)
    assert client.get("/api/v1/jobs/?kind=suspend").json()["count"] == 1
    assert client.get("/api/v1/jobs/?cluster=europe&state=queued").json()["count"] == 2
    assert client.get("/api/v1/jobs/?state=done").json()["count"] == 0


def test_background_work_tells_workers_schedule_and_what_waits(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    client = calls(alice)
    assert not client.get("/api/v1/background/").json()["alive"]
    now = timezone.now()
    Worker.objects.create(name="w1", started=now - timedelta(hours=1), seen=now)
    TaskRun.objects.create(name="appliances.tasks.sweep", started=now, finished=now)
    job = start("synchronise", europe, alice)
    told = client.get("/api/v1/background/").json()
    assert told["alive"]
    assert told["oldest"].startswith(f"{job.created:%Y-%m-%dT%H:%M}")
    states = {task["name"]: task["state"] for task in told["schedule"]}
    assert (states["sweep"], states["ping"]) == ("on time", "late")
