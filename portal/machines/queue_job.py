"""The job "Work on queues": one verb on chosen messages of chosen machines.

`asked`: {"verb": ..., "ids": {serial: [queue ids]}} or {"verb": ..., "terms": [words]}.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from clusters.phrases import Text
from clusters.phrases import phrase as _
from portal.jobs.kinds import Kind
from portal.jobs.rows import Job, JobPart
from portal.machines.each_machine import command, each


def run(job: Job) -> Text:
    """Do it on each machine; the result counts what was really done."""
    done = {"done": 0, "matching": 0}

    def act(part: JobPart) -> Text:
        words = ["queue", str(job.asked["verb"]), *_selection(job, part), "--yes", "--json"]
        told = command(part, words).value
        counts = {name: int(told.get(name, 0)) for name in done} if isinstance(told, dict) else done
        for name, count in counts.items():
            done[name] += count
        return _("%(done)d of %(matching)d message(s) done") % counts

    each(job, act)
    return _("%(done)d of %(matching)d message(s) done") % done


def _selection(job: Job, part: JobPart) -> list[str]:
    ids = job.asked.get("ids")
    if ids is not None:
        return [f"id={','.join(ids.get(part.serial, ()))}"]
    return list(job.asked["terms"]) or ["all"]


KIND = Kind("queue", gettext_lazy("Work on queues"), run, resumable=True)
