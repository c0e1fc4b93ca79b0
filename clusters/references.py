"""What settings refer to, resolved per machine by inheritance (DEP-01..DEP-05)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusters.catalogue import Catalogue, Document, Reference, Scope
from clusters.effective import Effective, effective
from clusters.modes import CLUSTER, Mode, machine
from clusters.state import ClusterState, Machine


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference that leads nowhere on one machine: `feature` at `mode` names an item it has not got."""

    serial: str
    feature: str
    mode: Mode | None
    reference: Reference


def unresolved(
    state: ClusterState, catalogue: Catalogue, standalone: Sequence[Machine] = ()
) -> list[Unresolved]:
    """Every reference that leads nowhere, machine by machine (L14). `standalone` as in effective.impact."""
    serials = dict.fromkeys([*state.machines, *(m.serial for m in standalone)])
    return [
        found
        for serial in serials
        for found in _broken(serial, effective(state, machine(serial), catalogue), catalogue)
    ]


def newly_broken(
    before: ClusterState, after: ClusterState, catalogue: Catalogue, standalone: Sequence[Machine] = ()
) -> list[Unresolved]:
    """The references that lead nowhere in the state after and did not in the one before."""
    known = set(unresolved(before, catalogue, standalone))
    return [found for found in unresolved(after, catalogue, standalone) if found not in known]


def _broken(serial: str, here: Effective, catalogue: Catalogue) -> Iterator[Unresolved]:
    documents = here.documents
    for feature in catalogue:
        for reference in feature.references(documents[feature.name]):
            if reference.item not in _items(reference.feature, documents, catalogue):
                origin = here.settings[feature.name].origin
                yield Unresolved(serial, feature.name, origin, reference)


def _items(feature: str, documents: Mapping[str, Document], catalogue: Catalogue) -> Sequence[str]:
    return catalogue[feature].items(documents[feature]) if feature in catalogue else ()


@dataclass(frozen=True, slots=True)
class Choice:
    """An item that a selector offers, and the machines that would not have it (DEP-03, GUI-17)."""

    item: str
    missing: tuple[Machine, ...]


def choices(state: ClusterState, mode: Mode, feature: str, catalogue: Catalogue) -> list[Choice]:
    """The items of a feature that settings at a mode can name, those of lower modes too (DEP-03)."""
    places: dict[Mode, Machine | None] = {mode: state.machines.get(mode.id)}
    places |= {machine(m.serial): m for m in state.reach(mode)}
    has = {
        place: _items(feature, effective(state, place, catalogue).documents, catalogue) for place in places
    }
    offered = dict.fromkeys(item for items in has.values() for item in items)
    return [
        Choice(item, tuple(m for place, m in places.items() if m is not None and item not in has[place]))
        for item in offered
    ]


@dataclass(frozen=True, slots=True)
class WayOut:
    """One remedy of a broken reference (DEP-04): copy `feature` from the mode `source` to `target`.

    `promote` says that it lifts the missing item to the cluster; else it brings the referring settings down
    to the mode that has the item.
    """

    promote: bool
    feature: str
    source: Mode
    target: Mode


def ways_out(state: ClusterState, broken: Unresolved, catalogue: Catalogue) -> list[WayOut]:
    """The remedies of a broken reference, the recommended one first; none when no mode has the item."""
    wanted = broken.reference
    if wanted.feature not in catalogue:
        return []
    holders = [mode for mode in state.defining(wanted.feature) if _defines(state, mode, wanted, catalogue)]
    found = []
    if catalogue[wanted.feature].scope is not Scope.MACHINE:
        found = [WayOut(True, wanted.feature, mode, CLUSTER) for mode in holders[:1] if mode != CLUSTER]
    if broken.mode is not None and catalogue[broken.feature].scope is Scope.CLUSTERABLE:
        below = _lower(state, holders, broken.mode)
        found += [WayOut(False, broken.feature, broken.mode, mode) for mode in below]
    return found


def _defines(state: ClusterState, mode: Mode, wanted: Reference, catalogue: Catalogue) -> bool:
    defined = state.defined(mode, wanted.feature)
    return defined is not None and wanted.item in catalogue[wanted.feature].items(defined.value)


def _lower(state: ClusterState, holders: Iterable[Mode], mode: Mode) -> list[Mode]:
    return [holder for holder in holders if holder != mode and mode in state.chain(holder)]
