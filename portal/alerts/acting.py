"""What people do about alerts: take care of one, plan maintenance, end it (TRL-25)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.utils import timezone

from appliances.following.couriers import send
from portal.alerts import incidents, windows
from portal.alerts.incidents import Alert
from portal.alerts.windows import MaintenanceWindow
from portal.audit.log import Action, record
from portal.hints import hint, jobs_of
from portal.tenants import Right, role_in

if TYPE_CHECKING:
    from portal.place import Place


@transaction.atomic
def acknowledge(who: Any, alert: Alert, note: str) -> bool:
    """Say that the person of the request takes care of it: nobody is told again while it lasts.

    False when somebody did before, or it is over. Raises PermissionDenied.
    """
    role = role_in(who.user, alert.tenant_id, alert.cluster_id)
    if role is None or not role.may(Right.EDIT):
        raise PermissionDenied
    if not incidents.acknowledge(alert, who.user, note, timezone.now()):
        return False
    facts: dict[str, Any] = {"reason": note, "cluster": alert.cluster.slug if alert.cluster else ""}
    record(who, Action.ALERT, alert, alert.tenant, **facts)
    transaction.on_commit(lambda: hint(jobs_of(alert.tenant_id), "alerts"))
    return True


def windows_of(place: Place) -> models.QuerySet[MaintenanceWindow]:
    """The windows of a cluster that last or are to come."""
    found = MaintenanceWindow.objects.of(place.cluster.tenant).filter(cluster=place.cluster)
    return found.filter(ends__gt=timezone.now()).select_related("made_by")


@transaction.atomic
def plan_window(who: Any, place: Place, **told: Any) -> MaintenanceWindow:
    """Record when people work: nobody is told of what happens then before its end. Raises PermissionDenied.

    `told` has the columns serial, begins, ends and reason. Raises BadWindow for times that are none, and for
    a machine that the cluster does not have.
    """
    place.require(Right.EDIT)
    windows.require_sensible(place.cluster, told["serial"], told["begins"], told["ends"])
    cluster = place.cluster
    made = MaintenanceWindow.everything.create(
        tenant=cluster.tenant, cluster=cluster, made_by=place.person, **told
    )
    _noted(who, place, made, "planned")
    return made


@transaction.atomic
def end_window(who: Any, place: Place, number: int) -> bool:
    """End a window, or take back one to come; what is open then is told now. False where there is none.

    Raises PermissionDenied.
    """
    from portal.alerts import tasks  # registers with Celery, which must be configured first

    place.require(Right.EDIT)
    window = windows_of(place).filter(pk=number).first()
    if window is None:
        return False
    _noted(who, place, window, "ended")
    windows.end(window, timezone.now())
    transaction.on_commit(lambda: send(tasks.notify))
    return True


def _noted(who: Any, place: Place, window: MaintenanceWindow, change: str) -> None:
    when = f"{window.begins:%Y-%m-%d %H:%M} - {window.ends:%Y-%m-%d %H:%M} UTC"
    facts: dict[str, Any] = {"change": change, "name": window.serial, "reason": window.reason, "now": when}
    record(who, Action.MAINTENANCE, place.cluster, place.cluster.tenant, **facts)
