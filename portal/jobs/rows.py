"""Jobs: what a person started and wants to watch, with its progress and its log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from appliances.following.couriers import send
from clusters.phrases import Text, phrase
from portal.audit.log import Action, record
from portal.hints import hint, jobs_of
from portal.jobs.kinds import Kind, kind_of
from portal.phrases import PhraseField
from portal.tenants import ManagedCluster, Tenant, TenantManager

RUN_JOB = "portal.tasks.run_job"
"""By name: tasks stand above the rows that they work on."""

LINES = 500
"""How much of a log is shown with its job."""


class JobCancelled(Exception):
    """A person cancelled the job; its worker stops after the present step. The text says where it stands."""


class JobFailed(Exception):
    """The job came to an end that is no success; the text says which."""


class JobInterrupted(Exception):
    """The worker ends; another one takes a resumable job from where it stands."""


class Job(models.Model):
    """One piece of work. A courier may come twice or late: only a queued job can be claimed.

    `asked` is what the person chose; `seen` is the last sign of life of the worker that has it.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(_("kind"), max_length=32)
    asked = models.JSONField(_("what was asked"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.QUEUED)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    done = models.PositiveIntegerField(_("steps done"), default=0)
    total = models.PositiveIntegerField(_("steps"), default=0)
    message = PhraseField(_("result"), blank=True)
    cancel_asked = models.BooleanField(_("cancel asked"), default=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    begun = models.DateTimeField(_("begun"), null=True, blank=True)
    seen = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["tenant", "state"])]

    def __str__(self) -> str:
        return f"{self.title} #{self.pk}"

    @property
    def does(self) -> Kind:
        """Its kind."""
        return kind_of(self.kind)

    @property
    def title(self) -> str:
        """What it does, in the reader's language."""
        return str(self.does.title)

    @property
    def by(self) -> str:
        """The name under which it acts on machines; empty when the account is gone."""
        return self.started_by.get_username() if self.started_by else ""

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)

    @property
    def may_retry(self) -> bool:
        """Whether it may be started again, or resumed."""
        return self.state in (self.State.FAILED, self.State.CANCELLED) and self.does.may_retry

    @property
    def last_lines(self) -> list[JobLine]:
        """The end of its log."""
        return list(self.lines.order_by("-pk")[:LINES])[::-1]

    def claim(self) -> bool:
        """Take a queued job, for one worker only; False when another has it or it is over."""
        queued = Job.everything.filter(pk=self.pk, state=self.State.QUEUED)
        now = timezone.now()
        if not queued.update(state=self.State.RUNNING, begun=now, seen=now):
            return False
        self.refresh_from_db()
        return True

    def step(self, text: Text, done: int, total: int) -> None:
        """Note progress; raises JobCancelled when a person asked for that."""
        self.say(text)
        self.progress(done, total)
        if self.cancel_asked:
            raise JobCancelled

    def progress(self, done: int, total: int) -> None:
        """Note progress without a line."""
        Job.everything.filter(pk=self.pk).update(done=done, total=total)
        self.refresh_from_db()
        self.tell()

    def say(self, text: Text) -> None:
        """Add a line to the job's log."""
        JobLine(job=self, text=text).save()

    def tell(self) -> None:
        """Let the pages of the job look again."""
        hint(jobs_of(self.tenant_id), "jobs")

    def end(self, state: str, message: Text = "") -> None:
        """Close the job."""
        Job.everything.filter(pk=self.pk).update(state=state, message=message, ended=timezone.now())
        self.refresh_from_db()
        self.tell()

    def cancel(self) -> bool:
        """Cancel at once what is queued, and ask what runs to stop; False when it is over."""
        queued = Job.everything.filter(pk=self.pk, state=self.State.QUEUED)
        if queued.update(state=self.State.CANCELLED, ended=timezone.now(), cancel_asked=True):
            return True
        running = Job.everything.filter(pk=self.pk, state=self.State.RUNNING)
        return bool(running.update(cancel_asked=True))

    def requeue(self) -> bool:
        """Put a job that is over, or was interrupted, back into the queue; it goes on where it stood."""
        over = Job.everything.filter(pk=self.pk).exclude(state__in=[self.State.QUEUED, self.State.DONE])
        fresh: dict[str, Any] = {"state": self.State.QUEUED, "message": "", "ended": None}
        changed = over.update(**fresh)
        self.refresh_from_db()
        return bool(changed)


