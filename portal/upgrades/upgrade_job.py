"""The job "Upgrade machines": a run-book over the machines of a cluster, in their order (UPG-01, UPG-02).

1. Every machine downloads the release, while mail and cluster go on; what fails here has changed nothing.
2. Each machine in its turn goes through its own guided run: disconnect, drain, restart, resume, reconnect. It
goes on by itself whatever becomes of this job, which only watches, and finds it again after a restart. One
that fails and runs what the connected members run is taken back; else it is said that it stays disconnected.
3. What each reports in the end is verified. The last machine takes all back; the portal hears it and waits
for the links. `asked`: {"release": number}.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy, gettext_noop

from appliances.following import visiting
from appliances.links.errors import LinkError
from appliances.machine.release import release as own_release
from appliances.models import Connection, MachineStatus
from clusters import membership
from clusters.phrases import Text, joined
from clusters.phrases import phrase as _
from portal.jobs.kinds import Kind
from portal.jobs.rows import Job, JobCancelled, JobFailed, JobPart
from portal.jobs.running import pause
from portal.machines.each_machine import SETTLING, VERIFY, command, verified
from portal.phrases import words_of
from portal.tenants import Right
from portal.upgrades.reconnect_job import taken_back

LOOK = 1.5
"""Seconds between two looks at a machine."""
SILENCE = 300.0
"""Seconds without an answer after which a machine counts as lost."""
DOWNLOAD = "download"
STEPS = (
    gettext_noop("download"),
    gettext_noop("install"),
    gettext_noop("disconnect"),
    gettext_noop("drain"),
    gettext_noop("restart"),
    gettext_noop("resume"),
    gettext_noop("reconnect"),
    gettext_noop("verify"),
)
"""The steps as people read them; the machine names them so (`appliances.machine.upgrading.Step`)."""


def run(job: Job) -> Text:
    """Work the book off from wherever it stands; stops at the first machine that fails."""
    release = str(job.asked["release"])
    parts = list(job.parts.all())
    for part in parts:
        part.job = job
    _download(job, parts, release)
    for number, part in enumerate(parts):
        job.progress(number, len(parts))
        part.refresh_from_db(fields=["state"])
        if part.over:
            continue
        if job.cancel_asked:
            raise JobCancelled(_("Stopped before %(name)s; resume goes on with it.") % {"name": part.name})
        _guide(part, release)
    job.progress(len(parts), len(parts))
    return _reconnected(job, release)


def _download(job: Job, parts: list[JobPart], release: str) -> None:
    waiting = [part for part in parts if not part.over and part.state != JobPart.State.RUNNING]
    for part in waiting:
        _attempt(part, lambda part=part: _begin_download(part, release))
    while left := [part for part in waiting if part.step == DOWNLOAD]:
        for part in left:
            _attempt(part, lambda part=part: _look_at_download(part, release))
        job.progress(job.done, job.total)
        if job.cancel_asked:
            raise JobCancelled(_("Stopped before any machine was touched."))
        pause(LOOK)


def _attempt(part: JobPart, work: Any) -> None:
    """Do it; what fails closes the part and, before anything was touched, the whole job."""
    try:
        work()
    except (LinkError, JobFailed) as error:
        why = words_of(error)
        told = joined(": ", part.name, why)
        part.job.say(told)
        part.now(JobPart.State.FAILED, why)
        raise JobFailed(told) from None


def _begin_download(part: JobPart, release: str) -> None:
    told = command(part, ["upgrade", "status", "--json"]).value
    if told["release"] == release:
        part.now(JobPart.State.WAITING, step=VERIFY)
        return
    download = told.get("download") or {}
    if download.get("release") != release or download.get("failed"):
        command(part, ["upgrade", "download", release])
        part.job.say(_("%(name)s downloads release %(release)s") % {"name": part.name, "release": release})
    part.now(JobPart.State.WAITING, step=DOWNLOAD)


def _look_at_download(part: JobPart, release: str) -> None:
    download = command(part, ["upgrade", "status", "--json"]).value.get("download") or {}
    if download.get("failed"):
        raise JobFailed(str(download["failed"]))
    if download.get("release") != release:
        _begin_download(part, release)
        return
    if download["received"] >= download["size"]:
        part.job.say(_("%(name)s has the release; its checksum is right") % {"name": part.name})
        part.now(JobPart.State.WAITING, step="")
        return
    part.percent = 100 * download["received"] // max(1, download["size"])
    part.save()


def _guide(part: JobPart, release: str) -> None:
    _attempt(part, lambda: _follow_or_return(part, release))
    part.job.say(_("%(name)s runs release %(release)s") % {"name": part.name, "release": release})


def _follow_or_return(part: JobPart, release: str) -> None:
    try:
        _follow(part, release)
    except (LinkError, JobFailed) as error:
        raise JobFailed(joined(" ", words_of(error), _returned(part))) from None


def _returned(part: JobPart) -> Text:
    """Whether a machine whose run has failed is a part of the cluster again, and what to do if not."""
    try:
        return taken_back(part)
    except JobFailed as error:
        return _("%(why)s Once that is mended, reconnect it on the page Upgrades.") % {"why": words_of(error)}


def _follow(part: JobPart, release: str) -> None:
    """Begin the guided run, or find the one that is under way, and watch it to its end."""
    taken_up = part.state == JobPart.State.RUNNING
    part.now(JobPart.State.RUNNING, step=part.step if taken_up else "")
    told = _told(part) if taken_up else command(part, ["upgrade", "status", "--json"]).value
    if not _under_way(told, release, taken_up) and (told is None or told["release"] != release):
        command(part, ["upgrade", "guided", release, "--yes"])
        part.job.say(_("%(name)s begins its guided run") % {"name": part.name})
    note = _watch(part, release)
    verified(part, release)
    part.now(JobPart.State.DONE, note, step="")


def _under_way(told: dict[str, Any] | None, release: str, taken_up: bool) -> bool:
    if told is None:
        return taken_up
    found = told.get("run") or {}
    over = found.get("step") == "done" or bool(found.get("failed"))
    return found.get("release") == release and (taken_up or not over)


def _told(part: JobPart) -> dict[str, Any] | None:
    """What the machine says of its guided run; None while it does not answer, as when it restarts."""
    try:
        found = command(part, ["upgrade", "status", "--json"], patience=10.0).value
    except LinkError:
        return None
    return found if isinstance(found, dict) else None


def _watch(part: JobPart, release: str) -> str:
    """Up to the end of the guided run; its note. Raises JobFailed with the machine's own reason."""
    heard = time.monotonic()
    while True:
        told = _told(part)
        if told is not None:
            heard = time.monotonic()
            found = told.get("run") or {}
            if found.get("failed"):
                raise JobFailed(str(found["failed"]))
            if found.get("step") == "done" or (not found and told["release"] == release):
                return str(found.get("note", ""))
            _show(part, str(found.get("step", "")))
        elif time.monotonic() - heard > SILENCE:
            raise JobFailed(_("It has not answered for %(n)d seconds.") % {"n": SILENCE})
        pause(LOOK)


