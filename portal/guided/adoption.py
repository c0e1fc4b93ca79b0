"""Adopting a cluster for a tenant: from an address and a passphrase to a followed cluster."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone

from appliances.following import adopting, statuses
from appliances.following.adopting import FollowedAlready
from appliances.following.couriers import send
from appliances.links.client import HostKey, Passphrase
from appliances.links.errors import LinkError
from clusters.models import Replica
from clusters.phrases import phrase as _
from clusters.refusals import Refused
from portal.audit.log import Action, Outcome, record
from portal.hints import hint, jobs_of
from portal.jobs.rows import Job
from portal.phrases import words_of
from portal.tenants import ManagedCluster, Person, Tenant, account_of, free_slug


class TakenByOthers(Refused):
    """Another tenant of this portal has the cluster."""


def adopt(
    tenant: Tenant, person: Person | None, address: str, port: int, passphrase: Passphrase, host_key: HostKey
) -> ManagedCluster:
    """Follow the cluster of the member at that address, for the tenant.

    Blocks while it talks to the member. Raises LinkError, TakenByOthers, and what the member's refusal says;
    the job of it tells the story without the passphrase.
    """
    job = Job.everything.create(tenant=tenant, kind="adopt", started_by=account_of(person), total=3)
    job.claim()
    try:
        return _adopt(job, person, address, port, passphrase, host_key)
    except (LinkError, Refused) as error:
        job.end(Job.State.FAILED, words_of(error))
        record(person, Action.ADOPTION, f"{address} {port}", tenant, outcome=Outcome.FAILED)
        raise
    finally:
        hint(jobs_of(tenant.pk), "jobs")


def _adopt(
    job: Job, person: Person | None, address: str, port: int, passphrase: Passphrase, host_key: HostKey
) -> ManagedCluster:
    job.step(_("Asking %(address)s port %(port)d") % {"address": address, "port": port}, 0, 3)
    enrolment = async_to_sync(adopting.ask)(address, port, passphrase, host_key)
    job.step(_("%(host)s has let this portal in") % {"host": enrolment.member.host}, 1, 3)
    with transaction.atomic():
        try:
            replica = adopting.take(enrolment)
        except FollowedAlready as error:
            replica = Replica.objects.get(pk=error.replica_id)
        cluster = manage(replica, job.tenant)
        record(person, Action.ADOPTION, cluster, job.tenant, address=address, port=port)
    job.step(_("The cluster %(name)s is here with all its settings") % {"name": replica.name}, 2, 3)
    begin(replica.pk)
    Job.everything.filter(pk=job.pk).update(cluster=cluster, done=3)
    job.end(Job.State.DONE, _("Following %(name)s") % {"name": replica.name})
    return cluster


def manage(replica: Replica, tenant: Tenant) -> ManagedCluster:
    """The tenant's managed cluster of a replica; raises TakenByOthers."""
    known = ManagedCluster.everything.filter(replica=replica).first()
    if known is None:
        return ManagedCluster.everything.create(
            tenant=tenant, replica=replica, slug=free_slug(replica.name, tenant), adopted=timezone.now()
        )
    if known.tenant_id != tenant.pk:
        raise TakenByOthers(_("This cluster is in other hands here. Ask those who run the portal."))
    return known


def begin(replica_id: int) -> None:
    """Make the rows of the machines and let a worker open the links."""
    from appliances import tasks  # registers with Celery, which must be configured first

    statuses.wanted(replica_id)
    send(tasks.replicate, replica_id)
