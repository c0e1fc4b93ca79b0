"""What a reference may name, with a mark where a machine would lack it (GUI-17, DEP-03)."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clusters import references
from clusters.catalogue import Catalogue
from clusters.modes import Mode
from clusters.state import ClusterState, Machine
from portal.editing.fields import Choices, Option

NAMED = 3


def choices_at(state: ClusterState, mode: Mode, catalogue: Catalogue) -> Choices:
    """The choices of a page at `mode`; each feature is looked up once."""
    known: dict[str, list[Option]] = {}

    def choices(feature: str) -> list[Option]:
        if feature not in known:
            found = references.choices(state, mode, feature, catalogue)
            known[feature] = [Option(each.item, each.item, _missing(each.missing)) for each in found]
        return known[feature]

    return choices


def _missing(machines: Sequence[Machine]) -> str:
    if not machines:
        return ""
    if len(machines) <= NAMED:
        return _("Unavailable on Machine: %(names)s") % {"names": ", ".join(m.name for m in machines)}
    words = ngettext("Unavailable on %(n)d machine", "Unavailable on %(n)d machines", len(machines))
    return words % {"n": len(machines)}