def _show(part: JobPart, step: str) -> None:
    if step and step != part.step:
        part.job.say(joined(": ", part.name, _(step)))
        part.now(JobPart.State.RUNNING, step=step)


def _reconnected(job: Job, release: str) -> Text:
    """Wait until the portal is connected with all again, where that can be; say what still stands apart."""
    assert job.cluster is not None
    rows = MachineStatus.objects.filter(replica=job.cluster.replica_id).exclude(connection=Connection.REMOVED)
    others = list(rows.exclude(serial__in=job.parts.filter(state=JobPart.State.DONE).values("serial")))
    behind = [row.name for row in others if row.release != release]
    if behind:
        text = _("Upgraded machines stay disconnected until these have release %(release)s too: %(names)s.")
        return text % {"release": release, "names": ", ".join(behind)}
    if release != own_release():
        text = _("All run %(release)s. This portal runs %(own)s: it follows them again with their release.")
        return text % {"release": release, "own": own_release()}
    end = time.monotonic() + SETTLING
    while missing := list(rows.exclude(connection=Connection.CONNECTED).values_list("name", flat=True)):
        if time.monotonic() > end:
            text = _("All run %(release)s, but these are not connected again: %(names)s.")
            raise JobFailed(text % {"release": release, "names": ", ".join(missing)})
        visiting.look_after_one(job.cluster.replica_id)
        _take_back(job, release)
        pause(LOOK)
    # What machines said while they stood apart is over.
    job.parts.filter(state=JobPart.State.DONE).update(message="")
    return _("All run %(release)s and are connected again.") % {"release": release}


def _take_back(job: Job, release: str) -> None:
    """Reconnect machines that wait for it themselves; all run the same release now (UPG-08)."""
    assert job.cluster is not None
    replica_id = job.cluster.replica_id
    rows = MachineStatus.objects.filter(replica=replica_id, release=release)
    waiting = [row.serial for row in rows if row.report.get("disconnected")]
    if waiting:
        by = {"user": job.by, "host": settings.GATEFOLD_PORTAL_NAME}
        membership.set_disconnected(replica_id, waiting, False, **by)


KIND = Kind(
    "upgrade",
    gettext_lazy("Upgrade machines"),
    run,
    resumable=True,
    right=Right.ADMINISTER,
    operates=True,
    changes_release=True,
)
