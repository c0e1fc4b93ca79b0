"""Incidents as rows: one per outage, closed when it heals, acknowledged by a person (SYN-01, SYN-15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.alerts.kinds import WHY, Kind, Meaning, Severity, meaning
from portal.alerts.pacing import FLAPS, REOPEN, flap_gap
from portal.tenants import ManagedCluster, Tenant, TenantManager

LONGEST = 2000
NOTED_EVERY = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is wrong now. `kind` and `subject` tell one outage from another.

    `reason` is in the words of who noticed it, `details` go into those of the portal (`kinds.WHY`); without
    `remedy` the vocabulary's holds.
    """

    kind: Kind
    subject: str = ""
    name: str = ""
    reason: str = ""
    remedy: str = ""
    severity: Severity | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weight(self) -> Severity:
        """Its own severity, or that of its kind."""
        return self.severity or meaning(self.kind).severity


class Alert(models.Model):
    """One incident. Without a cluster it is the portal's own. `next_notice`: when people are to be told."""

    class Told(models.TextChoices):
        NOTHING = "", _("nothing")
        OPEN = "open", _("that it is so")
        CLOSED = "closed", _("that it is over")

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, null=True, blank=True, related_name="+")
    key = models.CharField(_("outage"), max_length=200, editable=False)
    kind = models.CharField(_("kind"), max_length=24, choices=Kind.choices)
    severity = models.PositiveSmallIntegerField(_("severity"), choices=Severity.choices)
    serial = models.CharField(_("about"), max_length=100, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    remedy = models.TextField(_("remedy"), blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True, editable=False)
    opened = models.DateTimeField(_("opened"))
    seen = models.DateTimeField(_("last seen"))
    count = models.PositiveIntegerField(_("times"), default=1)
    closed = models.DateTimeField(_("closed"), null=True, blank=True)
    acknowledged = models.DateTimeField(_("acknowledged"), null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.TextField(_("note"), blank=True)
    told = models.CharField(max_length=8, choices=Told.choices, default="", blank=True, editable=False)
    notices = models.PositiveIntegerField(_("notices"), default=0, editable=False)
    reminders = models.PositiveIntegerField(default=0, editable=False)
    last_notice = models.DateTimeField(_("last notice"), null=True, blank=True, editable=False)
    next_notice = models.DateTimeField(_("next notice"), null=True, blank=True, editable=False)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering: ClassVar[list[str]] = ["-opened", "-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "key"],
                condition=models.Q(closed__isnull=True),
                name="one_open_alert_per_outage",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "closed"]),
            models.Index(fields=["next_notice"]),
        ]

    def __str__(self) -> str:
        about = self.name or self.serial
        return f"{about}: {self.get_kind_display()}" if about else str(self.get_kind_display())

    @property
    def lasts(self) -> bool:
        """Whether it is so now."""
        return self.closed is None

    @property
    def meaning(self) -> Meaning:
        """What the vocabulary says of its kind."""
        return meaning(self.kind)

    @property
    def why(self) -> str:
        """The reason, in the reader's language where the portal found it out itself."""
        return str(WHY[Kind(self.kind)]) % self.details if self.details else self.reason

    @property
    def what_to_do(self) -> str:
        """The remedy, in the reader's language."""
        return gettext(self.remedy) if self.remedy else str(self.meaning.remedy)

    @property
    def duration(self) -> timedelta:
        """How long it has lasted, or did."""
        return (self.closed or timezone.now()) - self.opened


def key_of(cluster: ManagedCluster | None, fact: Fact) -> str:
    """What two facts of the same outage have in common."""
    return f"{cluster.pk if cluster else 'portal'}/{fact.kind}/{fact.subject}"[:200]


def happened(tenant: Tenant, cluster: ManagedCluster | None, fact: Fact, now: datetime) -> Alert | None:
    """Open an incident, or the one again that closed a moment ago; None when one is open.

    Safe to call twice and from many processes: the database holds one open incident per outage.
    """
    key = key_of(cluster, fact)
    try:
        with transaction.atomic():
            return _again(tenant, key, fact, now) or _new(tenant, cluster, key, fact, now)
    except IntegrityError:
        return None


def _again(tenant: Tenant, key: str, fact: Fact, now: datetime) -> Alert | None:
    found = (
        Alert.everything.filter(tenant=tenant, key=key, closed__gt=now - REOPEN).order_by("-closed").first()
    )
    if found is None:
        return None
    told = found.told != Alert.Told.NOTHING
    due = _after_last(found, now) if told else max(now, found.opened + meaning(fact.kind).settle)
    reopened = Alert.everything.filter(pk=found.pk, closed=found.closed).update(
        closed=None,
        seen=now,
        count=models.F("count") + 1,
        next_notice=due,
        # Who took care of the last outage knows nothing of this one (TRL-33).
        acknowledged=None,
        acknowledged_by=None,
        note="",
        **_words(fact),
    )
    found.refresh_from_db()
    return found if reopened else None


def _new(tenant: Tenant, cluster: ManagedCluster | None, key: str, fact: Fact, now: datetime) -> Alert:
    due = now + meaning(fact.kind).settle
    row = {"kind": fact.kind, "serial": fact.subject[:100], "opened": now, "seen": now, "next_notice": due}
    return Alert.everything.create(tenant=tenant, cluster=cluster, key=key, **row, **_words(fact))


def _words(fact: Fact) -> dict[str, Any]:
    return {
        "name": fact.name[:255],
        "reason": fact.reason[:LONGEST],
        "remedy": fact.remedy[:LONGEST],
        "severity": fact.weight,
        "details": dict(fact.details),
    }


def still_so(alert: Alert, fact: Fact, now: datetime) -> None:
    """Note that an open incident goes on; writes only when there is something to write."""
    words = _words(fact)
    if now - alert.seen > NOTED_EVERY or any(getattr(alert, name) != value for name, value in words.items()):
        Alert.everything.filter(pk=alert.pk, closed=None).update(seen=now, **words)


def heal(alert: Alert, now: datetime, *, silently: bool = False) -> bool:
    """Close an incident; False when it was closed. Those who were told of it hear that it is over.

    `silently`: it turned out to be part of a greater one, of which people are told.
    """
    if silently:
        due = None
    elif alert.told == Alert.Told.OPEN:
        due = _after_last(alert, now)
    else:
        flaps = alert.told == Alert.Told.CLOSED or alert.count >= FLAPS
        due = alert.next_notice if flaps else None
    return bool(Alert.everything.filter(pk=alert.pk, closed=None).update(closed=now, next_notice=due))


def _after_last(alert: Alert, now: datetime) -> datetime:
    return max(now, alert.last_notice + flap_gap(alert.notices)) if alert.last_notice else now


def acknowledge(alert: Alert, person: Any, note: str, now: datetime) -> bool:
    """Somebody takes care of it: it is told no more; False when somebody did before, or it is over."""
    free = Alert.everything.filter(pk=alert.pk, closed=None, acknowledged=None)
    return bool(free.update(acknowledged=now, acknowledged_by=person, note=note[:LONGEST], next_notice=None))
