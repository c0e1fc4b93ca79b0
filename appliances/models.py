"""What the portal knows of machines: what they said last, when, and how it reaches them.

Rows are what was heard; `appliances.following.statuses` writes them and says what is still fresh.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from appliances.following.applies import Applied
from appliances.following.forks import Fork
from appliances.following.questions import Question
from appliances.following.samples import MachineSample
from clusters.models import Replica

__all__ = [
    "Applied",
    "Connection",
    "Fork",
    "LinkStatus",
    "MachineSample",
    "MachineStatus",
    "Question",
    "TaskRun",
    "Worker",
]


class Connection(models.TextChoices):
    """The states of a machine that a person sees (design, section 6)."""

    CONNECTED = "connected", _("connected")
    SUSPECT = "suspect", _("suspect")
    DOWN = "down", _("down")
    DISCONNECTED = "disconnected", _("disconnected")
    REMOVED = "removed", _("removed")
    UNKNOWN = "unknown", _("unknown")


class MachineStatus(models.Model):
    """One machine of one cluster. `wanted` follows the log here, `enforced` is what the machine reported."""

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="machine_statuses")
    serial = models.CharField(_("serial number"), max_length=64)
    name = models.CharField(_("name"), max_length=255, blank=True)
    group = models.CharField(_("group"), max_length=64, blank=True)
    wanted = models.CharField(_("wanted settings"), max_length=64, blank=True)
    wanted_revision = models.PositiveBigIntegerField(_("computed at revision"), default=0)
    wanted_since = models.DateTimeField(_("wanted since"), null=True, blank=True)
    enforced = models.CharField(_("enforced settings"), max_length=64, blank=True)
    generation = models.PositiveBigIntegerField(_("generation"), null=True, blank=True)
    applied = models.DateTimeField(_("enforced since"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True)
    queue = models.PositiveIntegerField(_("messages in queue"), null=True, blank=True)
    release = models.CharField(_("release"), max_length=64, blank=True)
    report = models.JSONField(_("last report"), default=dict, blank=True)
    heard = models.DateTimeField(_("last heard"), null=True, blank=True)
    connection = models.CharField(
        _("connection"), max_length=16, choices=Connection.choices, default=Connection.UNKNOWN
    )
    since = models.DateTimeField(_("since"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    remedy = models.TextField(_("remedy"), blank=True)
    checked = models.DateTimeField(
        _("last looked"), null=True, blank=True, help_text=_("When a worker last knew the connection.")
    )

    class Meta:
        verbose_name = _("status of a machine")
        verbose_name_plural = _("status of machines")
        ordering: ClassVar[list[str]] = ["name", "serial"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["replica", "serial"], name="one_status_per_machine")
        ]

    def __str__(self) -> str:
        return self.name or self.serial


class LinkStatus(models.Model):
    """What one member said of its link to another; the portal is an observer like the rest."""

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="link_statuses")
    observer = models.CharField(_("observer"), max_length=64)
    peer = models.CharField(_("peer"), max_length=64)
    state = models.CharField(_("state"), max_length=16, choices=Connection.choices)
    since = models.DateTimeField(_("since"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    remedy = models.TextField(_("remedy"), blank=True)
    round_trip = models.FloatField(_("round trip (ms)"), null=True, blank=True)
    heard = models.DateTimeField(_("last heard"))

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        ordering: ClassVar[list[str]] = ["observer", "peer"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["replica", "observer", "peer"], name="one_status_per_link")
        ]

    def __str__(self) -> str:
        return f"{self.observer} → {self.peer}"


class Worker(models.Model):
    """A process that does background work; a row whose `seen` is old belongs to a dead one."""

    name = models.CharField(_("name"), max_length=255, unique=True)
    started = models.DateTimeField(_("started"))
    seen = models.DateTimeField(_("last seen"))
    links = models.PositiveIntegerField(_("links held"), default=0)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class TaskRun(models.Model):
    """The last run of a scheduled task; what is older than its interval is late."""

    name = models.CharField(_("task"), max_length=255, unique=True)
    started = models.DateTimeField(_("started"), null=True)
    finished = models.DateTimeField(_("finished"), null=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("scheduled task")
        verbose_name_plural = _("scheduled tasks")
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name
