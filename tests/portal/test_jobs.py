"""Jobs and the page of background tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery import Celery
from django.contrib.auth.models import User
from django.utils import timezone

from appliances.following import calling
from appliances.following.calling import Said
from appliances.following.couriers import send
from appliances.following.worker import WorkerEnds
from appliances.links.errors import LinkLost
from appliances.models import TaskRun, Worker
from portal.celery import app
from portal.jobs import kinds, running
from portal.jobs.kinds import Kind
from portal.jobs.rows import (
    Job,
    JobCancelled,
    JobFailed,
    JobInterrupted,
    JobPart,
    abandon_lost,
    again,
    start,
    waiting_since,
)
from portal.tasks import run_job
from portal.tenants import ManagedCluster, Member
from tests.portal.conftest import LogIn


def failing(error: Exception) -> Callable[[Job], str]:
    """The work of a kind that ends so."""

    def work(job: Job) -> str:
        raise error

    return work


@pytest.fixture
def job(europe: ManagedCluster, alice: User) -> Job:
    return Job.everything.create(tenant=europe.tenant, cluster=europe, kind="synchronise", started_by=alice)


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


def test_resumable_job_whose_worker_is_gone_is_taken_by_another(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(kinds.kinds(), "synchronise", replace(kinds.kind_of("synchronise"), resumable=True))
    job.claim()
    abandon_lost(timezone.now() + timedelta(seconds=1))
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED
    assert "worker" in str(job.lines.get().text)


@pytest.mark.parametrize(
    ("work", "state", "message"),
    [
        (lambda job: "All well.", Job.State.DONE, "All well."),
        (failing(JobFailed("Two were away.")), Job.State.FAILED, "Two were away."),
        (failing(JobCancelled("Stopped after one.")), Job.State.CANCELLED, "Stopped after one."),
        (failing(WorkerEnds()), Job.State.FAILED, "The worker that ran it has ended. Start it again."),
    ],
)
def test_job_ends_as_its_kind_says(
    job: Job, monkeypatch: pytest.MonkeyPatch, work: Callable[[Job], str], state: str, message: str
) -> None:
    monkeypatch.setitem(kinds.kinds(), "synchronise", Kind("synchronise", "Test", work))
    run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, str(job.message)) == (state, message)


@pytest.mark.parametrize("error", [JobInterrupted(), WorkerEnds()])
def test_resumable_job_is_left_to_another_worker(
    job: Job, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    kind = Kind("synchronise", "Test", failing(error), resumable=True)
    monkeypatch.setitem(kinds.kinds(), "synchronise", kind)
    run_job(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED


def test_fault_in_a_job_ends_its_row_and_is_seen_by_the_operators(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        kinds.kinds(), "synchronise", Kind("synchronise", "Test", failing(ValueError("a slip")))
    )
    with pytest.raises(ValueError, match="a slip"):
        run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.message) == (Job.State.FAILED, "a slip")


def test_kind_of_another_release_fails_and_says_so(job: Job) -> None:
    Job.everything.filter(pk=job.pk).update(kind="from-the-future")
    run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.may_retry) == (Job.State.FAILED, False)
    assert "does not know" in str(job.message)


def test_every_kind_has_a_title_of_its_own() -> None:
    titles = [str(kind.title) for kind in kinds.kinds().values()]
    assert len(set(titles)) == len(titles)
    assert all(name == kind.name for name, kind in kinds.kinds().items())


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


def test_signs_of_life_leave_no_session_behind(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """INS-64: the thread that gives them has a session of its own, and a server has only so many."""
    closed: list[str] = []
    session = SimpleNamespace(close=lambda: closed.append(threading.current_thread().name))
    monkeypatch.setattr(running, "connection", session)
    with running._alive(job):
        assert closed == []
    assert closed == [f"job {job.pk}"]


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
    for each in app.conf.beat_schedule.values():
        TaskRun.objects.create(name=each["task"], started=now, finished=now)
    TaskRun.objects.filter(name="appliances.tasks.ping").update(started=now - timedelta(minutes=4))
    TaskRun.objects.filter(name="portal.tasks.sweep_jobs").update(error="It broke")
    html = log_in(alice).get("/jobs/").content.decode()
    assert html.count("on time</span>") == len(app.conf.beat_schedule) - 2
    for word in ("late</span>", "failed</span>"):
        assert html.count(word) == 1, word
    assert "It broke" not in html, "an error may tell of other tenants"
    alice.is_superuser = True
    alice.save()
    assert "It broke" in log_in(alice).get("/jobs/").content.decode()


def test_task_that_has_never_run_is_late_only_after_a_worker_was_there_for_it(
    alice: User, log_in: LogIn
) -> None:
    now = timezone.now()
    worker = Worker.objects.create(name="one", started=now - timedelta(seconds=100), seen=now)
    html = log_in(alice).get("/jobs/").content.decode()
    assert html.count("late</span>") == 1, "of proposals, every 15 seconds"
    worker.started = now - timedelta(days=1)
    worker.save()
    html = log_in(alice).get("/jobs/").content.decode()
    assert html.count("late</span>") == len(app.conf.beat_schedule)


def test_jobs_are_filtered_by_cluster_kind_and_state(
    job: Job, europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    other = start("queue", europe, alice, {"verb": "hold", "terms": []})
    other.claim()
    other.end(Job.State.DONE, "fine")
    client = log_in(alice)

    def shown(query: str) -> set[int]:
        html = client.get(f"/jobs/?{query}").content.decode()
        return {one.pk for one in (job, other) if f'href="/jobs/{one.pk}/"' in html}

    assert shown("") == {job.pk, other.pk}
    assert shown("kind=queue") == {other.pk}
    assert shown("state=queued") == {job.pk}
    assert shown("cluster=europe&state=done") == {other.pk}
    assert shown("cluster=elsewhere") == set()


def test_long_list_of_jobs_goes_on_on_the_next_page(
    europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    made = [start("synchronise", europe, alice) for _n in range(60)]
    Job.everything.update(state=Job.State.DONE)
    html = log_in(alice).get("/jobs/").content.decode()
    assert f'href="/jobs/{made[0].pk}/"' not in html
    assert "?page=2" in html
    assert f'href="/jobs/{made[0].pk}/"' in log_in(alice).get("/jobs/?page=2").content.decode()


def test_dead_worker_is_noticed_on_the_fleet_and_on_this_page(
    europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    now = timezone.now()
    dead = Worker.objects.create(name="w1", started=now, seen=now - timedelta(minutes=5))
    client = log_in(alice)
    for path in ("/", "/jobs/"):
        assert "No worker is alive" in client.get(path).content.decode(), path
    Worker.objects.create(name="w2", started=now, seen=now)
    assert "No worker is alive" not in client.get("/").content.decode()
    assert "w1 has fallen silent" in client.get("/jobs/").content.decode()
    dead.delete()
    assert "fallen silent" not in client.get("/jobs/").content.decode()


def test_job_that_waits_for_long_says_so(job: Job, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    assert "waited for a worker" not in client.get(f"/jobs/{job.pk}/").content.decode()
    Job.everything.update(created=timezone.now() - timedelta(minutes=5))
    assert "waited for a worker" in client.get(f"/jobs/{job.pk}/").content.decode()


def test_resumable_job_goes_on_where_it_stood(europe: ManagedCluster, alice: User, bob: User) -> None:
    job = start("queue", europe, alice, {"verb": "hold", "terms": []}, [("A", "a"), ("B", "b")])
    first = job.parts.first()
    assert first is not None
    first.now(JobPart.State.DONE, "fine")
    job.claim()
    job.end(Job.State.FAILED, "one was away")
    assert again(job, bob).pk == job.pk
    job.refresh_from_db()
    assert (job.state, job.started_by) == (Job.State.QUEUED, bob)
    assert [part.state for part in job.parts.all()] == [JobPart.State.DONE, JobPart.State.WAITING]


def test_upgrade_is_stopped_and_resumed_by_administrators_alone(
    europe: ManagedCluster, alice: User, bob: User, log_in: LogIn
) -> None:
    job = start("upgrade", europe, alice, {"release": "2.0.0"}, [("A", "a")])
    assert log_in(bob).post(f"/jobs/{job.pk}/", {"do": "cancel"}).status_code == 403
    assert "Stop after this machine" in log_in(alice).get(f"/jobs/{job.pk}/").content.decode()
    log_in(alice).post(f"/jobs/{job.pk}/", {"do": "skip", "serial": "A"})
    assert job.parts.get().state == JobPart.State.SKIPPED
    log_in(alice).post(f"/jobs/{job.pk}/", {"do": "cancel"})
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_machines_of_a_job_are_told_one_after_the_other_and_each_tells_its_end(
    europe: ManagedCluster, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`test_queues_on_machines` proves the same with real machines."""
    told: list[tuple[str, list[str], str, str]] = []

    def run(_replica: int, serial: str, words: list[str], *, user: str, role: str, patience: float) -> Said:
        told.append((serial, words, user, role))
        if serial == "B":
            raise LinkLost("gone")
        return Said(('{"matching": 3, "done": 2}',)) if serial == "A" else Said(warned=("no",), code=1)

    monkeypatch.setattr(calling, "run", run)
    ids = {"A": ["AAAAAA1", "AAAAAA2"], "B": ["BBBBBB1"], "C": ["CCCCCC1"]}
    asked = {"verb": "delete", "ids": ids}
    job = start("queue", europe, alice, asked, [("A", "a"), ("B", "b"), ("C", "c")])
    run_job(job.pk)
    job.refresh_from_db()
    assert told[0][1:] == (
        ["queue", "delete", "id=AAAAAA1,AAAAAA2", "--yes", "--json"],
        "alice",
        "administrator",
    )
    assert [(p.state, str(p.message)) for p in job.parts.all()] == [
        (JobPart.State.DONE, "2 of 3 message(s) done"),
        (JobPart.State.FAILED, "gone. It is dialled again by itself."),
        (JobPart.State.FAILED, "no"),
    ]
    assert (job.state, str(job.message)) == (Job.State.FAILED, "2 of 3 machines failed: b, c.")


def test_person_who_lost_the_role_works_on_no_machine_any_more(
    europe: ManagedCluster, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "run", lambda *_a, **_k: pytest.fail("a machine was told"))
    job = start("suspend", europe, alice, {"do": "suspend"}, [("A", "a")])
    Member.objects.filter(user=alice).delete()
    run_job(job.pk)
    assert "no role here any more" in str(job.parts.get().message)
