"""Copy, move and delete settings between modes, and begin new ones (SET-03..SET-10, CLI-09).

`plan` says what would happen and what to ask the person; `carry_out` makes it drafts, active after commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from clusters import drafts, models, replicas
from clusters.acceptance import require_mode
from clusters.catalogue import Catalogue, Document, Scope, WrongLevel
from clusters.drafts import Edited
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Level, Mode, group, machine
from clusters.naming import level_word, mode_label
from clusters.references import Unresolved, newly_broken
from clusters.refusals import Overtaken, Refused
from clusters.state import ClusterState, Machine
from clusters.versions import Change, canonical, digest, settings_at


class NothingToTransfer(Refused):
    """The source mode does not define the feature."""


class SameMode(Refused):
    """Source and target are one."""


class NotTransferable(Refused):
    """The settings belong to one machine, or to the cluster as a whole: no mode gets another's."""


class Action(StrEnum):
    """What to do with the settings of a mode."""

    COPY = "copy"
    MOVE = "move"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would do, on top of the person's drafts; the last three are to be confirmed.

    `replaced` are targets whose own settings would be replaced as a whole (SET-05), `broken` the references
    that would newly lead nowhere (SET-07), `emptied` the machines that would fall back to an empty table
    because the cluster's settings go and there is no factory default (SET-08). `before` is what the entries
    that change hold now.
    """

    action: Action
    feature: str
    source: Mode
    targets: tuple[Mode, ...]
    changes: tuple[Change, ...]
    replaced: tuple[Mode, ...]
    broken: tuple[Unresolved, ...]
    emptied: tuple[Machine, ...]
    before: tuple[Document | None, ...] = ()

    @property
    def mark(self) -> str:
        """Tells whether a plan is the one that a person was shown."""
        return digest([canonical([c.value for c in self.changes]), canonical(list(self.before))])[:16]


def plan(
    replica_id: int, user: str, action: Action, feature: str, source: Mode, targets: Sequence[Mode] = ()
) -> Plan:
    """What an action on the settings of one feature would do.

    Copy and move take targets, delete none. Raises UnknownFeature, UnknownMode, NotTransferable,
    NothingToTransfer, SameMode.
    """
    before = drafts.draft_state(replica_id, user)
    row = models.Replica.objects.get(pk=replica_id)
    known = catalogue()
    wanted = tuple(dict.fromkeys(targets))
    for mode in (source, *wanted):
        require_mode(before, row.serial, mode)
    if wanted:
        _require_transferable(feature, known)
    document = _document(before, source, feature, known)
    _require_other(source, wanted)
    changes = [Change(settings_at(mode, feature), document) for mode in wanted]
    if action is not Action.COPY:
        changes.append(Change(settings_at(source, feature), None))
    after = before.changed(changes)
    alone = drafts.holder_of(replica_id, before)
    return Plan(
        action,
        feature,
        source,
        wanted,
        tuple(changes),
        tuple(mode for mode in wanted if before.defined(mode, feature)),
        tuple(newly_broken(before, after, known, alone)),
        tuple(_emptied(before, after, feature, known, alone)),
        tuple(_value(before, change) for change in changes),
    )


def _value(state: ClusterState, change: Change) -> Document | None:
    found = state.entries.get(change.address)
    return found.value if found else None


def transferable(feature: str) -> bool:
    """Whether what one mode defines of it can go to another; never what is of one machine alone (TRL-13)."""
    return catalogue()[feature].scope is Scope.CLUSTERABLE


def _require_transferable(feature: str, known: Catalogue) -> None:
    # An address or a listener of one machine would be somebody else's on the next.
    if known[feature].scope is Scope.MACHINE:
        text = _("%(feature)s belongs to one machine alone: it is not copied or moved between modes.")
        raise NotTransferable(text % {"feature": feature})
    if known[feature].scope is Scope.CLUSTER:
        text = _("%(feature)s belongs to the cluster as a whole: it is not copied or moved between modes.")
        raise NotTransferable(text % {"feature": feature})


def _document(state: ClusterState, source: Mode, feature: str, known: Catalogue) -> Document:
    known[feature]
    found = state.defined(source, feature)
    if found is None:
        raise NothingToTransfer(
            _("%(mode)s defines no %(feature)s.") % {"mode": mode_label(state, source), "feature": feature}
        )
    return found.value


def _require_other(source: Mode, targets: Sequence[Mode]) -> None:
    # Their level is not asked: what is transferable can be defined on every one.
    if source in targets:
        raise SameMode(_("Choose another mode than the one the settings are in."))


def _wrong_level(feature: str, mode: Mode) -> str:
    text = _("%(feature)s cannot be defined in %(level)s mode.")
    return text % {"feature": feature, "level": level_word(mode.level).lower()}


def _emptied(
    before: ClusterState, after: ClusterState, feature: str, known: Catalogue, alone: Sequence[Machine]
) -> list[Machine]:
    if known[feature].factory_default is not None:
        return []
    return [
        m
        for m in (*after.machines.values(), *alone)
        if setting_at(before, machine(m.serial), feature, known).origin == CLUSTER
        and setting_at(after, machine(m.serial), feature, known).origin is None
    ]


def carry_out(replica_id: int, user: str, planned: Plan) -> list[Edited]:
    """Make a plan the user's drafts, all or none (SET-09), as it was shown to the person.

    Raises Overtaken where it would do something else by now, and what `drafts.edit_entry` raises.
    """
    with drafts.held(replica_id):
        require_current(replica_id, user, planned)
        return [drafts.edit_entry(replica_id, user, c.address, c.value) for c in planned.changes]


def require_current(replica_id: int, user: str, planned: Plan) -> None:
    """See that the plan would still be made as it is; raises Overtaken, and what `plan` raises."""
    told = (planned.action, planned.feature, planned.source, planned.targets)
    if plan(replica_id, user, *told) != planned:
        raise Overtaken(
            _("These settings were changed since you were asked. Nothing was kept; look and repeat it.")
        )


def all_groups(replica_id: int, source: Mode) -> list[Mode]:
    """The targets of "all groups"."""
    return [mode for mode in map(group, replicas.state(replica_id).groups) if mode != source]


class Start(StrEnum):
    """What the new settings of a mode begin with (CLI-09, GUI-07)."""

    EMPTY = "empty"
    FACTORY = "factory"
    INHERITED = "inherited"
    MODE = "mode"


def start_document(
    replica_id: int, user: str, mode: Mode, feature: str, start: Start, source: Mode | None = None
) -> Document:
    """The document with which to begin settings of a feature at a mode; nothing is pending before `edit`.

    EMPTY is the feature's empty one (CL-09), FACTORY its factory default, INHERITED what holds at the mode
    without settings of its own, MODE what `source` defines. Raises UnknownFeature, WrongLevel, UnknownMode,
    NotTransferable, NothingToTransfer.
    """
    known = catalogue()
    state = drafts.draft_state(replica_id, user)
    if not known.allows(feature, mode):
        raise WrongLevel(_wrong_level(feature, mode))
    if start is Start.EMPTY:
        return known[feature].empty
    if start is Start.FACTORY:
        return known.fallback(feature)
    if start is Start.MODE and source is not None:
        _require_transferable(feature, known)
        return _document(state, source, feature, known)
    without = state.changed([Change(settings_at(mode, feature), None)])
    return setting_at(without, mode, feature, known).value


def starting_points(replica_id: int, user: str, mode: Mode, feature: str) -> list[Mode]:
    """The other modes whose settings may be copied, those it would inherit from first (CLI-09, GUI-07)."""
    if not transferable(feature):
        return []
    state = drafts.draft_state(replica_id, user)
    chain = state.chain(mode)
    others = [m for m in state.defining(feature) if m != mode]
    if mode.level is Level.CLUSTER:
        return others
    return sorted(others, key=lambda m: chain.index(m) if m in chain else len(chain))
