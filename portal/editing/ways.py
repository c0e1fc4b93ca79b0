"""Uses of items with the ways out of a broken one: promote and demote (DEP-01..DEP-06)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from clusters import ways_out
from clusters.catalogue import Scope
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Mode, machine
from clusters.references import Use
from clusters.state import ClusterState
from portal.place import Place


@dataclass(frozen=True, slots=True)
class Way:
    """A use of an item with what can be done about it; templates call it `way`.

    `hiding` are modes whose own settings keep from a machine what a mode above them has.
    """

    use: Use
    promotable: tuple[Mode, ...]
    demotable: tuple[Mode, ...]
    hiding: tuple[Mode, ...] = ()

    @property
    def machine_only(self) -> bool:
        """Whether the item can exist on machines alone, as interfaces do (DEP-05)."""
        known = catalogue()
        wanted = self.use.reference.feature
        return wanted in known and known[wanted].scope is Scope.MACHINE


def ways(place: Place, found: Iterable[Use], feature: str = "", item: str = "") -> list[Way]:
    """The uses, or those in which a feature refers or is referred to, and of one item of it."""
    return [
        _way(place, use)
        for use in found
        if feature in ("", use.feature, use.reference.feature) and item in ("", use.reference.item)
    ]


def _way(place: Place, use: Use) -> Way:
    known, wanted = catalogue(), use.reference
    if not use.lacks or wanted.feature not in known:
        return Way(use, (), ())
    promotable = known[wanted.feature].scope is not Scope.MACHINE and CLUSTER not in use.holders
    lower = ways_out.demotable(place.draft, use.feature, use.mode, wanted, known)
    return Way(use, use.holders if promotable else (), tuple(lower), _hiding(place.draft, use))


def _hiding(state: ClusterState, use: Use) -> tuple[Mode, ...]:
    found: dict[Mode, None] = {}
    for lacking in use.lacks:
        chain = state.chain(machine(lacking.serial))
        own = [mode for mode in chain if state.defined(mode, use.reference.feature)]
        if own and any(holder in chain[chain.index(own[0]) + 1 :] for holder in use.holders):
            found[own[0]] = None
    return tuple(found)


def by_item(found: Iterable[Way]) -> list[tuple[str, list[tuple[str, list[Way]]]]]:
    """Per feature that is referred to its items, each with its uses; what is missing somewhere first."""

    def feature_of(way: Way) -> str:
        return way.use.reference.feature

    def item_of(way: Way) -> tuple[bool, str]:
        return (way.use.reference.item not in broken[feature_of(way)], way.use.reference.item)

    found = sorted(found, key=feature_of)
    broken: dict[str, set[str]] = {}
    for way in found:
        lacking = broken.setdefault(feature_of(way), set())
        lacking |= {way.use.reference.item} if way.use.lacks else set()
    return [
        (
            name,
            [(item, list(rows)) for (_fine, item), rows in groupby(sorted(group, key=item_of), key=item_of)],
        )
        for name, group in ((n, list(g)) for n, g in groupby(found, key=feature_of))
    ]
