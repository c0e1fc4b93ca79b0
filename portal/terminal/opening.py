"""Who may open a terminal on which machine, and what is written down about it: who and when, never what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from appliances.following.ways import for_logins
from clusters import replicas
from clusters.phrases import Text
from clusters.phrases import phrase as _
from portal.audit.log import Action, AuditRow, Outcome, record
from portal.hints import hint, jobs_of
from portal.jobs.rows import Job
from portal.tenants import ManagedCluster, Person, Right, account_of, role_in

MOST_WRONG = 5
WITHIN = timedelta(minutes=5)
"""Wrong passphrases that one person may try, over all terminals, machines and processes of the portal.

A machine sees all persons at one address, the portal's: whoever guesses must not use up the share of the
others there.
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a member is, with the host key that the cluster's entries pin."""

    cluster_id: int
    serial: str
    name: str
    address: str
    port: int
    host_key: str


def machine_for(person: Person, slug: str, serial: str) -> Machine | None:
    """The member, for who may edit in its cluster; None for strangers as for what is not there."""
    cluster = ManagedCluster.objects.seen_by(person).select_related("replica").filter(slug=slug).first()
    role = cluster and role_in(person, cluster.tenant_id, cluster.pk)
    if cluster is None or not role or not role.may(Right.EDIT):
        return None
    state = replicas.state_of(cluster.replica)
    if serial not in state.machines:
        return None
    found = for_logins(state, state.machines[serial])
    return Machine(cluster.pk, serial, found.name, found.address, found.port, found.host_key)


def still_may(person: Person, slug: str, serial: str, session_key: str) -> bool:
    """Whether the person's session lives, the login is active, and the right is still there."""
    engine: Any = import_module(settings.SESSION_ENGINE)
    if session_key and not engine.SessionStore().exists(session_key):
        return False
    fresh = get_user_model().objects.filter(pk=person.pk or 0, is_active=True).first()
    return fresh is not None and machine_for(fresh, slug, serial) is not None


@transaction.atomic
def opened(person: Person, machine: Machine, user: str) -> int:
    """Write down that a terminal was opened; the number of its job."""
    cluster = ManagedCluster.everything.get(pk=machine.cluster_id)
    job = Job.everything.create(
        tenant_id=cluster.tenant_id, cluster=cluster, kind="terminal", started_by=account_of(person)
    )
    job.claim()
    told = {"user": user, "name": machine.name}
    job.say(_("Opened as %(user)s on %(name)s") % told)
    # It ends here: what goes on in it is no work of a worker, and must not be taken for a lost one.
    job.end(Job.State.DONE, _("Terminal of %(name)s as %(user)s") % told)
    facts: dict[str, Any] = {"change": "started", "cluster": cluster.slug, "name": f"{user}@{machine.name}"}
    record(person, Action.JOB, job, cluster.tenant, **facts)
    hint(jobs_of(cluster.tenant_id), "jobs")
    return int(job.pk)


def closed(number: int, why: Text, seconds: float) -> None:
    """Write down that it was closed."""
    job = Job.everything.filter(pk=number).first()
    if job is not None:
        job.say(_("Closed after %(seconds)d s: %(why)s") % {"seconds": seconds, "why": why})
        hint(jobs_of(job.tenant_id), "jobs")


def wrong(person: Person, machine: Machine, user: str) -> None:
    """Write down that a passphrase was not accepted there (TRU-05)."""
    cluster = ManagedCluster.everything.select_related("tenant").get(pk=machine.cluster_id)
    facts: dict[str, Any] = {
        "change": "passphrase",
        "cluster": cluster.slug,
        "name": f"{user}@{machine.name}",
    }
    record(person, Action.TERMINAL, cluster, cluster.tenant, outcome=Outcome.REFUSED, **facts)


def is_guessing(person: Person) -> bool:
    """Whether the person has tried too many wrong passphrases of late, in whichever windows (TRU-05)."""
    tried = AuditRow.objects.filter(
        actor=person.get_username(), action=Action.TERMINAL, outcome=Outcome.REFUSED,
        at__gt=timezone.now() - WITHIN,
    )  # fmt: skip
    return tried.count() >= MOST_WRONG
