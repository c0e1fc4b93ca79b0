"""The job "Back to the release before" of a machine: disconnect, revert, take back if it fits."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy

from clusters import membership, replicas
from clusters.phrases import Text
from clusters.phrases import phrase as _
from portal.jobs.kinds import Kind
from portal.jobs.rows import Job, JobFailed, JobPart
from portal.jobs.running import pause
from portal.machines.each_machine import command, each, status_of, verified
from portal.phrases import words_of
from portal.tenants import Right
from portal.upgrades.reconnect_job import taken_back
from portal.upgrades.upgrade_job import LOOK, SILENCE


def run(job: Job) -> Text:
    """One machine as a rule; each in its turn."""
    each(job, _revert)
    return _("Done on %(count)d machine(s).") % {"count": job.total}


def _revert(part: JobPart) -> Text:
    before = part.step or _leave(part)
    _until(part, lambda status: status.get("release", before) != before)
    release = str(status_of(part)["release"])
    verified(part, release)
    return _back(part, release)


def _leave(part: JobPart) -> str:
    """Disconnects it and tells it to go back; the release that it leaves, which the part remembers."""
    told = command(part, ["upgrade", "check", "--json"]).value
    if told["previous"] is None:
        raise JobFailed(_("There is no release before this one on the machine."))
    _disconnect(part)
    _until(part, lambda status: status.get("disconnected") or _alone(part))
    command(part, ["revert", "--yes"])
    part.now(JobPart.State.RUNNING, step=str(told["release"]))
    return part.step


def _until(part: JobPart, fact: Any) -> None:
    end = time.monotonic() + SILENCE
    while not fact(status_of(part)):
        if time.monotonic() > end:
            raise JobFailed(_("It has not answered for %(n)d seconds.") % {"n": SILENCE})
        pause(LOOK)


def _alone(part: JobPart) -> bool:
    assert part.job.cluster is not None
    return len(replicas.state(part.job.cluster.replica_id).machines) < 2


def _disconnect(part: JobPart) -> None:
    job = part.job
    assert job.cluster is not None
    if not _alone(part):
        by = {"user": job.by, "host": settings.GATEFOLD_PORTAL_NAME}
        membership.set_disconnected(job.cluster.replica_id, [part.serial], True, **by)


def _back(part: JobPart, release: str) -> Text:
    """Reconnected where the connected members run the same release (UPG-08)."""
    try:
        taken_back(part)
    except JobFailed as error:
        return _("runs %(release)s again. %(why)s") % {"release": release, "why": words_of(error)}
    return _("runs %(release)s again and is taken back") % {"release": release}


KIND = Kind(
    "revert",
    gettext_lazy("Back to the release before"),
    run,
    resumable=True,
    right=Right.ADMINISTER,
    operates=True,
    changes_release=True,
)
