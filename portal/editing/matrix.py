"""The matrix as a person asks for it: every feature in every mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from clusters.installed import catalogue
from clusters.matrix import Cell, Kind, Row, matrix, own
from clusters.modes import CLUSTER, Mode, group, machine
from clusters.state import ClusterState
from portal.place import Place


@dataclass(frozen=True)
class Asked:
    """What of the matrix a person wants to see."""

    text: str = ""
    differing: bool = False

    @classmethod
    def of(cls, query: Any) -> Asked:
        """From the query of an address."""
        return cls(query.get("q", "").strip()[:100], query.get("differing") in ("on", "true", "1"))


@dataclass(frozen=True)
class Sight:
    """The matrix as it is asked for: features and modes, and all that differs in the whole cluster."""

    state: ClusterState
    draft: ClusterState
    cells: list[Cell]
    modes: list[Mode]
    features: frozenset[str]

    def rows(self, modes: Iterable[Mode]) -> list[Row]:
        """The rows of the features that are asked for, over these modes."""
        found = matrix(self.state, self.draft, catalogue(), [CLUSTER, *modes])
        return [row for row in found if row.feature.name in self.features]

    @property
    def counts(self) -> dict[str, int]:
        """How much of the whole cluster is what."""
        kinds = Counter(cell.kind for cell in self.cells)
        return {
            "own": len([cell for cell in self.cells if cell.kind is not Kind.INHERITED]),
            "same": kinds[Kind.SAME],
            "empty": kinds[Kind.EMPTY],
            "pending": len([cell for cell in self.cells if cell.pending]),
        }


def ordered(state: ClusterState) -> list[Mode]:
    """Each group and then its machines, as settings come down."""
    members: dict[str, list[Mode]] = {ident: [] for ident in state.groups}
    for member in state.machines.values():
        members.setdefault(member.group, []).append(machine(member.serial))
    return [mode for ident, inside in members.items() for mode in (group(ident), *inside)]


def sight(place: Place, asked: Asked) -> Sight:
    """What is asked for; no more queries than for one mode."""
    state, draft = place.state, place.draft
    cells = own(state, draft, catalogue())
    modes = ordered(draft)
    features = frozenset(feature.name for feature in catalogue())
    if asked.text:
        wanted = asked.text.casefold()
        modes = [m for m in modes if wanted in draft.mode_name(m).casefold() or wanted == m.id.casefold()]
    if asked.differing:
        mine = {cell.mode for cell in cells}
        modes = [mode for mode in modes if mode in mine]
        below = {cell.feature for cell in cells if cell.mode != CLUSTER}
        features = frozenset(below)
    return Sight(state, draft, cells, modes, features)
