"""Runs jobs in a worker: the kind does the work, the row shows signs of life and is closed in any case."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.signals import worker_shutting_down
from django.db import close_old_connections, connection
from django.utils import timezone

from appliances.following.worker import WorkerEnds
from clusters.phrases import Text
from clusters.phrases import phrase as _
from portal.jobs.rows import Job, JobCancelled, JobFailed, JobInterrupted
from portal.phrases import words_of

HEARTBEAT = 10.0

_stopping = threading.Event()


@worker_shutting_down.connect
def _stop(**_kwargs: Any) -> None:
    _stopping.set()


def run(job: Job) -> None:
    """Do a claimed job and close its row; a resumable one that is interrupted is queued again."""
    with _alive(job):
        try:
            text = _work(job)
        except (JobInterrupted, WorkerEnds):
            _leave(job)
        except JobCancelled as cancelled:
            job.end(Job.State.CANCELLED, words_of(cancelled) or _("Cancelled by a person."))
        except JobFailed as failed:
            job.end(Job.State.FAILED, words_of(failed))
        except Exception as error:
            job.end(Job.State.FAILED, words_of(error))
            raise
        else:
            job.end(Job.State.DONE, text)


def _leave(job: Job) -> None:
    """This worker ends: another one takes what can be resumed."""
    if job.does.resumable:
        job.requeue()
    else:
        job.end(Job.State.FAILED, _("The worker that ran it has ended. Start it again."))


def _work(job: Job) -> Text:
    if job.does.run is None:
        raise JobFailed(_("This release does not know such jobs."))
    return job.does.run(job)


def pause(seconds: float) -> None:
    """Wait a moment within a resumable job; raises JobInterrupted when the worker ends."""
    if _stopping.wait(seconds):
        raise JobInterrupted


@contextmanager
def _alive(job: Job) -> Iterator[None]:
    """Signs of life of a job for as long as this process has it."""
    over = threading.Event()

    def beat() -> None:
        try:
            while not over.wait(HEARTBEAT):
                close_old_connections()
                Job.everything.filter(pk=job.pk).update(seen=timezone.now())
        finally:
            connection.close()  # nobody else has this thread's, and a server has only so many

    thread = threading.Thread(target=beat, name=f"job {job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
