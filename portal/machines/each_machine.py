"""Jobs that do something on one machine after the other: each part is one, and tells its own end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from appliances.following import calling
from appliances.following.calling import Said
from appliances.following.worker import WorkerEnds
from appliances.links.errors import LinkError
from clusters.phrases import Text, joined
from clusters.phrases import phrase as _
from portal.jobs.rows import Job, JobCancelled, JobFailed, JobInterrupted, JobPart
from portal.jobs.running import pause
from portal.machines.asking import MACHINE_ROLES
from portal.phrases import words_of
from portal.tenants import role_in

Do = Callable[[JobPart], Text]

SETTLING = 120.0
"""Seconds within which a machine enforces its settings, and links come back."""
VERIFY = "verify"


def each(job: Job, do: Do) -> None:
    """Do it on every machine that is left; what fails on one does not keep it from the next.

    `do` returns what came of it and raises LinkError or JobFailed. Raises JobCancelled between two machines,
    and JobFailed at the end when some failed.
    """
    parts = list(job.parts.all())
    for number, part in enumerate(parts):
        job.progress(number, len(parts))
        if job.cancel_asked:
            raise JobCancelled
        if not part.over:
            _one(job, part, do)
    job.progress(len(parts), len(parts))
    failed = [part.name for part in parts if part.state == JobPart.State.FAILED]
    if failed:
        raise JobFailed(
            _("%(failed)d of %(count)d machines failed: %(names)s.")
            % {"failed": len(failed), "count": len(parts), "names": ", ".join(failed[:10])}
        )


def _one(job: Job, part: JobPart, do: Do) -> None:
    part.job = job
    part.now(JobPart.State.RUNNING)
    try:
        told, state = do(part), JobPart.State.DONE
    except (LinkError, JobFailed) as error:
        told, state = words_of(error), JobPart.State.FAILED
    job.say(joined(": ", part.name, told))
    part.now(state, told)


def command(part: JobPart, words: Sequence[str], *, on: str = "", patience: float = calling.PATIENCE) -> Said:
    """Run a command there, as the person who started the job and may do so still; or on another member.

    Raises LinkError, JobInterrupted when this worker ends, and JobFailed for what the machine refuses or for
    a person who has lost their role.
    """
    job = part.job
    person = job.started_by
    role = role_in(person, job.tenant_id, job.cluster_id) if person else None
    if person is None or not role or job.cluster is None:
        raise JobFailed(_("Whoever started this has no role here any more."))
    try:
        said = calling.run(
            job.cluster.replica_id,
            on or part.serial,
            list(words),
            user=person.get_username(),
            role=MACHINE_ROLES[role],
            patience=patience,
        )
    except WorkerEnds:
        raise JobInterrupted from None
    if said.trouble:
        raise JobFailed(said.trouble)
    return said


def status_of(part: JobPart, *, on: str = "") -> dict[str, Any]:
    """A machine's own status; empty while it does not answer. Raises JobFailed as `command` does."""
    try:
        found = command(part, ["status", "--json"], on=on, patience=10.0).value
    except LinkError:
        return {}
    return found if isinstance(found, dict) else {}


def verified(part: JobPart, release: str) -> None:
    """Wait until the machine says that it runs the release and that mail sees what is wanted.

    Raises JobFailed with its own reason when that takes too long.
    """
    part.now(JobPart.State.RUNNING, step=VERIFY)
    end = time.monotonic() + SETTLING
    while True:
        status = status_of(part)
        if status.get("release") == release and status.get("enforced") == status.get("wanted") != "":
            return
        if time.monotonic() > end:
            trouble = (status.get("error") or {}).get("text") or _("It does not enforce its settings.")
            raise JobFailed(trouble)
        pause(1.0)
