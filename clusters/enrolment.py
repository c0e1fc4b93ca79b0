"""Who belongs to a cluster: create, take in, remove (CR-01..CR-08, JN-05..JN-19, RM-01..RM-06)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace

from django.utils.translation import gettext as _

from clusters import modes, versions
from clusters.addressing import check_address, check_name, check_serial
from clusters.catalogue import Document, Scope
from clusters.installed import catalogue
from clusters.membership_refusals import AlreadyMember, AlreadyNamed, Apart, OwnSettingsOnly
from clusters.modes import CLUSTER, group
from clusters.operations import (
    Values,
    erased,
    members_of,
    operation,
    require_free,
    require_holder,
    require_no_drafts,
)
from clusters.state import ClusterState, Group, Machine, Portal, UnknownMode
from clusters.versions import THE_CLUSTER, Address, Kind, settings_at

MAIN_GROUP = "Main_Group"
"""The group that comes with every cluster (GRP-01)."""
ADVISED_MACHINES = 20
"""More members are allowed, with a warning that their communication may suffer (CL-08)."""


def create(
    replica_id: int, *, name: str, machine: Machine, by_address: bool, user: str, host: str
) -> versions.Commit:
    """Make a cluster of a standalone machine, which becomes its first member, in Main_Group (CR-02..CR-08).

    `machine.address` is a host name or an IP address as `by_address` says (CR-07, CL-13). What the machine
    has set becomes the cluster's; only what cannot be shared stays on machine level (CR-03). Raises
    InCluster, NotThisMachine, PendingDrafts, BadName, BadAddress, AlreadyNamed.
    """
    with operation(replica_id, standalone=True) as op:
        require_no_drafts(replica_id)
        require_holder(op.row, machine.serial)
        wanted = check_name(name)
        if wanted.casefold() == MAIN_GROUP.casefold():
            raise AlreadyNamed(
                _("A cluster cannot be called %(name)s: its first group is.") % {"name": wanted}
            )
        check_serial(machine.serial)
        address = check_address(machine.address, by_address)
        first = Group(str(uuid.uuid4()), MAIN_GROUP, initial=True)
        member = replace(
            machine, name=check_name(machine.name), address=address, group=first.id, disconnected=False
        )
        values: Values = {
            THE_CLUSTER: {"name": wanted, "by_address": by_address},
            Address(Kind.GROUP, first.id): first.to_value(),
            Address(Kind.MACHINE, member.serial): member.to_value(),
            **_shared(op.state, member.serial),
        }
        return op.commit(values, user, host, _("Create the cluster %(name)s") % {"name": wanted})


def _shared(state: ClusterState, serial: str) -> Values:
    # A standalone machine may have set something shareable on machine level; it must not stay there (CR-03).
    values: Values = {}
    for name, defined in state.settings.get(modes.machine(serial), {}).items():
        if name in catalogue() and catalogue()[name].scope is not Scope.MACHINE:
            values[settings_at(modes.machine(serial), name)] = None
            values[settings_at(CLUSTER, name)] = defined.value
    return values


def enrol_machine(
    replica_id: int,
    *,
    machine: Machine,
    settings: Mapping[str, Document],
    kept: Mapping[str, Document] | None = None,
    user: str,
    host: str,
) -> versions.Commit:
    """Take a machine into the cluster: what the contacted member does for a joiner (JN-05, JN-07, JN-19).

    `machine.group` is empty for the initial group, or the id of another (T9). `settings` are the joiner's
    machine-only documents, `kept` what else it keeps as overrides of its own. A pending join of that serial
    number disappears (JN-15). Raises NotInCluster, Apart, AlreadyMember, AlreadyNamed, BadName, BadAddress,
    OwnSettingsOnly, UnknownMode, InvalidDocument, UnknownFeature, WrongLevel.
    """
    with operation(replica_id) as op:
        _require_with_the_others(op.state, op.row.serial)
        values = _enrolment(op.state, machine)
        values |= _own_settings(op.state, machine.serial, settings)
        mode = modes.machine(machine.serial)
        for name, value in (kept or {}).items():
            values[settings_at(mode, name)] = catalogue().check(name, mode, value)
        text = _("%(name)s joins the cluster") % {"name": machine.name}
        return op.commit(values, user, host, text)


def require_welcome(state: ClusterState, joiner: Machine, *, member: str) -> None:
    """See that a member could take a machine in now; raises what `enrol_machine` raises for both."""
    _require_with_the_others(state, member)
    _enrolment(state, joiner)


def _require_with_the_others(state: ClusterState, serial: str) -> None:
    member = state.machines.get(serial)
    if member is not None and member.disconnected:
        raise Apart(
            _(
                "%(name)s is disconnected from its cluster, for an upgrade perhaps, and takes no machine in. "
                "Join at another member, or when it is reconnected."
            )
            % {"name": member.name}
        )


def _enrolment(state: ClusterState, joiner: Machine) -> Values:
    check_serial(joiner.serial)
    if joiner.serial in state.machines:
        raise AlreadyMember(
            _("A machine with the serial number %(serial)s is a member already. Remove it first.")
            % {"serial": joiner.serial}
        )
    name = check_name(joiner.name)
    require_free(name, [m.name for m in state.machines.values()])
    address = check_address(joiner.address, state.by_address)
    home = joiner.group or state.initial_group.id
    state.mode_name(group(home))
    member = replace(joiner, name=name, address=address, group=home, disconnected=False)
    values: Values = {Address(Kind.MACHINE, member.serial): member.to_value()}
    waiting = Address(Kind.PENDING_JOIN, member.serial)
    if waiting in state.entries:
        values[waiting] = None
    return values


def _own_settings(state: ClusterState, serial: str, settings: Mapping[str, Document]) -> Values:
    mode = modes.machine(serial)
    known = catalogue()
    for name in settings:
        if known[name].scope is not Scope.MACHINE:
            raise OwnSettingsOnly(
                _("A joining machine brings only its own settings, not %(feature)s.") % {"feature": name}
            )
    left: Values = {settings_at(mode, name): None for name in state.settings.get(mode, {})}
    return left | {settings_at(mode, n): known.check(n, mode, value) for n, value in settings.items()}


def enrol_portal(replica_id: int, *, portal: Portal, user: str, host: str) -> versions.Commit:
    """Let a portal follow the cluster as a peer, or give a known one another key.

    Raises NotInCluster, BadName.
    """
    with operation(replica_id) as op:
        check_serial(portal.serial)
        known = replace(portal, name=check_name(portal.name))
        text = _("The portal %(name)s follows the cluster") % {"name": known.name}
        return op.commit({Address(Kind.PORTAL, known.serial): known.to_value()}, user, host, text)


def remove_portal(replica_id: int, serial: str, *, user: str, host: str) -> versions.Commit:
    """No longer let a portal follow the cluster; raises NotInCluster, UnknownMode."""
    with operation(replica_id) as op:
        if serial not in op.state.portals:
            raise UnknownMode(_("No portal %(serial)s follows this cluster.") % {"serial": serial})
        name = op.state.portals[serial].name
        text = _("The portal %(name)s no longer follows the cluster") % {"name": name}
        return op.commit({Address(Kind.PORTAL, serial): None}, user, host, text)


def remove_machine(
    replica_id: int, serial: str, *, user: str, host: str, losing: Collection[str] = ()
) -> versions.Commit:
    """Remove a member for good, with its machine-level settings (RM-01..RM-06).

    The machine itself goes on by `joining.leave`. Removing the last one deletes the cluster (RM-03): nothing
    of it stays but the log. A machine that removes itself loses what people have not committed there:
    `losing` are those of whom that is agreed (TRL-12). Raises NotInCluster, UnknownMode, PendingDrafts.
    """
    with operation(replica_id) as op:
        (member,) = members_of(op.state, [serial])
        if serial == op.row.serial:
            require_no_drafts(replica_id, losing)
        if len(op.state.machines) == 1:
            values: Values = dict.fromkeys(op.state.entries)
        else:
            values = {Address(Kind.MACHINE, serial): None, **erased(op.state, modes.machine(serial))}
        text = _("Remove %(name)s from the cluster") % {"name": member.name}
        return op.commit(values, user, host, text)
