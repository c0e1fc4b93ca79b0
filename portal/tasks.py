"""Celery tasks of the portal: jobs that a person started, and proposals that wait."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from portal.checks.rows import due
from portal.config_files import backups, uploads
from portal.jobs import running
from portal.jobs.rows import Job, abandon_lost, start, waiting_since
from portal.proposals import watching

LOST_AFTER = timedelta(seconds=90)


@shared_task(name="portal.tasks.run_job")
def run_job(job_id: int) -> None:
    """Run a queued job. A second courier for the same job finds it claimed and does nothing."""
    job = Job.everything.filter(pk=job_id).first()
    if job is not None and job.claim():
        running.run(job)


@shared_task(name="portal.tasks.sweep_jobs")
def sweep_jobs() -> None:
    """Send couriers again for jobs that wait, and end those whose worker is gone."""
    abandon_lost(timezone.now() - LOST_AFTER)
    for job_id in waiting_since(timezone.now() - timedelta(seconds=30)):
        run_job.apply_async((job_id,), retry=False)


@shared_task(name="portal.tasks.check_clusters")
def check_clusters() -> None:
    """Check every cluster once a day; one whose check waits or runs gets no second one."""
    busy = Job.everything.filter(kind="check", state__in=(Job.State.QUEUED, Job.State.RUNNING))
    clusters = set(busy.values_list("cluster", flat=True))
    for cluster in due(timezone.now()):
        if cluster.pk not in clusters:
            start("check", cluster, None)


@shared_task(name="portal.tasks.sweep_proposals")
def sweep_proposals() -> None:
    """Do what is due for the proposals of all clusters, and needs no message to have arrived."""
    watching.sweep(watching.open_proposals())


@shared_task(name="portal.tasks.watch_proposals")
def watch_proposals(replica_id: int) -> None:
    """Entries or machines of a cluster have changed: look at its proposals at once."""
    watching.sweep(watching.open_proposals(replica_id))


@shared_task(name="portal.tasks.back_up")
def back_up() -> None:
    """Each minute: a backup of each cluster whose last is a day old; files that nobody loaded in time go."""
    backups.keep_due()
    uploads.forget_expired()
