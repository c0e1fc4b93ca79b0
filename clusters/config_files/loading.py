"""From a file to pending changes: whose settings go where, and what to look at first (LOAD-04..LOAD-08)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from clusters import drafts, replicas
from clusters.catalogue import Document, Scope
from clusters.config_files.errors import NotForClusters
from clusters.config_files.reading import ConfigFile, Documents
from clusters.drafts import Edited
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Mode, group, machine
from clusters.naming import mode_label
from clusters.refusals import Overtaken, Refused
from clusters.state import ClusterState
from clusters.versions import Address, Change, settings_at
from clusters.wire import same


class BadMapping(Refused):
    """A group or an appliance that the file, or the cluster, does not have."""


@dataclass(frozen=True)
class Assignment:
    """Which part of the file each mode here gets: group ids and serial numbers here to those of the file.

    A group or a machine here that is not among them keeps its settings: "Don't Copy" (LOAD-06).
    """

    groups: Mapping[str, str]
    machines: Mapping[str, str]
    cluster: bool = True


@dataclass(frozen=True)
class Plan:
    """What a load would change, and what a person should look at before (LOAD-04).

    `before` is what the entries that change hold now.
    """

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    before: Mapping[Address, Document | None]


def alike(state: ClusterState, file: ConfigFile, *, cluster: bool = True) -> Assignment:
    """What a person most probably wants: groups of the same name, machines of the same serial number."""
    names = {each.name.casefold(): each.id for each in file.groups}
    groups = {g.id: names[g.name.casefold()] for g in state.groups.values() if g.name.casefold() in names}
    known = {each.serial for each in file.machines}
    return Assignment(groups, {serial: serial for serial in state.machines if serial in known}, cluster)


def plan(state: ClusterState, file: ConfigFile, wanted: Assignment, check: tuple[str, ...] = ()) -> Plan:
    """The changes that make the mapped modes hold what the file says, each mode as a whole.

    A feature that has to be defined stays where the file has none: without users nobody could log in.
    `check` are features that should be equal in file and machine, such as the interfaces. Raises
    NotForClusters (LOAD-02), BadMapping.
    """
    if state.standalone or file.kind != "cluster":
        raise NotForClusters(
            _("Only the file of a cluster is loaded into a cluster; this is the file of one machine.")
            if file.kind != "cluster"
            else _("This machine is in no cluster; the file of a cluster is not loaded here.")
        )
    parts = list(_parts(state, file, wanted))
    changes = [change for mode, settings in parts for change in _replaced(state, mode, settings)]
    warnings = [text for mode, settings in parts for text in _unlike(state, mode, settings, check)]
    return Plan(tuple(changes), tuple(warnings), _values(state, changes))


def _values(state: ClusterState, changes: Iterable[Change]) -> dict[Address, Document | None]:
    found = {change.address: state.entries.get(change.address) for change in changes}
    return {address: defined.value if defined else None for address, defined in found.items()}


def _parts(state: ClusterState, file: ConfigFile, wanted: Assignment) -> list[tuple[Mode, Documents]]:
    found: list[tuple[Mode, Documents]] = [(CLUSTER, file.cluster)] if wanted.cluster else []
    groups = {each.id: each.settings for each in file.groups}
    machines = {each.serial: each.settings for each in file.machines}
    for here, there in wanted.groups.items():
        _require(there in groups and here in state.groups, there)
        found.append((group(here), groups[there]))
    for here, there in wanted.machines.items():
        _require(there in machines and here in state.machines, there)
        found.append((machine(here), machines[there]))
    return found


def _require(known: bool, name: str) -> None:
    if not known:
        raise BadMapping(_("%(name)s is not in the file, or its target not in the cluster.") % {"name": name})


def _replaced(state: ClusterState, mode: Mode, settings: Documents) -> list[Change]:
    now = {name: defined.value for name, defined in state.settings.get(mode, {}).items()}
    gone = {name for name in now.keys() - settings.keys() if not _has_to_be_defined(name)}
    changed = [n for n in gone | settings.keys() if not same(now.get(n), settings.get(n))]
    return [Change(settings_at(mode, name), settings.get(name)) for name in sorted(changed)]


def _has_to_be_defined(feature: str) -> bool:
    known = catalogue()
    return feature in known and known.needs_definition(feature)


def _unlike(state: ClusterState, mode: Mode, settings: Documents, check: tuple[str, ...]) -> list[str]:
    found = []
    for name in check:
        defined = state.defined(mode, name)
        if name in settings and defined is not None and not same(defined.value, settings[name]):
            text = _("%(feature)s of %(mode)s is another one in the file; look at it before you commit.")
            found.append(text % {"feature": name, "mode": mode_label(state, mode)})
    return found


def stage(replica_id: int, user: str, planned: Plan) -> list[Edited]:
    """Make the plan pending; the person's other pending changes of the same entries go (LOAD-08).

    Raises Overtaken where somebody has changed one of them since: the person has not seen that.
    """
    with drafts.held(replica_id):
        if _values(replicas.state(replica_id), planned.changes) != planned.before:
            raise Overtaken(
                _("These settings were changed since you were asked. Nothing was kept; look and repeat it.")
            )
        return [drafts.edit_entry(replica_id, user, c.address, c.value) for c in planned.changes]


def restore_machine(replica_id: int, user: str, file: ConfigFile) -> list[Edited]:
    """Make pending, on a machine in no cluster, what the file of one machine says (LOAD-03).

    What the file does not name stays, such as the users of the machine. Raises NotForClusters on a member.
    """
    state = replicas.state(replica_id)
    if not state.standalone or file.kind != "machine":
        raise NotForClusters(_("The file of one machine is loaded on a machine that is in no cluster."))
    (told,) = file.machines
    holder = drafts.holder_of(replica_id, state)[0].serial
    with drafts.held(replica_id):
        return [
            drafts.edit_entry(replica_id, user, _home(holder, name), value)
            for name, value in told.settings.items()
        ]


def _home(serial: str, feature: str) -> Address:
    own = catalogue()[feature].scope is Scope.MACHINE
    return settings_at(machine(serial) if own else CLUSTER, feature)
