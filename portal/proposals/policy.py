"""The commit policy of a cluster: approval by a second person, commit windows, machines that try first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

import pydantic
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.audit.log import Action, record
from portal.proposals.stop_rule import Canary
from portal.proposals.windows import BadWindow, Window, is_open, next_opening
from portal.tenants import ManagedCluster, Right

if TYPE_CHECKING:
    from portal.place import Place

MOST_WINDOWS = 50
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""As the audit log names them, whoever writes it."""


def check_zone(zone: str) -> None:
    """Raises ValidationError for what is no time zone."""
    if zone not in available_timezones():
        raise ValidationError(_("%(zone)s is no time zone; write one like Europe/Berlin.") % {"zone": zone})


def check_windows(rows: Any) -> None:
    """Raises ValidationError for what is no list of weekly times."""
    if not isinstance(rows, list) or len(rows) > MOST_WINDOWS:
        raise ValidationError(_("At most %(most)d windows are possible.") % {"most": MOST_WINDOWS})
    try:
        for row in rows:
            Window.from_row(row if isinstance(row, dict) else {})
    except BadWindow:
        text = _("A window has a day from 0 (Monday) to 6, and a start and an end like 22:00.")
        raise ValidationError(text) from None


def check_canary(raw: Any) -> None:
    """Raises ValidationError for what is no description of a try."""
    try:
        Canary.model_validate(raw)
    except pydantic.ValidationError as error:
        raise ValidationError(str(error)) from None


class CommitPolicy(models.Model):
    """What a cluster asks of those who commit to it here. A machine's own command line is not held by it."""

    cluster = models.OneToOneField(ManagedCluster, models.CASCADE, related_name="policy")
    approval = models.BooleanField(gettext_lazy("approval by a second person"), default=False)
    zone = models.CharField(gettext_lazy("time zone"), max_length=64, default="UTC", validators=[check_zone])
    windows = models.JSONField(
        gettext_lazy("commit windows"), default=list, blank=True, validators=[check_windows]
    )
    try_first = models.BooleanField(gettext_lazy("every change is tried first"), default=False)
    canary = models.JSONField(
        gettext_lazy("how changes are tried"), default=dict, blank=True, validators=[check_canary]
    )

    class Meta:
        verbose_name = gettext_lazy("commit policy")
        verbose_name_plural = gettext_lazy("commit policies")
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return str(self.cluster)

    @property
    def weekly(self) -> list[Window]:
        """The windows; none means that commits may take effect at any time."""
        return [Window.from_row(row) for row in self.windows]

    @property
    def defaults(self) -> Canary:
        """How a change is tried where the person says nothing else."""
        return Canary.model_validate(self.canary)

    def is_open(self, now: datetime) -> bool:
        """Whether commits may take effect at that moment."""
        return is_open(self.weekly, ZoneInfo(self.zone), now)

    def opens(self, now: datetime) -> datetime | None:
        """When the next window begins, in the cluster's time zone; None without windows."""
        found = next_opening(self.weekly, ZoneInfo(self.zone), now)
        return found and found.astimezone(ZoneInfo(self.zone))

    def holds(self, now: datetime) -> bool:
        """Whether a commit made at that moment would have to wait for anything."""
        return self.approval or self.try_first or not self.is_open(now)


def policy_of(cluster: ManagedCluster) -> CommitPolicy:
    """The policy of a cluster; one that asks for nothing where none was set."""
    return CommitPolicy.objects.filter(cluster=cluster).first() or CommitPolicy(cluster=cluster)


@transaction.atomic
def change(who: Any, place: Place, told: Mapping[str, Any]) -> CommitPolicy:
    """Set what of a policy is told, for every commit from now on, with its row in the audit log (TRL-25).

    `told` has columns of CommitPolicy. Raises PermissionDenied, ValidationError.
    """
    place.require(Right.ADMINISTER)
    cluster = place.cluster
    CommitPolicy.objects.get_or_create(cluster=cluster)
    # Locked, so that of two who change it at once each row says what it was before.
    row = CommitPolicy.objects.select_for_update().get(cluster=cluster)
    was = list(_asks(row))
    for name, value in told.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()
    record(who, Action.POLICY, cluster, cluster.tenant, policy="commits", was=was, now=list(_asks(row)))
    return row


def _asks(policy: CommitPolicy) -> Iterator[str]:
    """What it asks for, in the plain words of the audit log."""
    if policy.approval:
        yield "approval"
    if policy.try_first:
        yield "try first"
    for window in policy.windows:
        yield f"{DAYS[window['day']]} {window['start']}-{window['end']} {policy.zone}"
    for name, value in policy.canary.items():
        if value != Canary.model_fields[name].default:
            yield f"{name.replace('_', ' ')} {value}"
