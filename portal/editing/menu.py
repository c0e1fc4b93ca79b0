"""The menu of a cluster in a mode: tabs and pages, and what each page's settings are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.http import Http404

from clusters.catalogue import Scope
from clusters.effective import Setting, setting_at
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Level, Mode, machine
from clusters.state import ClusterState, UnknownMode
from portal.place import Place


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu: its feature, and what holds in the mode (None where the feature cannot be)."""

    feature: Any
    setting: Setting | None
    mode: Mode
    pending: bool

    @property
    def here(self) -> bool:
        """Whether the mode itself defines the feature."""
        return self.setting is not None and self.setting.origin == self.mode


def entries(place: Place, mode: Mode) -> list[Entry]:
    """Every page, in the order of the menu."""
    known = catalogue()
    touched = {name for name, found in place.draft.settings.get(mode, {}).items() if found.by is None}
    gone = place.state.settings.get(mode, {}).keys() - place.draft.settings.get(mode, {}).keys()
    return [
        Entry(
            feature,
            setting_at(place.draft, mode, feature.name, known) if known.allows(feature.name, mode) else None,
            mode,
            feature.name in touched or feature.name in gone,
        )
        for feature in known
    ]


def tabs(found: list[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """The pages by their tab."""
    for tab, group in groupby(found, key=lambda entry: str(entry.feature.tab)):
        yield tab, list(group)


def feature_of(page: str) -> Any:
    """The feature whose page that is; Http404."""
    for feature in catalogue():
        if getattr(feature, "page", None) == page:
            return feature
    raise Http404


def has_mode(state: ClusterState, mode: Mode) -> bool:
    """Whether the cluster has that mode."""
    try:
        state.mode_name(mode)
    except UnknownMode:
        return False
    return True


def require_mode(state: ClusterState, mode: Mode) -> None:
    """Http404 for a mode that the cluster does not have (any more)."""
    if not has_mode(state, mode):
        raise Http404


def suitable(state: ClusterState, feature: Any, mode: Mode) -> list[Mode]:
    """Where a feature that `mode` cannot hold has its page (RES-01, RES-02, GUI-15)."""
    if feature.scope is Scope.CLUSTER:
        return [CLUSTER]
    members = state.members(mode.id) if mode.level is Level.GROUP else state.machines.values()
    return [machine(m.serial) for m in members]
