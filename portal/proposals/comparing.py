"""What a proposal changes, and whom it reaches, against what would hold without it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from clusters import effective
from clusters.differences import PathChange, differences
from clusters.effective import MachineImpact
from clusters.installed import catalogue
from clusters.modes import Mode
from clusters.sealing import secrets_of
from clusters.state import ClusterState
from clusters.versions import Address, Change
from portal.proposals.proposal import OPEN, Proposal
from portal.tenants import ManagedCluster


@dataclass(frozen=True, slots=True)
class Proposed:
    """One entry of a proposal against what is in force without it."""

    address: Address
    before: Any
    value: Any

    @property
    def mode(self) -> Mode | None:
        return self.address.mode

    @property
    def paths(self) -> list[PathChange]:
        """What differs, secrets hidden."""
        return differences(self.before, self.value, secrets_of(self.address))


def alike(cluster: ManagedCluster, addresses: Collection[Address]) -> list[Proposal]:
    """The open proposals that change one of these entries: whoever is first overtakes the others."""
    texts = {str(address) for address in addresses}
    rows = cluster.proposals.filter(state__in=OPEN).order_by("pk")
    return [row for row in rows if not texts.isdisjoint(raw["address"] for raw in row.changes)]


def before_of(found: Proposal, state: ClusterState) -> ClusterState:
    """What would hold without the proposal: without the try that runs for it."""
    had = ((each.address, each.had) for each in found.trying if found.trial and not found.ended)
    return state.changed(Change(address, value) for address, value in had)


def proposed(found: Proposal, before: ClusterState) -> list[Proposed]:
    """Its entries, those of the cluster first."""
    order: dict[Mode | None, int] = {mode: number for number, mode in enumerate(before.modes())}
    changes = sorted(found.frozen, key=lambda c: order.get(c.address.mode, len(order)))
    entries = ((c, before.entries.get(c.address)) for c in changes)
    return [Proposed(c.address, old.value if old else None, c.value) for c, old in entries]


def impact_of(found: Proposal, before: ClusterState) -> list[MachineImpact]:
    """What it does on each machine, against what would hold without it."""
    impacts = effective.impact(before, before.changed(found.frozen), catalogue())
    return [impact for impact in impacts if impact.settings_change]
