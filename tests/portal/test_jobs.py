"""Jobs and the page of background tasks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import Celery
from django.contrib.auth.models import User
from django.utils import timezone

from appliances.following.couriers import send
from appliances.models import TaskRun, Worker
from portal.jobs import Job, JobCancelled, abandon_lost, waiting_since
from portal.tasks import run_job
from portal.tenants import ManagedCluster
from tests.portal.conftest import LogIn


@pytest.fixture
def job(europe: ManagedCluster, alice: User) -> Job:
    return Job.everything.create(
        tenant=europe.tenant, cluster=europe, kind=Job.Kind.SYNCHRONISE, started_by=alice
    )


def test_job_is_claimed_once_whatever_couriers_bring(job: Job) -> None:
    twin = Job.everything.get(pk=job.pk)
    assert job.claim()
    assert not twin.claim()
    assert job.state == Job.State.RUNNING


def test_step_notes_progress_and_stops_when_a_person_cancels(job: Job) -> None:
    job.claim()
    job.step("first", 1, 3)
    assert Job.everything.get(pk=job.pk).cancel()
    with pytest.raises(JobCancelled):
        job.step("second", 2, 3)
    assert [line.text for line in job.lines.all()] == ["first", "second"]
    assert (job.done, job.total) == (2, 3)


def test_queued_job_is_cancelled_at_once_and_never_runs(job: Job) -> None:
    assert job.cancel()
    run_job(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert not job.lines.exists()


def test_job_that_is_over_cannot_be_cancelled(job: Job) -> None:
    job.claim()
    job.end(Job.State.DONE, "fine")
    assert not job.cancel()
    assert job.over


def test_job_whose_worker_is_gone_fails_and_may_start_again(job: Job) -> None:
    job.claim()
    assert abandon_lost(timezone.now() - timedelta(minutes=1)) == 0
    assert abandon_lost(timezone.now() + timedelta(seconds=1)) == 1
    job.refresh_from_db()
    assert (job.state, job.may_retry) == (Job.State.FAILED, True)


def test_job_without_its_courier_is_found_by_the_sweep(job: Job) -> None:
    assert waiting_since(timezone.now() - timedelta(seconds=1)) == []
    assert waiting_since(timezone.now() + timedelta(seconds=1)) == [job.pk]


def test_courier_for_a_job_that_is_gone_does_nothing(db: None) -> None:
    run_job(987654)


def test_broker_that_is_away_costs_no_commit_and_little_time() -> None:
    class Away:
        name = "a task"

        def apply_async(self, *_args: object, **_kwargs: object) -> None:
            raise ConnectionError("nobody there")

    assert not send(Away())


def test_program_that_is_ending_sends_no_courier_and_fails_nothing() -> None:
    with Celery("ending", broker="memory://", set_as_current=False) as app:

        @app.task(name="one")
        def task() -> None:
            return

        assert send(task)
        app.pool.force_close_all()
        app.amqp.producer_pool.force_close_all()
        assert not send(task)


def test_button_starts_a_job_and_leads_to_it(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    answer = client.post("/europe/synchronise/")
    (made,) = Job.everything.all()
    assert answer.headers["Location"] == f"/jobs/{made.pk}/"
    assert (made.cluster, made.started_by, made.state) == (europe, alice, Job.State.QUEUED)
    assert "Waiting for a worker" in client.get(f"/jobs/{made.pk}/").content.decode()


def test_cancel_and_retry_by_their_buttons(job: Job, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    client.post(f"/jobs/{job.pk}/", {"do": "cancel"})
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    answer = client.post(f"/jobs/{job.pk}/", {"do": "retry"})
    assert answer.headers["Location"] != f"/jobs/{job.pk}/"
    assert Job.everything.count() == 2


def test_page_tells_living_workers_from_silent_ones(alice: User, log_in: LogIn) -> None:
    now = timezone.now()
    assert "No worker has reported" in log_in(alice).get("/jobs/").content.decode()
    Worker.objects.create(name="alive", started=now, seen=now, links=3)
    Worker.objects.create(name="dead", started=now, seen=now - timedelta(minutes=5))
    html = log_in(alice).get("/jobs/").content.decode()
    assert html.count("alive</span>") == 1
    assert html.count("silent</span>") == 1


def test_page_tells_which_tasks_are_late_or_failed(alice: User, log_in: LogIn) -> None:
    now = timezone.now()
    TaskRun.objects.create(name="appliances.tasks.sweep", started=now, finished=now)
    TaskRun.objects.create(name="appliances.tasks.ping", started=now - timedelta(minutes=4))
    TaskRun.objects.create(name="portal.tasks.sweep_jobs", started=now, error="It broke")
    html = log_in(alice).get("/jobs/").content.decode()
    for word in ("on time</span>", "late</span>", "failed</span>"):
        assert html.count(word) == 1, word
    assert "It broke" not in html, "an error may tell of other tenants"
    alice.is_superuser = True
    alice.save()
    assert "It broke" in log_in(alice).get("/jobs/").content.decode()
