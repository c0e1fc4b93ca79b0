"""What settings refer to, resolved per machine by inheritance (DEP-01..DEP-05)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusters.catalogue import Catalogue, Document, Reference
from clusters.differences import named_path
from clusters.effective import Effective, effective, reached
from clusters.modes import Mode, machine
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
class Use:
    """A reference in the settings of a mode: whether the machines that follow them have the item.

    `has` and `lacks` are the machines on which the settings hold; `holders` the modes that define the item.
    `place` is the reference's path with the names of rows in it.
    """

    feature: str
    mode: Mode
    reference: Reference
    has: tuple[Machine, ...]
    lacks: tuple[Machine, ...]
    holders: tuple[Mode, ...]
    place: str


def uses(state: ClusterState, catalogue: Catalogue) -> list[Use]:
    """Every reference of every mode, in the order of features and modes (DEP-01, DEP-02)."""
    here = {serial: effective(state, machine(serial), catalogue).documents for serial in state.machines}
    found = []
    for feature in catalogue:
        for mode in state.defining(feature.name):
            reach = reached(state, mode, feature.name)
            document = state.settings[mode][feature.name].value
            for reference in feature.references(document):
                items = {m.serial: _items(reference.feature, here[m.serial], catalogue) for m in reach}
                has = tuple(m for m in reach if reference.item in items[m.serial])
                lacks = tuple(m for m in reach if m not in has)
                holding = tuple(holders(state, reference, catalogue))
                place = named_path(document, reference.path)
                found.append(Use(feature.name, mode, reference, has, lacks, holding, place))
    return found


def holders(state: ClusterState, wanted: Reference, catalogue: Catalogue) -> list[Mode]:
    """The modes that define the item which a reference names."""
    if wanted.feature not in catalogue:
        return []
    return [mode for mode in state.defining(wanted.feature) if _defines(state, mode, wanted, catalogue)]


def _defines(state: ClusterState, mode: Mode, wanted: Reference, catalogue: Catalogue) -> bool:
    return wanted.item in catalogue[wanted.feature].items(state.settings[mode][wanted.feature].value)
