"""Maintenance windows: incidents are recorded, nobody is told before the end; what is open then is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appliances.models import Connection, MachineStatus
from clusters.refusals import Refused
from portal.alerts.incidents import Alert
from portal.tenants import ManagedCluster, Tenant, TenantManager


class MaintenanceWindow(models.Model):
    """When people work on a cluster, or on one machine of it, and do not want to hear of it."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, related_name="+")
    serial = models.CharField(
        _("serial number"), max_length=64, blank=True, help_text=_("Empty: the whole cluster.")
    )
    begins = models.DateTimeField(_("from"))
    ends = models.DateTimeField(_("to"))
    reason = models.CharField(_("reason"), max_length=200)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")
        ordering: ClassVar[list[str]] = ["begins", "pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["cluster", "ends"])]

    def __str__(self) -> str:
        return self.reason

    def covers(self, alert: Alert) -> bool:
        """Whether the incident is of what is worked on."""
        return alert.cluster_id == self.cluster_id and self.serial in ("", alert.serial)


class BadWindow(Refused):
    """A window that silences nothing, or not what was meant; `field` is the column that is wrong."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def require_sensible(cluster: ManagedCluster, serial: str, begins: datetime, ends: datetime) -> None:
    """See that a window to be recorded ends after its beginning and now, and names a member; BadWindow."""
    if ends <= begins:
        raise BadWindow("ends", gettext("Enter an end after the beginning."))
    if ends <= timezone.now():
        raise BadWindow("ends", gettext("Enter an end that is still to come."))
    if serial and serial not in dict(workable(cluster)):
        text = gettext("The cluster has no machine with the serial number %(serial)s.")
        raise BadWindow("serial", text % {"serial": serial})


def workable(cluster: ManagedCluster) -> list[tuple[str, str]]:
    """The machines that a window may name: serial number and name."""
    rows = MachineStatus.objects.filter(replica=cluster.replica_id).exclude(connection=Connection.REMOVED)
    return [(row.serial, row.name or row.serial) for row in rows.only("serial", "name")]


def silence(alert: Alert, now: datetime) -> datetime | None:
    """Until when nobody is to be told of the incident; None outside of maintenance."""
    if alert.cluster_id is None:
        return None
    found = MaintenanceWindow.everything.filter(cluster=alert.cluster_id, begins__lte=now, ends__gt=now)
    ends = found.filter(Q(serial="") | Q(serial=alert.serial)).aggregate(last=models.Max("ends"))["last"]
    return ends if isinstance(ends, datetime) else None


@transaction.atomic
def end(window: MaintenanceWindow, now: datetime) -> None:
    """End a window at once, or take back one that has not begun; what it held back is due now."""
    held: Any = Alert.everything.filter(cluster=window.cluster, next_notice=window.ends)
    if window.serial:
        held = held.filter(serial=window.serial)
    held.update(next_notice=now)
    if window.begins >= now:
        window.delete()
    else:
        MaintenanceWindow.everything.filter(pk=window.pk, ends__gt=now).update(ends=now)
