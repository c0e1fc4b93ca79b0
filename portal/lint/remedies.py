"""The advice that a person's cluster gets, and what its remedies would do (BP-01..BP-10)."""

from __future__ import annotations

from clusters.layout import Remedy
from clusters.transfers import Plan, plan
from portal.lint.advice import Given, given
from portal.place import Place


def all_advice(place: Place) -> list[Given]:
    """All advice that the person's cluster gets."""
    return given(place.cluster, place.state, place.draft if place.drafts else place.state)


def planned(place: Place, remedy: Remedy) -> Plan:
    """What a remedy would do, on top of the person's pending changes; raises what transfers.plan raises."""
    return plan(place.replica_id, place.user, remedy.action, remedy.feature, remedy.source, remedy.targets)
