"""Jobs: what a person started and wants to watch, with its progress and its log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.tenants import ManagedCluster, Tenant, TenantManager


class JobCancelled(Exception):
    """A person cancelled the job; its worker stops after the present step."""


class Job(models.Model):
    """One piece of work. A courier may come twice or late: only a queued job can be claimed."""

    class Kind(models.TextChoices):
        SYNCHRONISE = "synchronise", _("Synchronise with every machine")
        ADOPT = "adopt", _("Adopt a cluster")
        GUIDED = "guided", _("Cluster administration")
        TERMINAL = "terminal", _("Terminal of a machine")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(_("kind"), max_length=32, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.QUEUED)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    done = models.PositiveIntegerField(_("steps done"), default=0)
    total = models.PositiveIntegerField(_("steps"), default=0)
    message = models.TextField(_("result"), blank=True)
    cancel_asked = models.BooleanField(_("cancel asked"), default=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    begun = models.DateTimeField(_("begun"), null=True, blank=True)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["tenant", "state"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)

    @property
    def may_retry(self) -> bool:
        """Whether starting it again makes sense; what needs a passphrase or a look begins on its page."""
        alone = (self.Kind.ADOPT, self.Kind.GUIDED, self.Kind.TERMINAL)
        return self.state in (self.State.FAILED, self.State.CANCELLED) and self.kind not in alone

    def claim(self) -> bool:
        """Take a queued job, for one worker only; False when another has it or it is over."""
        queued = Job.everything.filter(pk=self.pk, state=self.State.QUEUED)
        if not queued.update(state=self.State.RUNNING, begun=timezone.now()):
            return False
        self.refresh_from_db()
        return True

    def step(self, text: str, done: int, total: int) -> None:
        """Note progress; raises JobCancelled when a person asked for that."""
        self.say(text)
        Job.everything.filter(pk=self.pk).update(done=done, total=total)
        self.refresh_from_db()
        if self.cancel_asked:
            raise JobCancelled

    def say(self, text: str) -> None:
        """Add a line to the job's log."""
        JobLine.objects.create(job=self, text=text)

    def end(self, state: str, message: str = "") -> None:
        """Close the job."""
        Job.everything.filter(pk=self.pk).update(state=state, message=message, ended=timezone.now())
        self.refresh_from_db()

    def cancel(self) -> bool:
        """Cancel at once what is queued, and ask what runs to stop; False when it is over."""
        queued = Job.everything.filter(pk=self.pk, state=self.State.QUEUED)
        if queued.update(state=self.State.CANCELLED, ended=timezone.now(), cancel_asked=True):
            return True
        running = Job.everything.filter(pk=self.pk, state=self.State.RUNNING)
        return bool(running.update(cancel_asked=True))


class JobLine(models.Model):
    """One line of a job's log."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="lines")
    at = models.DateTimeField(_("at"), auto_now_add=True)
    text = models.TextField(_("text"))

    class Meta:
        verbose_name = _("line of a job")
        verbose_name_plural = _("lines of jobs")
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return self.text


def abandon_lost(since: datetime) -> int:
    """Fail jobs that run since before `since`, when no worker can still have them; returns how many."""
    lost = Job.everything.filter(state=Job.State.RUNNING, begun__lt=since)
    end: dict[str, Any] = {"state": Job.State.FAILED, "ended": timezone.now()}
    return lost.update(message=_("The worker that ran it is gone. Start it again."), **end)


def waiting_since(before: datetime) -> list[int]:
    """The queued jobs that were created before that moment: their courier may be lost."""
    return list(
        Job.everything.filter(state=Job.State.QUEUED, created__lt=before).values_list("pk", flat=True)
    )
