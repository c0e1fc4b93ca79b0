"""The job "Check": ask every machine what it holds, compare, and keep what differs (SYN-10)."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_lazy

from appliances.following import worker
from appliances.following.calling import reached
from appliances.links.errors import Fault, ProtocolError, Unreachable
from appliances.links.peer import Wire
from appliances.machine.comparing import Asking, gather
from clusters import replicas
from clusters.phrases import Text, joined, ngettext
from clusters.phrases import phrase as _
from clusters.replication import Snapshot
from clusters.versions import MalformedCommit
from portal.checks import rows
from portal.jobs.kinds import Kind
from portal.jobs.rows import Job
from portal.phrases import words_of

PATIENCE = 30.0
HERE = ""
"""Stands for a serial number: the portal's own copy."""


class Late(Unreachable):
    """A member that was asked and has not answered."""

    def __init__(self) -> None:
        super().__init__(f"no answer in {PATIENCE:g} seconds")
        said = _("no answer in %(n)d seconds") % {"n": PATIENCE}
        self.args = (joined(". ", said, _(self.remedy)),)


class OverLinks:
    """Asks members over the worker's links; satisfies `comparing.Asking`."""

    def __init__(self, replica_id: int, user: str) -> None:
        self._replica_id, self._user = replica_id, user

    def digest_of(self, serial: str) -> str:
        """The digest of what a member, or the portal itself, holds; raises LinkError."""
        if serial == HERE:
            return replicas.entries_digest(self._replica_id)
        return str(self._asked(serial, "digest").get("digest", ""))

    def entries_of(self, serial: str) -> Snapshot:
        """All that a member, or the portal itself, holds; raises LinkError."""
        if serial == HERE:
            return replicas.snapshot(self._replica_id)
        try:
            return Snapshot.from_wire(self._asked(serial, "entries").get("snapshot"))
        except (ValueError, MalformedCommit) as error:
            raise ProtocolError(Fault.INVALID_MESSAGE, str(error)) from None

    def _asked(self, serial: str, what: str) -> Wire:
        asked = worker.follower().submit(_ask(self._replica_id, serial, {"check": what}, self._user))
        try:
            return asked.result(PATIENCE)
        except TimeoutError:
            asked.cancel()
            raise Late from None


async def _ask(replica_id: int, serial: str, request: Wire, user: str) -> Wire:
    found = await worker.follower().follow(replica_id)
    async with reached(found, serial) as link:
        pieces = [piece async for piece in link.run(request, user)]
    return pieces[0] if pieces else {}


def run(job: Job, asking: Asking | None = None) -> Text:
    """Compare all machines of the job's cluster and the portal's own copy."""
    assert job.cluster is not None
    replica_id = job.cluster.replica_id
    user = job.started_by.get_username() if job.started_by else settings.GATEFOLD_PORTAL_NAME
    machines = {m.name or m.serial: m.serial for m in replicas.state(replica_id).machines.values()}
    serials = {settings.GATEFOLD_PORTAL_NAME: HERE, **machines}
    done = iter(range(len(serials)))

    def step(name: str) -> None:
        job.step(_("Checking %(name)s") % {"name": name}, next(done), len(serials))

    found = gather(serials, asking or OverLinks(replica_id, user), step)
    for name, error in found.unreached.items():
        job.say(_("Not checked: %(name)s: %(reason)s") % {"name": name, "reason": words_of(error)})
    made = rows.record(job.cluster, job.started_by, serials, found)
    job.progress(len(serials), len(serials))
    return _result(made)


def _result(made: rows.Check) -> Text:
    count = made.findings.count()
    text = ngettext("%(n)d entry differs.", "%(n)d entries differ.", count) % {"n": count}
    away = len(made.unreached)
    lost = ngettext("%(n)d machine was not checked.", "%(n)d machines were not checked.", away) % {"n": away}
    if count:
        return joined(" ", text, lost if away else "")
    if not away:
        return _("No inconsistencies found.")
    # What could not be checked is never called consistent (TRL-11).
    if len(made.holders) - away < 2:
        return joined(" ", _("Nothing was compared."), lost)
    return joined(" ", _("No inconsistencies among those that were checked."), lost)


KIND = Kind("check", gettext_lazy("Check consistency"), run)
