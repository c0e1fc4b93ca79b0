"""Advice on a cluster as its people see it: what was dismissed and why, and what pending changes mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.installed import catalogue
from clusters.layout import Advice, Severity
from clusters.lint_reasons import WHY
from clusters.linting import lint
from clusters.refusals import Refused
from clusters.state import ClusterState
from portal.lint_facts import facts_of
from portal.tenants import ManagedCluster


class NoSuchAdvice(Refused):
    """The advice is not given any more."""


class NoReason(Refused):
    """Advice is dismissed with a reason, for those who come later."""


class Dismissal(models.Model):
    """Advice that somebody has put aside; `key` is Advice.key. Removing the row brings it back."""

    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, related_name="dismissals")
    key = models.CharField(gettext_lazy("advice"), max_length=32)
    rule = models.CharField(gettext_lazy("rule"), max_length=16)
    reason = models.CharField(gettext_lazy("reason"), max_length=500)
    by = models.CharField(gettext_lazy("dismissed by"), max_length=255)
    at = models.DateTimeField(gettext_lazy("at"), auto_now_add=True)

    class Meta:
        verbose_name = gettext_lazy("dismissed advice")
        verbose_name_plural = gettext_lazy("dismissed advice")
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["cluster", "key"], name="one_dismissal_per_advice")
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Given:
    """A piece of advice; `mended` says that the person's pending changes take it away."""

    advice: Advice
    mended: bool
    dismissal: Dismissal | None

    @property
    def why(self) -> str:
        """The reason behind the rule, a message id."""
        return WHY[self.advice.rule]


def given(cluster: ManagedCluster, state: ClusterState, draft: ClusterState) -> list[Given]:
    """All advice on what is in force, warnings first; with what would be mended by the draft."""
    facts = facts_of(cluster, state)
    found = lint(state, catalogue(), facts=facts)
    kept = {each.key for each in lint(draft, catalogue(), facts=facts)} if draft is not state else None
    aside = {row.key: row for row in Dismissal.objects.filter(cluster=cluster)}
    ordered = sorted(found, key=lambda each: each.severity is not Severity.WARNING)
    return [Given(each, kept is not None and each.key not in kept, aside.get(each.key)) for each in ordered]


def find(found: list[Given], key: str) -> Given:
    """The advice of that key; raises NoSuchAdvice."""
    for each in found:
        if each.advice.key == key:
            return each
    raise NoSuchAdvice(_("This advice is not given any more."))


def dismiss(cluster: ManagedCluster, advice: Advice, reason: str, by: str) -> Dismissal:
    """Put advice aside with a reason; raises NoReason."""
    text = reason.strip()[:500]
    if not text:
        raise NoReason(_("Say why: those who come later will ask."))
    row, _made = Dismissal.objects.update_or_create(
        cluster=cluster, key=advice.key, defaults={"rule": advice.rule, "reason": text, "by": by}
    )
    return row


def bring_back(cluster: ManagedCluster, key: str) -> bool:
    """Give dismissed advice again; False where it was not dismissed."""
    return bool(Dismissal.objects.filter(cluster=cluster, key=key).delete()[0])
