"""From a file to pending changes: whose settings go where, and what to look at first (LOAD-04..LOAD-08)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from clusters import drafts, replicas
from clusters.catalogue import Document, Scope
from clusters.config_files.errors import NotForClusters
from clusters.config_files.reading import ConfigFile, Documents, FileMachine
from clusters.drafts import Edited
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Mode, group, machine
from clusters.naming import mode_label
from clusters.refusals import Overtaken, Refused
from clusters.state import ClusterState, Machine
from clusters.versions import Address, Change, settings_at
from clusters.wire import same

Compare = Callable[[Document, Document], Sequence[str]]
"""In what the settings of a file differ from those here, in words."""


class BadMapping(Refused):
    """A group or an appliance that the file, or the cluster, does not have, or that does not go there."""


@dataclass(frozen=True)
class Assignment:
    """Which part of the file each mode here gets: group ids and serial numbers here to those of the file.

    A group or a machine here that is not among them keeps its settings: "Don't Copy" (LOAD-06).
    """

    groups: Mapping[str, str]
    machines: Mapping[str, str]
    cluster: bool = True

    @property
    def of_cluster(self) -> bool:
        """Whether groups are mapped too: then a machine gets an appliance of its group's group (LOAD-06)."""
        return self.cluster or bool(self.groups)

    def offers(self, group: str, appliance: FileMachine) -> bool:
        """Whether a machine of that group here may get the appliance: one of the group that it gets."""
        return appliance.group in ("", self.groups.get(group))


@dataclass(frozen=True)
class Plan:
    """What a load would change, and what a person should look at before (LOAD-04).

    `before` is what the entries that change hold now.
    """

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    before: Mapping[Address, Document | None]


def alike(state: ClusterState, file: ConfigFile, *, cluster: bool = True) -> Assignment:
    """What a person most probably wants: groups of the same name, machines of the same serial number.

    Two groups of one name say nothing, and a machine that is in another group than in the file is left alone.
    """
    counted = Counter(each.name.casefold() for each in file.groups)
    names = {each.name.casefold(): each.id for each in file.groups if counted[each.name.casefold()] == 1}
    groups = {g.id: names[g.name.casefold()] for g in state.groups.values() if g.name.casefold() in names}
    found = Assignment(groups, {}, cluster)
    known = {each.serial: each for each in file.machines}
    machines = {
        serial: serial
        for serial, member in state.machines.items()
        if serial in known and found.offers(member.group, known[serial])
    }
    return Assignment(groups, machines, cluster)


def plan(
    state: ClusterState, file: ConfigFile, wanted: Assignment, compare: Mapping[str, Compare] | None = None
) -> Plan:
    """The changes that make the mapped modes hold what the file says, each mode as a whole.

    A feature that has to be defined stays where the file has none: without users nobody could log in.
    `compare` tells of features in what file and machine differ where they should be equal, such as the
    interfaces. Raises NotForClusters (LOAD-02), BadMapping.
    """
    if state.standalone or file.kind != "cluster":
        raise NotForClusters(
            _("Only the file of a cluster is loaded into a cluster; this is the file of one machine.")
            if file.kind != "cluster"
            else _("This machine is in no cluster; the file of a cluster is not loaded here.")
        )
    _require_fitting(state, file, wanted)
    parts = list(_parts(state, file, wanted))
    changes = [change for mode, settings in parts for change in _replaced(state, mode, settings)]
    warnings = [text for mode, settings in parts for text in _unlike(state, mode, settings, compare or {})]
    return Plan(tuple(changes), tuple(warnings), _values(state, changes))


def _values(state: ClusterState, changes: Iterable[Change]) -> dict[Address, Document | None]:
    found = {change.address: state.entries.get(change.address) for change in changes}
    return {address: defined.value if defined else None for address, defined in found.items()}


def _require_fitting(state: ClusterState, file: ConfigFile, wanted: Assignment) -> None:
    """Each appliance goes to one machine only, which is in a group that gets the appliance's (LOAD-06)."""
    known = {each.serial: each for each in file.machines}
    taken: dict[str, str] = {}
    for here, there in wanted.machines.items():
        _require(there in known and here in state.machines, there)
        member, appliance = state.machines[here], known[there]
        if there in taken:
            text = _("Appliance %(name)s of the file is chosen for two machines: %(one)s and %(other)s.")
            raise BadMapping(text % {"name": there, "one": taken[there], "other": member.name})
        taken[there] = member.name
        if wanted.of_cluster and not wanted.offers(member.group, appliance):
            raise BadMapping(_out_of_group(state, file, member, appliance))


def _out_of_group(state: ClusterState, file: ConfigFile, member: Machine, appliance: FileMachine) -> str:
    names = {each.id: each.name for each in file.groups}
    text = _(
        "Appliance %(name)s is of group %(theirs)s of the file, which group %(ours)s of %(machine)s does not"
        " get. Let it get that group, or load the appliance alone."
    )
    told = {"name": appliance.serial, "theirs": names.get(appliance.group, appliance.group)}
    ours = state.groups[member.group].name if member.group in state.groups else member.group
    return text % {**told, "ours": ours, "machine": member.name}


def group_named(file: ConfigFile, name: str) -> str:
    """The id of the file's group of that name, or of that id. Raises BadMapping, naming what is there."""
    found = [each.id for each in file.groups if each.name.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    if any(each.id == name for each in file.groups):
        return name
    if found:
        text = _("The file has %(count)d groups named %(name)s. Say its id: %(ids)s.")
        raise BadMapping(text % {"count": len(found), "name": name, "ids": ", ".join(found)})
    known = ", ".join(each.name for each in file.groups) or "–"
    raise BadMapping(_("The file has no group %(name)s; it has: %(known)s.") % {"name": name, "known": known})


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


def _unlike(
    state: ClusterState, mode: Mode, settings: Documents, compare: Mapping[str, Compare]
) -> list[str]:
    found = []
    for name, unlike in compare.items():
        defined = state.defined(mode, name)
        told = unlike(defined.value, settings[name]) if defined and name in settings else ()
        if told:
            text = _("%(feature)s of %(mode)s: %(what)s. Look at it before you commit.")
            label = mode_label(state, mode)
            found.append(text % {"feature": name, "mode": label, "what": "; ".join(told)})
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
