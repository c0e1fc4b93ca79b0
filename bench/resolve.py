"""Effective settings of 1,000 machines with 40 features each, in 50 groups.

Side by side with the least that any resolver must do: three dictionary look-ups per value, with neither
origin, nor story, nor fingerprint.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import spread, timed
from bench.sizes import scaled
from clusters.catalogue import Catalogue, Document, Reference, Scope
from clusters.effective import effective
from clusters.modes import CLUSTER, group, machine
from clusters.state import ClusterState
from clusters.versions import THE_CLUSTER, Address, Change, Kind, settings_at

MACHINES, GROUPS, FEATURES = scaled((1000, 50, 40), (20, 5, 10))


@dataclass(frozen=True)
class Table:
    """A feature without meaning."""

    name: str
    title: str = "A table"
    scope: Scope = Scope.CLUSTERABLE
    factory_default: Document | None = None
    secrets: frozenset[str] = frozenset()

    @property
    def schema(self) -> Document:
        return {"type": "object"}

    @property
    def empty(self) -> Document:
        return {}

    def check(self, document: object) -> Document:
        return dict(document) if isinstance(document, dict) else {}

    def references(self, document: Document) -> list[Reference]:
        return []

    def items(self, document: Document) -> list[str]:
        return []

    def is_on(self, document: Document) -> bool:
        return True

    def depends_on(self, document: Document) -> list[str]:
        return []


def landscape() -> tuple[ClusterState, Catalogue]:
    """A cluster in which a fifth of the features is overridden per group and a twentieth per machine."""
    catalogue = Catalogue({f"feature{n}": Table(f"feature{n}") for n in range(FEATURES)})
    rows = {"rows": [{"domain": f"d{n}.example", "hosts": ["192.0.2.1", "192.0.2.2"]} for n in range(20)]}
    changes = [Change(THE_CLUSTER, {"name": "Large"})]
    changes += [Change(settings_at(CLUSTER, f.name), rows) for f in catalogue]
    for g in range(GROUPS):
        changes.append(Change(Address(Kind.GROUP, f"g{g}"), {"name": f"Group {g}", "initial": g == 0}))
        changes += [
            Change(settings_at(group(f"g{g}"), f"feature{n}"), rows) for n in range(g % 5, FEATURES, 5)
        ]
    for m in range(MACHINES):
        changes.append(Change(Address(Kind.MACHINE, f"m{m}"), {"name": f"gw{m}", "group": f"g{m % GROUPS}"}))
        changes += [
            Change(settings_at(machine(f"m{m}"), f"feature{n}"), rows) for n in range(m % 20, FEATURES, 20)
        ]
    return ClusterState().changed(changes), catalogue


def bare(state: ClusterState, names: list[str]) -> int:
    """The floor: the values alone."""
    empty: dict[str, object] = {}
    found = 0
    for member in state.machines.values():
        modes = [state.settings.get(m, empty) for m in state.chain(machine(member.serial))]
        for name in names:
            for settings in modes:
                if name in settings:
                    found += 1
                    break
    return found


def measure() -> Iterator[str]:
    """Rows of figures."""
    state, catalogue = landscape()
    names = [f.name for f in catalogue]
    everyone = [machine(serial) for serial in state.machines]
    _ = state.settings
    values = timed(lambda: [effective(state, m, catalogue) for m in everyone])
    prints = timed(lambda: [effective(state, m, catalogue).fingerprint for m in everyone], runs=3)
    floor = timed(lambda: bare(state, names))
    one = timed(lambda: effective(state, everyone[0], catalogue), runs=50)
    yield f"{MACHINES} machines x {FEATURES} features, value, origin and story: {spread(values)}"
    yield f"the same with fingerprints: {spread(prints)}"
    yield f"bare look-ups without origin and story: {spread(floor)}"
    yield f"ratio: {statistics.median(values) / statistics.median(floor):.1f}"
    yield f"one machine: {spread(one)}"
