"""Celery tasks of the portal: jobs that a person started."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from portal.config_files import backups, uploads
from portal.jobs import Job, abandon_lost, waiting_since
from portal.synchronising import run

LOST_AFTER = timedelta(minutes=30)


@shared_task(name="portal.tasks.run_job")
def run_job(job_id: int) -> None:
    """Run a queued job. A second courier for the same job finds it claimed and does nothing."""
    job = Job.everything.filter(pk=job_id).first()
    if job is not None and job.claim():
        run(job)


@shared_task(name="portal.tasks.sweep_jobs")
def sweep_jobs() -> None:
    """Send couriers again for jobs that wait, and end those whose worker is gone."""
    abandon_lost(timezone.now() - LOST_AFTER)
    for job_id in waiting_since(timezone.now() - timedelta(seconds=30)):
        run_job.apply_async([job_id], retry=False)


@shared_task(name="portal.tasks.back_up")
def back_up() -> None:
    """Each minute: a backup of each cluster whose last is a day old; files that nobody loaded in time go."""
    backups.keep_due()
    uploads.forget_expired()
