"""The job "Suspend or resume": whether chosen machines take mail in and deliver it.

`asked`: {"do": one of WORDS}.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from clusters.phrases import Text
from clusters.phrases import phrase as _
from portal.jobs.kinds import Kind
from portal.jobs.rows import Job, JobPart
from portal.machines.each_machine import command, each

WORDS = {
    "suspend": ["suspend"],
    "suspend-listeners": ["suspendlistener", "all"],
    "suspend-deliveries": ["suspenddel"],
    "resume": ["resume"],
}
"""What a machine is told."""


def run(job: Job) -> Text:
    """Tell each machine; the status of each shows what holds then."""

    def tell(part: JobPart) -> str:
        return command(part, WORDS[str(job.asked["do"])]).text

    each(job, tell)
    return _("Done on %(count)d machine(s).") % {"count": job.total}


KIND = Kind("suspend", gettext_lazy("Suspend or resume mail"), run, resumable=True)
