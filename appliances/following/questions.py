"""Questions to machines from web processes, which hold no links: a row each, answered by a worker.

A question is a command that only looks. Whoever shows it shows the last answer with its age, and asks anew;
asking the same again within FRESH seconds asks nobody. No secret may stand in the words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clusters.models import Replica

FRESH = timedelta(seconds=5)
"""For how long an answer, or the wait for one, serves everybody who asks the same."""
OVERDUE = timedelta(seconds=20)
"""After which a page says that no answer has come, and why."""
KEPT = timedelta(hours=1)


class Question(models.Model):
    """One question to one machine. `key` is the same for the same words in the same role."""

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="questions")
    serial = models.CharField(_("serial number"), max_length=64)
    key = models.CharField(_("key"), max_length=32)
    words = models.JSONField(_("words"))
    user = models.CharField(_("asked by"), max_length=150)
    role = models.CharField(_("role"), max_length=16)
    asked = models.DateTimeField(_("asked"), default=timezone.now)
    taken = models.DateTimeField(_("taken by a worker"), null=True)
    answered = models.DateTimeField(_("answered"), null=True)
    code = models.IntegerField(_("exit code"), null=True)
    said = models.TextField(_("answer"), blank=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("question to a machine")
        verbose_name_plural = _("questions to machines")
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["replica", "key", "serial"])]

    def __str__(self) -> str:
        return f"{self.serial}: {' '.join(self.words)}"

    @property
    def value(self) -> Any:
        """The answer of a command with `--json`; None where there is none."""
        try:
            return json.loads(self.said) if self.code == 0 else None
        except ValueError:
            return None

    @property
    def waits(self) -> bool:
        """Whether no answer has come yet."""
        return self.answered is None

    def overdue(self, now: datetime) -> bool:
        """Whether an answer should have come long ago."""
        return self.waits and now - self.asked > OVERDUE


def key_of(words: Sequence[str], role: str) -> str:
    """The same for the same question."""
    return hashlib.sha256(json.dumps([role, *words]).encode()).hexdigest()[:32]


def ask(
    replica_id: int, serials: Iterable[str], words: Sequence[str], *, user: str, role: str
) -> list[Question]:
    """Ask these machines the same; the rows to watch. Who was asked it just now is not asked again."""
    from appliances import tasks  # registers with Celery, which must be configured first
    from appliances.following.couriers import send  # a machine has this table and no broker

    key, now = key_of(words, role), timezone.now()
    recent = Question.objects.filter(replica=replica_id, key=key, asked__gt=now - FRESH)
    known = {question.serial: question for question in recent.order_by("pk")}
    fresh = [
        Question(replica_id=replica_id, serial=serial, key=key, words=list(words), user=user, role=role)
        for serial in serials
        if serial not in known
    ]
    if fresh:
        Question.objects.bulk_create(fresh)
        send(tasks.answer, [question.pk for question in fresh])
    return [*known.values(), *fresh]


def latest(replica_id: int, words: Sequence[str], role: str) -> dict[str, list[Question]]:
    """By machine: the latest question of these words, and before an open one the latest that was answered.

    One query.
    """
    found: dict[str, list[Question]] = {}
    since = timezone.now() - KEPT
    rows = Question.objects.filter(replica=replica_id, key=key_of(words, role), asked__gt=since)
    for row in rows.order_by("-pk"):
        known = found.setdefault(row.serial, [])
        if not known or (len(known) == 1 and known[0].waits and not row.waits):
            known.append(row)
    return found


def sweep() -> int:
    """Forget old questions; returns how many."""
    return Question.objects.filter(asked__lt=timezone.now() - KEPT).delete()[0]
