"""Compares what is wrong with the open incidents: opens, goes on, closes. The same facts change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from appliances.following.couriers import send
from appliances.models import Worker
from portal.alerts import cutoff, facts
from portal.alerts.incidents import Alert, Fact, happened, heal, key_of, still_so
from portal.alerts.kinds import Kind
from portal.hints import hint, jobs_of
from portal.tenants import ManagedCluster, Tenant

JUST_NOW = timedelta(minutes=5)


def cut_off(tenant_id: int) -> bool:
    """Whether the portal is known to have lost its network; one small query."""
    return Alert.everything.filter(tenant=tenant_id, kind=Kind.CUT_OFF, closed=None).exists()


def look_at_cluster(replica_id: int, now: datetime | None = None) -> bool:
    """Bring the incidents of a replica's cluster up to its rows; returns whether one opened or closed."""
    cluster = ManagedCluster.everything.filter(replica=replica_id).select_related("tenant", "replica").first()
    if cluster is None:
        return False
    now = now or timezone.now()
    if cut_off(cluster.tenant_id) != (cutoff.since(now) is not None):
        look_at_everything(now)
        return True
    return _look(cluster, now)


def _look(cluster: ManagedCluster, now: datetime) -> bool:
    changed = _compare(cluster, now, cut_off(cluster.tenant_id))
    if changed:
        _tell(cluster.tenant)
    return changed


def _compare(cluster: ManagedCluster, now: datetime, lost: bool) -> bool:
    found = facts.of_cluster(cluster.replica, now, cut_off=lost)
    unheard = facts.unjudged(cluster.replica, now)
    lasting = list(Alert.everything.filter(cluster=cluster, closed=None))
    stays = {a.key for a in lasting if a.kind in facts.WATCHED and (lost or a.serial in unheard)}
    absorbed = {a.key for a in lasting if lost and _absorbed(a, now)}
    changed = _settle(cluster.tenant, cluster, found, lasting, now, stays | absorbed)
    return sum(heal(a, now, silently=True) for a in lasting if a.key in absorbed) > 0 or changed


def _absorbed(alert: Alert, now: datetime) -> bool:
    """A machine that was thought to be down a moment before the portal knew that it was cut off itself."""
    return alert.kind in (Kind.DOWN, Kind.SUSPECT) and now - alert.opened < JUST_NOW


def look_at_portal(now: datetime | None = None) -> bool:
    """Bring the incidents that are the portal's own up to date, for every tenant."""
    now = now or timezone.now()
    found = list(facts.of_portal(now))
    if cutoff.since(now) is not None:
        found.append(Fact(Kind.CUT_OFF))
    changed = False
    for tenant in Tenant.objects.all():
        lasting = list(Alert.everything.filter(tenant=tenant, cluster=None, closed=None))
        if _settle(tenant, None, found, lasting, now, set()):
            changed = True
            _tell(tenant)
    return changed


def look_at_everything(now: datetime | None = None) -> None:
    """What the sweep does each minute: needs no signal to have arrived."""
    now = now or timezone.now()
    look_at_portal(now)
    for cluster in ManagedCluster.everything.select_related("tenant", "replica"):
        _look(cluster, now)
    Worker.objects.filter(seen__lt=now - facts.FORGOTTEN_AFTER).delete()


def _settle(
    tenant: Tenant,
    cluster: ManagedCluster | None,
    found: Iterable[Fact],
    lasting: list[Alert],
    now: datetime,
    stays: set[str],
) -> bool:
    open_keys = {alert.key: alert for alert in lasting}
    changed = False
    present = set()
    for fact in found:
        key = key_of(cluster, fact)
        present.add(key)
        if key in open_keys:
            still_so(open_keys[key], fact, now)
        else:
            changed = happened(tenant, cluster, fact, now) is not None or changed
    gone = [alert for key, alert in open_keys.items() if key not in present and key not in stays]
    return sum(heal(alert, now) for alert in gone) > 0 or changed


def _tell(tenant: Tenant) -> None:
    """Browsers look again, and a courier sees who is to be told."""
    from portal.alerts import tasks  # registers with Celery, which must be configured first

    hint(jobs_of(tenant.pk), "alerts")
    send(tasks.notify)
