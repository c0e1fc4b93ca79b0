"""Advice on what was done to a cluster, and what is being done to it now."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from clusters.layout import Advice, Layout, Rule, Severity
from clusters.naming import moment, some
from clusters.versions import Timestamp


def not_saved_since(layout: Layout) -> Iterator[Advice]:
    """L18: no configuration was saved since the last risky step (BP-06)."""
    saved = layout.facts.saved
    last = max(layout.facts.steps, key=lambda step: step.at, default=None)
    if last is not None and saved is not None and saved < last.at:
        text = _("No configuration has been saved since %(time)s UTC: %(what)s.")
        when = f"{moment(Timestamp(last.at, 0)):%Y-%m-%d %H:%M}"
        yield Advice("L18", Severity.HINT, text % {"time": when, "what": last.what})


def people_beside_an_operation(layout: Layout) -> Iterator[Advice]:
    """L23: others work in the cluster while an operation on it goes on (JN-22)."""
    if layout.facts.operation and layout.facts.present:
        text = _("While this goes on, others are at work here: %(names)s. (%(operation)s)")
        names = some(layout.facts.present)
        message = text % {"names": names, "operation": layout.facts.operation}
        yield Advice("L23", Severity.WARNING, message)


OPERATION_RULES: tuple[Rule, ...] = (not_saved_since, people_beside_an_operation)
