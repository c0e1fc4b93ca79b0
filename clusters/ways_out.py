"""Carrying out the ways out of a broken reference (DEP-04): promote the item, or demote what names it.

Both make drafts. Documents stay opaque: an item is the row of a list that is known by its name.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from django.utils.translation import gettext as _

from clusters import drafts
from clusters.catalogue import Catalogue, Document, InvalidDocument, Reference, Scope
from clusters.differences import item_key
from clusters.drafts import Edited
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Mode
from clusters.refusals import Refused
from clusters.state import ClusterState, Defined


class NoWayOut(Refused):
    """The item cannot be promoted, or nothing can be demoted."""


def promote(replica_id: int, user: str, feature: str, item: str, source: Mode) -> Edited:
    """Draft that the cluster has an item which `source` defines; what else the cluster has stays.

    Raises UnknownFeature, NoWayOut, and what `drafts.edit` raises.
    """
    with drafts.held(replica_id):
        return _promote(replica_id, user, feature, item, source)


def _promote(replica_id: int, user: str, feature: str, item: str, source: Mode) -> Edited:
    known = catalogue()
    state = drafts.draft_state(replica_id, user)
    defined = state.defined(source, feature)
    if known[feature].scope is Scope.MACHINE:
        raise NoWayOut(_("%(feature)s exists on machines only.") % {"feature": feature})
    if defined is None or item not in known[feature].items(defined.value):
        raise NoWayOut(_("%(item)s is not defined there any more.") % {"item": item})
    at_cluster = setting_at(state, CLUSTER, feature, known).value
    if item in known[feature].items(at_cluster):
        raise NoWayOut(_("The cluster has %(item)s already.") % {"item": item})
    document = with_item(at_cluster, defined.value, item)
    return drafts.edit(replica_id, user, CLUSTER, feature, document)


def with_item(document: Document, source: Document, item: str) -> Document:
    """The document with the row of that name out of `source` added at the end of its list."""
    found = deepcopy(document)
    for name, rows in source.items():
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get(item_key([row]) or "") == item:
                found[name] = [*found.get(name, []), deepcopy(row)]
    return found


def demote(replica_id: int, user: str, feature: str, mode: Mode, reference: Reference) -> list[Edited]:
    """Draft that the settings which name an item live where the item is, and name it above no longer.

    Every mode below `mode` that has the item gets a copy of the settings; where the feature takes it, the
    reference at `mode` is emptied. Raises UnknownFeature, NoWayOut, and what `drafts.edit` raises.
    """
    with drafts.held(replica_id):
        return _demote(replica_id, user, feature, mode, reference)


def _demote(replica_id: int, user: str, feature: str, mode: Mode, reference: Reference) -> list[Edited]:
    known = catalogue()
    state = drafts.draft_state(replica_id, user)
    defined = state.defined(mode, feature)
    if defined is None or reference not in known[feature].references(defined.value):
        raise NoWayOut(_("%(feature)s does not name it any more.") % {"feature": feature})
    targets = demotable(state, feature, mode, reference, known)
    if not targets:
        raise NoWayOut(_("No mode below has %(item)s.") % {"item": reference.item})
    edits = [drafts.edit(replica_id, user, target, feature, defined.value) for target in targets]
    rest = without(defined, feature, reference, known)
    return edits if rest is None else [*edits, drafts.edit(replica_id, user, mode, feature, rest)]


def demotable(
    state: ClusterState, feature: str, mode: Mode, reference: Reference, known: Catalogue
) -> list[Mode]:
    """The modes below `mode` that have the item and take their settings of the feature from `mode`.

    Of a group and its machines only the group, whose machines inherit.
    """
    if reference.feature not in known or known[feature].scope is not Scope.CLUSTERABLE:
        return []
    holders = [
        other
        for other in state.defining(reference.feature)
        if other != mode
        and mode in state.chain(other)
        and setting_at(state, other, feature, known).origin == mode
        and reference.item in known[reference.feature].items(state.settings[other][reference.feature].value)
    ]
    return [m for m in holders if not any(up in holders for up in state.chain(m)[1:])]


def without(defined: Defined, feature: str, reference: Reference, known: Catalogue) -> Document | None:
    """The document with that reference emptied; None where the feature needs it."""
    found = deepcopy(defined.value)
    *steps, last = reference.path.split(".")
    here: Any = found
    for step in steps:
        here = here[int(step)] if isinstance(here, list) else here[step]
    here[last] = ""
    try:
        return known[feature].check(found)
    except InvalidDocument:
        return None