class JobLine(models.Model):
    """One line of a job's log."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="lines")
    at = models.DateTimeField(_("at"), auto_now_add=True)
    text = PhraseField(_("text"))

    class Meta:
        verbose_name = _("line of a job")
        verbose_name_plural = _("lines of jobs")
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return str(self.text)


class JobPart(models.Model):
    """What a job does to one machine: where that stands, and what came of it. `order` counts from 0."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("skipped")

    job = models.ForeignKey(Job, models.CASCADE, related_name="parts")
    order = models.PositiveIntegerField(_("order"))
    serial = models.CharField(_("serial number"), max_length=64)
    name = models.CharField(_("machine"), max_length=255)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    step = models.CharField(_("step"), max_length=32, blank=True)
    percent = models.PositiveSmallIntegerField(_("percent"), null=True, blank=True)
    message = PhraseField(_("result"), blank=True)
    changed = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("part of a job")
        verbose_name_plural = _("parts of jobs")
        ordering: ClassVar[list[str]] = ["job", "order"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["job", "serial"], name="one_part_per_machine")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def over(self) -> bool:
        """Whether nothing more is to be done here."""
        return self.state in (self.State.DONE, self.State.SKIPPED)

    def now(self, state: str, message: Text = "", *, step: str | None = None) -> None:
        """Note where it stands."""
        self.state, self.message, self.percent = state, message, None
        self.step = self.step if step is None else step
        self.save()
        self.job.tell()


def working_on(machine: str) -> models.Exists:
    """Which jobs work on a machine with this in its name or serial number."""
    named = models.Q(serial__icontains=machine) | models.Q(name__icontains=machine)
    return models.Exists(JobPart.objects.filter(named, job=models.OuterRef("pk")))


def start(
    kind: str,
    cluster: ManagedCluster,
    person: Any,
    asked: dict[str, Any] | None = None,
    machines: list[tuple[str, str]] | None = None,
) -> Job:
    """A new job, and a courier for it; `machines` (serial number and name) become its parts, in order."""
    with transaction.atomic():
        made = Job.everything.create(
            tenant=cluster.tenant,
            cluster=cluster,
            kind=kind,
            asked=asked or {},
            started_by=person,
            total=len(machines or ()),
        )
        JobPart.objects.bulk_create(
            JobPart(job=made, order=order, serial=serial, name=name)
            for order, (serial, name) in enumerate(machines or ())
        )
        record(person or "schedule", Action.JOB, made, made.tenant, change="started", cluster=cluster.slug)
        transaction.on_commit(lambda: send(RUN_JOB, made.pk))
    made.tell()
    return made


def again(job: Job, person: Any) -> Job:
    """Start a job that failed or was cancelled again, or let a resumable one go on where it stood."""
    if job.does.resumable:
        with transaction.atomic():
            Job.everything.filter(pk=job.pk).update(started_by=person, cancel_asked=False)
            job.requeue()
            record(person, Action.JOB, job, job.tenant, change="resumed")
            transaction.on_commit(lambda: send(RUN_JOB, job.pk))
        return job
    assert job.cluster is not None
    machines = list(job.parts.values_list("serial", "name"))
    return start(job.kind, job.cluster, person, job.asked, machines)


@transaction.atomic
def cancel(job: Job, person: Any) -> None:
    """Cancel a job, or ask it to stop, in the name of a person."""
    if job.cancel():
        record(person, Action.JOB, job, job.tenant, change="cancelled")


@transaction.atomic
def skip(job: Job, serial: str, person: Any) -> bool:
    """Leave a machine out that waits or has failed, in the name of a person; False when it is past that."""
    left = job.parts.filter(serial=serial, state__in=[JobPart.State.WAITING, JobPart.State.FAILED])
    skipped = bool(left.update(state=JobPart.State.SKIPPED, step="", percent=None))
    if skipped:
        name = job.parts.get(serial=serial).name
        job.say(phrase(gettext_noop("%(name)s is skipped")) % {"name": name})
        record(person, Action.JOB, job, job.tenant, change="skipped", name=name)
        transaction.on_commit(job.tell)
    return skipped


def abandon_lost(since: datetime) -> int:
    """End jobs without a sign of life since then: their worker is gone. Returns how many.

    A resumable one is queued again instead.
    """
    lost = list(Job.everything.filter(state=Job.State.RUNNING, seen__lt=since))
    for job in lost:
        if job.does.resumable and not job.cancel_asked:
            job.say(phrase(gettext_noop("The worker that ran it is gone; another one goes on.")))
            job.requeue()
        else:
            gone = phrase(gettext_noop("The worker that ran it is gone. Start it again."))
            job.end(Job.State.FAILED, gone)
    return len(lost)


def waiting_since(before: datetime) -> list[int]:
    """The queued jobs that were created before that moment: their courier may be lost."""
    return list(
        Job.everything.filter(state=Job.State.QUEUED, created__lt=before).values_list("pk", flat=True)
    )
