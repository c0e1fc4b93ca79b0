"""Celery tasks on clusters: each fetches, calls, records. The links they use live in the worker's loop."""

from __future__ import annotations

import traceback
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import task_failure, task_prerun, task_success, worker_ready, worker_shutdown
from django.db import close_old_connections
from django.db.models import F
from django.utils import timezone

from appliances.following import answering, applies, questions, samples, statuses, visiting, worker
from appliances.following.worker import WorkerEnds
from appliances.models import MachineStatus, TaskRun, Worker
from clusters import models, retention

WAIT = 45.0
FORGOTTEN = timedelta(days=1)
"""After which the row of a worker that died is of no interest."""


@shared_task(name="appliances.tasks.replicate", throws=(WorkerEnds,))
def replicate(replica_id: int) -> None:
    """Bring the links of a cluster up to its entries and give every peer what it lacks."""
    if models.Replica.objects.filter(pk=replica_id).exists():
        worker.follower().submit(worker.follower().follow(replica_id)).result(WAIT)


@shared_task(name="appliances.tasks.answer", throws=(WorkerEnds,))
def answer(numbers: list[int]) -> None:
    """Put questions of web processes to their machines."""
    answering.answer(numbers)


@shared_task(name="appliances.tasks.visit", throws=(WorkerEnds,))
def visit() -> None:
    """Ask machines that are disconnected on purpose how they stand; hear of those taken back elsewhere."""
    visiting.look_after_all()


@shared_task(name="appliances.tasks.ping", throws=(WorkerEnds,))
def ping() -> None:
    """Write down how every machine answered its last ping; the links themselves ping each minute (COM-04)."""
    worker.follower().submit(worker.follower().look()).result(WAIT)


@shared_task(name="appliances.tasks.sync_on_reconnect", throws=(WorkerEnds,))
def sync_on_reconnect(replica_id: int) -> None:
    """A machine is back: both sides exchange what they lack (SYN-03); safe when nothing is missing."""
    replicate(replica_id)


@shared_task(name="appliances.tasks.sweep", throws=(WorkerEnds,))
def sweep() -> None:
    """Compare what is wanted with what is reported; needs no message to have arrived.

    1. Rows of machines that are behind their cluster's entries are brought up to them. 2. Every cluster is
    followed. 3. Whoever lacks commits gets them. 4. What is too old is forgotten: samples,
    applies, questions, workers, parts of the logs.
    """
    behind = models.Replica.objects.exclude(name="")
    for replica in behind:
        if _rows_behind(replica):
            statuses.wanted(replica.pk)
    samples.thin(timezone.now())
    applies.forget(timezone.now())
    worker.follower().submit(worker.follower().follow_all()).result(WAIT)
    for replica in behind:
        retention.expire(replica.pk)
    questions.sweep()
    Worker.objects.filter(seen__lt=timezone.now() - FORGOTTEN).delete()


def _rows_behind(replica: models.Replica) -> bool:
    rows = MachineStatus.objects.filter(replica=replica)
    return not rows.exists() or rows.filter(wanted_revision__lt=F("replica__revision")).exists()


@worker_ready.connect
def _begin(**_kwargs: Any) -> None:
    worker.follower()


@worker_shutdown.connect
def _end(**_kwargs: Any) -> None:
    # After the last task: one that still runs would begin the links anew.
    worker.stop()


@task_prerun.connect
def _note_start(task: Any = None, **_kwargs: Any) -> None:
    close_old_connections()
    TaskRun.objects.update_or_create(name=task.name, defaults={"started": timezone.now()})


@task_success.connect
def _note_success(sender: Any = None, **_kwargs: Any) -> None:
    TaskRun.objects.filter(name=sender.name).update(finished=timezone.now(), error="")


@task_failure.connect
def _note_failure(sender: Any = None, exception: BaseException | None = None, **_kwargs: Any) -> None:
    if isinstance(exception, WorkerEnds):
        return
    text = "".join(traceback.format_exception_only(exception)).strip() if exception else ""
    TaskRun.objects.filter(name=sender.name).update(finished=timezone.now(), error=text[:2000])
