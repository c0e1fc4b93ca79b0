"""Celery tasks of the portal: jobs that a person started."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from celery import shared_task
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import checks, comparing, synchronising
from portal.jobs import Job, JobCancelled, abandon_lost, waiting_since
from portal.live.hints import hint, jobs_of

LOST_AFTER = timedelta(minutes=30)

WORK: dict[str, Callable[[Job], tuple[str, str]]] = {
    Job.Kind.SYNCHRONISE: synchronising.run,
    Job.Kind.CHECK: comparing.run,
}
"""What each kind of job does; returns the state in which it ends and its result."""


@shared_task(name="portal.tasks.run_job")
def run_job(job_id: int) -> None:
    """Run a queued job. A second courier for the same job finds it claimed and does nothing."""
    job = Job.everything.filter(pk=job_id).first()
    if job is not None and job.claim():
        _run(job)


def _run(job: Job) -> None:
    """Do the job and close its row, whatever happens."""
    try:
        state, message = WORK[job.kind](job)
    except JobCancelled:
        job.end(Job.State.CANCELLED, _("Cancelled by a person."))
    except Exception as error:
        job.end(Job.State.FAILED, str(error)[:2000])
        raise
    else:
        job.end(state, message)
    finally:
        hint(jobs_of(job.tenant_id), "jobs")


@shared_task(name="portal.tasks.sweep_jobs")
def sweep_jobs() -> None:
    """Send couriers again for jobs that wait, and end those whose worker is gone."""
    abandon_lost(timezone.now() - LOST_AFTER)
    for job_id in waiting_since(timezone.now() - timedelta(seconds=30)):
        run_job.apply_async([job_id], retry=False)


@shared_task(name="portal.tasks.check_clusters")
def check_clusters() -> None:
    """Check every cluster once a day; one whose check waits or runs gets no second one."""
    busy = Job.everything.filter(
        kind=Job.Kind.CHECK, state__in=(Job.State.QUEUED, Job.State.RUNNING)
    ).values_list("cluster", flat=True)
    for cluster in checks.due(timezone.now()):
        if cluster.pk not in busy:
            job = Job.everything.create(tenant=cluster.tenant, cluster=cluster, kind=Job.Kind.CHECK)
            run_job.apply_async([job.pk], retry=False)
