"""The job "Synchronise": exchange with every machine of a cluster what either side lacks."""

from __future__ import annotations

import asyncio

from django.utils.translation import gettext_lazy

from appliances.following import worker
from appliances.links.errors import LinkError
from clusters import replicas
from clusters.phrases import Text, joined
from clusters.phrases import phrase as _
from clusters.state import Machine
from portal.jobs.kinds import Kind
from portal.jobs.rows import Job, JobFailed
from portal.phrases import words_of

PATIENCE = 30.0


def run(job: Job) -> Text:
    """Ask one machine after the other; raises JobFailed when some were not reached."""
    assert job.cluster is not None
    replica_id = job.cluster.replica_id
    machines = list(replicas.state(replica_id).machines.values())
    failed = 0
    for number, machine in enumerate(machines):
        job.step(_("Asking %(name)s") % {"name": machine.name}, number, len(machines))
        trouble = _with(replica_id, machine)
        failed += bool(trouble)
        job.say(joined(": ", machine.name, trouble or _("up to date")))
    job.progress(len(machines), len(machines))
    if failed:
        raise JobFailed(_("%(n)d machine(s) could not be reached.") % {"n": failed})
    return _("All are up to date.")


def _with(replica_id: int, machine: Machine) -> Text:
    """What is wrong with this one; empty when both sides have all."""
    if machine.disconnected:
        return ""
    try:
        worker.follower().submit(_exchange(replica_id, machine.serial)).result(PATIENCE + 5)
    except LinkError as error:
        return words_of(error)
    except TimeoutError:
        return _("no answer in %(n)d seconds") % {"n": PATIENCE}
    return ""


async def _exchange(replica_id: int, serial: str) -> None:
    found = await worker.follower().follow(replica_id)
    async with asyncio.timeout(PATIENCE):
        link = await found.table.reach(serial)
        link.advanced()
        await link.settled()


KIND = Kind("synchronise", gettext_lazy("Synchronise with every machine"), run)
