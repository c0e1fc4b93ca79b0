"""A change tried on some machines first: what they get for a while, and the way on and back.

The try is a commit like any other: it defines at the mode of each chosen machine what would hold there after
the change. Going on commits the change itself and takes these definitions away in the same commit; going
back gives each machine what its mode had. Nothing here knows mail, and nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clusters.catalogue import Catalogue, Document, Scope
from clusters.effective import setting_at
from clusters.modes import machine
from clusters.state import ClusterState, Machine
from clusters.versions import Address, Change, CommitId, settings_at
from clusters.wire import same

Versions = Mapping[Address, CommitId]
"""The version in force of each entry that was ever written, absent ones included."""


@dataclass(frozen=True, slots=True)
class Tried:
    """An entry of one machine during a try: `had` is what its mode defined before, None for nothing."""

    address: Address
    had: Document | None
    value: Document


def untried(changes: Iterable[Change], catalogue: Catalogue) -> list[Address]:
    """The changed entries that no machine can try first: what is not clusterable, and what is no setting."""
    return [change.address for change in changes if not _clusterable(change.address, catalogue)]


def _clusterable(address: Address, catalogue: Catalogue) -> bool:
    known = address.mode is not None and address.name in catalogue
    return known and catalogue[address.name].scope is Scope.CLUSTERABLE


def plan(
    state: ClusterState, changes: Sequence[Change], catalogue: Catalogue, serials: Iterable[str]
) -> list[Tried]:
    """What the machines' modes must define so that they run now what the change would give them.

    Only the features whose value would change on the machine.
    """
    after = state.changed(changes)
    touched = {change.address.name: None for change in changes if _clusterable(change.address, catalogue)}
    found = (_tried(state, after, catalogue, serial, name) for serial in serials for name in touched)
    return [tried for tried in found if tried is not None]


def _tried(
    state: ClusterState, after: ClusterState, catalogue: Catalogue, serial: str, feature: str
) -> Tried | None:
    mode = machine(serial)
    value = setting_at(after, mode, feature, catalogue).value
    if same(setting_at(state, mode, feature, catalogue).value, value):
        return None
    own = state.defined(mode, feature)
    return Tried(settings_at(mode, feature), own.value if own else None, value)


def reached(state: ClusterState, changes: Sequence[Change], catalogue: Catalogue) -> list[Machine]:
    """The machines on which something of the change can be tried."""
    modes = {tried.address.mode for tried in plan(state, changes, catalogue, state.machines)}
    return [m for m in state.machines.values() if machine(m.serial) in modes]


def some_of_each_group(machines: Iterable[Machine], count: int) -> list[Machine]:
    """The first `count` machines of each group, in their order."""
    chosen: list[Machine] = []
    for one in machines:
        if [m.group for m in chosen].count(one.group) < count:
            chosen.append(one)
    return chosen


def begin(tried: Iterable[Tried], now: Versions) -> list[Change]:
    """The commit that begins the try."""
    return [Change(each.address, each.value, now.get(each.address)) for each in tried]


def go_on(changes: Iterable[Change], tried: Iterable[Tried], trial: CommitId) -> list[Change]:
    """The one commit that makes the change everywhere and ends the try whose commit was `trial`.

    Each change keeps the version on which its author built, so that others' commits are noticed (CMT-04).
    """
    during = {each.address: each for each in tried}
    whole = [Change(c.address, c.value, trial if c.address in during else c.replaces) for c in changes]
    changed = {change.address for change in whole}
    back = (Change(each.address, each.had, trial) for each in during.values() if each.address not in changed)
    return [*whole, *back]


def go_back(tried: Iterable[Tried], trial: CommitId, now: Versions) -> list[Change]:
    """The commit that gives each machine what it had; what others have written there since is theirs."""
    mine = (each for each in tried if now.get(each.address) == trial)
    return [Change(each.address, each.had, trial) for each in mine]


def replaced(
    changes: Iterable[Change], tried: Iterable[Tried], trial: CommitId | None, now: Versions
) -> list[Address]:
    """The entries, of the change and of a running try, that somebody else has written since."""
    expected: dict[Address, CommitId | None] = {change.address: change.replaces for change in changes}
    if trial is not None:
        expected |= {each.address: trial for each in tried}
    return [address for address, base in expected.items() if now.get(address) != base]
