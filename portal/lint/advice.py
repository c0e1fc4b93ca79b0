"""Advice on a cluster as its people see it: what was dismissed and why, and what pending changes mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.installed import catalogue
from clusters.layout import Advice, Severity
from clusters.lint_reasons import WHY
from clusters.linting import lint
from clusters.refusals import Refused
from clusters.state import ClusterState, Defined
from clusters.versions import canonical, digest
from portal.audit.log import Action, record
from portal.lint.facts import facts_of
from portal.tenants import ManagedCluster, Right

if TYPE_CHECKING:
    from portal.place import Place


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
    """A piece of advice; `mended` says that the person's pending changes take it away.

    `mark` tells whether the settings of its feature are those on which it was given.
    """

    advice: Advice
    mended: bool
    dismissal: Dismissal | None
    mark: str = ""

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
    marks = {each.feature: mark_of(draft, each.feature) for each in found if each.remedy}
    return [
        Given(
            each,
            kept is not None and each.key not in kept,
            aside.get(each.key),
            marks[each.feature] if each.remedy else "",
        )
        for each in ordered
    ]


def mark_of(state: ClusterState, feature: str) -> str:
    """Tells whether what the modes define of a feature is what somebody was shown (TRL-09)."""
    found = ((mode, state.defined(mode, feature)) for mode in state.defining(feature))
    return digest([f"{mode} {_version(defined)}" for mode, defined in found if defined])[:16]


def _version(defined: Defined) -> str:
    return canonical(defined.value) if defined.by is None else str(defined.by.id)


def find(found: list[Given], key: str) -> Given:
    """The advice of that key; raises NoSuchAdvice."""
    for each in found:
        if each.advice.key == key:
            return each
    raise NoSuchAdvice(_("This advice is not given any more."))


@transaction.atomic
def dismiss(who: Any, place: Place, advice: Advice, reason: str) -> Dismissal:
    """Put advice aside with a reason; raises PermissionDenied, NoReason."""
    place.require(Right.EDIT)
    text = reason.strip()[:500]
    if not text:
        raise NoReason(_("Say why: those who come later will ask."))
    row, _made = Dismissal.objects.update_or_create(
        cluster=place.cluster,
        key=advice.key,
        defaults={"rule": advice.rule, "reason": text, "by": place.user},
    )
    _noted(who, place, "put aside", row)
    return row


@transaction.atomic
def bring_back(who: Any, place: Place, key: str) -> bool:
    """Give dismissed advice again; False where it was not dismissed. Raises PermissionDenied."""
    place.require(Right.EDIT)
    row = Dismissal.objects.filter(cluster=place.cluster, key=key).first()
    if row is None:
        return False
    _noted(who, place, "brought back", row)
    row.delete()
    return True


def _noted(who: Any, place: Place, change: str, row: Dismissal) -> None:
    facts: dict[str, Any] = {"change": change, "name": row.rule, "reason": row.reason}
    record(who, Action.ADVICE, place.cluster, place.cluster.tenant, **facts)
