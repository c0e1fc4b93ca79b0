"""Feature by mode: where what is defined, where it only repeats what is above, where it comes down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from clusters.catalogue import Catalogue, Document, Feature
from clusters.modes import Mode
from clusters.state import ClusterState
from clusters.wire import same


class Kind(StrEnum):
    """What a mode has of a feature.

    DEFINED     it defines settings of its own
    EMPTY       it defines empty settings, which is not the same as none (CL-10)
    SAME        it defines what it would inherit anyway: an override without a point
    INHERITED   it defines nothing; what is above holds, or the factory default
    IMPOSSIBLE  the feature cannot be defined on this level
    """

    DEFINED = "defined"
    EMPTY = "empty"
    SAME = "same"
    INHERITED = "inherited"
    IMPOSSIBLE = "impossible"


OWN = frozenset({Kind.DEFINED, Kind.EMPTY, Kind.SAME})


@dataclass(frozen=True, slots=True)
class Cell:
    """A feature in a mode. `origin` is where its value comes from, None the factory default.

    `pending` tells whether what the mode defines is about to change; the cell shows what it will be.
    """

    feature: str
    mode: Mode
    kind: Kind
    origin: Mode | None
    pending: bool

    @property
    def differs(self) -> bool:
        """Whether the mode has, or is about to have or lose, settings of its own."""
        return self.pending or self.kind in OWN


@dataclass(frozen=True, slots=True)
class Row:
    """A feature over the modes, in their order."""

    feature: Feature
    cells: tuple[Cell, ...]


def matrix(
    state: ClusterState, draft: ClusterState, catalogue: Catalogue, modes: Sequence[Mode]
) -> list[Row]:
    """What each of these modes has of each feature, with a person's draft in it; `state` is in force."""
    return [
        Row(feature, tuple(cell(state, draft, catalogue, mode, feature.name) for mode in modes))
        for feature in catalogue
    ]


def cell(state: ClusterState, draft: ClusterState, catalogue: Catalogue, mode: Mode, name: str) -> Cell:
    """What one mode has of one feature. Raises UnknownFeature."""
    if not catalogue.allows(name, mode):
        return Cell(name, mode, Kind.IMPOSSIBLE, None, False)
    mine = draft.defined(mode, name)
    pending = mine != state.defined(mode, name)
    above = _nearest(draft, catalogue, draft.chain(mode)[1:], name)
    if mine is None:
        return Cell(name, mode, Kind.INHERITED, above, pending)
    return Cell(name, mode, _kind_of(mine.value, draft, catalogue, above, name), mode, pending)


def _nearest(state: ClusterState, catalogue: Catalogue, chain: Sequence[Mode], name: str) -> Mode | None:
    """The first of these modes that defines the feature; a whole setting would cost its fallback too."""
    return next((m for m in chain if catalogue.allows(name, m) and state.defined(m, name)), None)


def _kind_of(
    value: Document, draft: ClusterState, catalogue: Catalogue, above: Mode | None, name: str
) -> Kind:
    # What repeats the factory default has a point: another release may have another default.
    hidden = draft.defined(above, name) if above else None
    if hidden is not None and same(value, hidden.value):
        return Kind.SAME
    return Kind.EMPTY if same(value, catalogue[name].empty) else Kind.DEFINED


def own(state: ClusterState, draft: ClusterState, catalogue: Catalogue) -> list[Cell]:
    """The cells of all modes that have, or are about to have or lose, settings of their own."""
    places = {
        (mode, name): None
        for each in (draft, state)
        for mode, settings in each.settings.items()
        for name in settings
        if name in catalogue
    }
    found = (cell(state, draft, catalogue, mode, name) for mode, name in places)
    return [each for each in found if each.differs]
