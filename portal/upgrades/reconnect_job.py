"""The job "Reconnect": a connected member takes a machine back that was left disconnected (UPG-02, UPG-08).

The member asks the machine for its release. So it is done too when this portal runs another one than they.
"""

from __future__ import annotations

import time

from django.utils.translation import gettext_lazy

from appliances.links.errors import LinkError
from clusters import replicas
from clusters.phrases import Text
from clusters.phrases import phrase as _
from portal.jobs.kinds import Kind
from portal.jobs.rows import Job, JobFailed, JobPart
from portal.jobs.running import pause
from portal.machines.each_machine import SETTLING, command, each, status_of
from portal.phrases import words_of
from portal.tenants import Right

LOOK = 1.0
"""Seconds between two looks at a machine."""


def run(job: Job) -> Text:
    """One machine as a rule; each in its turn."""
    each(job, _reconnect)
    return _("Done on %(count)d machine(s).") % {"count": job.total}


def _reconnect(part: JobPart) -> Text:
    return taken_back(part) or _("It is connected already.")


def taken_back(part: JobPart) -> Text:
    """Which member has taken it back, in a sentence; empty where it is not disconnected.

    Raises JobFailed with the reason where nobody can.
    """
    status = status_of(part)
    if not status:
        raise JobFailed(_("It does not answer, and may be disconnected still."))
    if not status.get("disconnected"):
        return ""
    serial, name = _taker(part, str(status["release"]))
    try:
        command(part, ["clusterconfig", "reconnect", part.name], on=serial)
    except (LinkError, JobFailed) as error:
        raise JobFailed(_("It stays disconnected: %(why)s") % {"why": words_of(error)}) from None
    _until_connected(part)
    return _("%(name)s has taken it back into the cluster.") % {"name": name}


def _taker(part: JobPart, release: str) -> tuple[str, str]:
    """A member that is not disconnected itself and runs that release."""
    assert part.job.cluster is not None
    for member in replicas.state(part.job.cluster.replica_id).machines.values():
        if member.serial != part.serial:
            status = status_of(part, on=member.serial)
            if status.get("release") == release and not status.get("disconnected"):
                return member.serial, member.name
    text = _("It stays disconnected: no connected member runs its release, %(release)s.")
    raise JobFailed(text % {"release": release})


def _until_connected(part: JobPart) -> None:
    """Until the machine itself has heard of it."""
    end = time.monotonic() + SETTLING
    while status_of(part).get("disconnected") is not False:
        if time.monotonic() > end:
            raise JobFailed(_("It has not heard yet that it was taken back."))
        pause(LOOK)


KIND = Kind("reconnect", gettext_lazy("Reconnect"), run, resumable=True, right=Right.ADMINISTER)
