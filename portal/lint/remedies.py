"""The advice that a person's cluster gets, and its remedies (BP-01..BP-10)."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from clusters import drafts
from clusters.layout import Remedy
from clusters.refusals import Overtaken, Refused
from clusters.transfers import Plan, carry_out, plan
from portal.lint.advice import Given, given, mark_of
from portal.place import Place


def all_advice(place: Place) -> list[Given]:
    """All advice that the person's cluster gets."""
    return given(place.cluster, place.state, place.draft if place.drafts else place.state)


def mend(place: Place, found: Given, shown: str | None, *, agreed: bool = False) -> tuple[Plan, bool]:
    """Draft the remedy of a piece of advice; returns what it does, and whether it is done.

    `shown` is the mark of the advice that the person has seen, None for that of `found`. What replaces,
    breaks or empties something is done only where they `agreed` to that. Raises Overtaken where these
    settings were changed since (TRL-09), and what transfers.plan raises.
    """
    remedy = found.advice.remedy
    if remedy is None:
        raise Refused(_("There is no remedy of one step for this advice."))
    with drafts.held(place.replica_id):
        _require_shown(place, remedy, found.mark if shown is None else shown)
        told = (remedy.action, remedy.feature, remedy.source, remedy.targets)
        planned = plan(place.replica_id, place.user, *told)
        if done := agreed or not (planned.replaced or planned.broken or planned.emptied):
            carry_out(place.replica_id, place.user, planned)
        return planned, done


def _require_shown(place: Place, remedy: Remedy, shown: str) -> None:
    # Read afresh: the advice was made before the replica was held.
    if mark_of(replace(place).draft, remedy.feature) != shown:
        raise Overtaken(
            _(
                "%(feature)s was changed since this advice was shown. Nothing was done; look whether it is"
                " still given, and repeat it."
            )
            % {"feature": remedy.feature}
        )
