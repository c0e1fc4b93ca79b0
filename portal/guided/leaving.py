"""What a machine keeps when it leaves its cluster: the values that hold on it, flattened (RM-01, RM-03)."""

from __future__ import annotations

from clusters import effective
from clusters.effective import Setting
from clusters.installed import catalogue
from clusters.modes import machine
from clusters.state import ClusterState


def flattened(state: ClusterState, serial: str) -> list[Setting]:
    """Every feature that the machine would write into its own settings, with where it comes from now."""
    found = effective.effective(state, machine(serial), catalogue()).settings.values()
    return [setting for setting in found if setting.origin is not None]


def ends_cluster(state: ClusterState) -> bool:
    """Whether the next removal is the last."""
    return len(state.machines) == 1
