"""What the rules of advice need to know beside the settings, as far as the portal knows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from appliances.following.freshness import STALE_AFTER
from appliances.links.names import addresses_of
from appliances.models import Connection, MachineStatus
from clusters import drafts, risky_steps
from clusters.layout import Facts, Step
from clusters.state import ClusterState
from portal.config_files.backups import Backup
from portal.jobs.kinds import kinds
from portal.jobs.rows import Job
from portal.login.activity import EVERY
from portal.tenants import ManagedCluster, Member, Right, role_in

ASKED = 20
"""Names that one page asks for at most; the rest waits for the next one."""
PATIENCE = 1.0
REMEMBERED = 300
"""Seconds for all look-ups of a page, and for which their outcome is kept."""
AT_WORK = timedelta(seconds=2 * EVERY)
"""Whoever used the portal since then is at work: use is noted every EVERY seconds."""


def facts_of(cluster: ManagedCluster, state: ClusterState) -> Facts:
    """What the machines have said, where names lead, what is saved, and what goes on."""
    rows = MachineStatus.objects.filter(replica=cluster.replica_id).exclude(connection=Connection.REMOVED)
    fresh = timezone.now() - STALE_AFTER
    found = list(rows.only("serial", "release", "connection", "checked"))
    reached = frozenset(
        row.serial
        for row in found
        if row.connection == Connection.CONNECTED and row.checked and row.checked > fresh
    )
    backup = Backup.objects.filter(cluster=cluster).defer("text").first()
    saved = _ms(backup.same) if backup else 0
    loaded = saved if backup and backup.why == Backup.Why.LOAD else None
    running = _running(cluster)
    leads = _leads(state, reached)
    return Facts(
        {row.serial: row.release for row in found},
        reached,
        leads,
        frozenset(host for host, places in leads.items() if not places),
        {},
        (*risky_steps.of_log(cluster.replica_id, saved, loaded), *_upgrades(cluster)),
        saved,
        running.title if running else "",
        tuple(_people(cluster, running)) if running else (),
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _leads(state: ClusterState, reached: frozenset[str]) -> dict[str, frozenset[str]]:
    """Where the names of members lead that the portal does not reach; nothing is wrong with the others'."""
    if state.by_address:
        return {}
    hosts = [member.address for member in state.machines.values() if member.serial not in reached]
    keys = {f"leads.{host}": host for host in hosts}
    try:
        known = {keys[key]: places for key, places in cache.get_many(keys).items()}
        asked = [host for host in hosts if host not in known][:ASKED]
        fresh = {host: frozenset[str]() for host in asked} | addresses_of(asked, PATIENCE)
        cache.set_many({f"leads.{host}": places for host, places in fresh.items()}, REMEMBERED)
    except RedisError:
        return {}
    return {**known, **fresh}


def _upgrades(cluster: ManagedCluster) -> Iterator[Step]:
    names = [kind.name for kind in kinds().values() if kind.changes_release]
    jobs = Job.objects.of(cluster.tenant).filter(cluster=cluster, kind__in=names, begun__isnull=False)
    last = jobs.filter(ended__isnull=False).order_by("-ended").first()
    if last is not None:
        yield Step(_("%(task)s, task %(number)d") % {"task": last.title, "number": last.pk}, _ms(last.ended))


def _running(cluster: ManagedCluster) -> Job | None:
    """A task that changes who belongs to the cluster, or what its machines run."""
    names = [kind.name for kind in kinds().values() if kind.operates]
    running = Job.objects.of(cluster.tenant).filter(cluster=cluster, kind__in=names, state=Job.State.RUNNING)
    found: Job | None = running.select_related("started_by").first()
    return found


def _people(cluster: ManagedCluster, running: Job) -> Iterator[str]:
    """Who could edit in the cluster and is at work on the portal, or has changes pending."""
    pending = set(drafts.people(cluster.replica_id))
    since = timezone.now() - AT_WORK
    present = set(UserSession.objects.filter(last_seen_at__gt=since).values_list("user", flat=True))
    for member in (
        Member.objects.filter(tenant=cluster.tenant)
        .exclude(user=running.started_by_id)
        .select_related("user")
    ):
        role = role_in(member.user, cluster.tenant_id, cluster.pk)
        name = member.user.get_username()
        if role and role.may(Right.EDIT) and (member.user_id in present or name in pending):
            yield name
