"""Groups of a cluster (GRP-01..GRP-07, CL-02)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.utils.translation import gettext

from clusters import versions
from clusters.addressing import check_name
from clusters.membership_refusals import AlreadyNamed, GroupInUse, LastGroup
from clusters.modes import group
from clusters.operations import Values, erased, members_of, names_of, operation, require_free
from clusters.phrases import phrase as _
from clusters.state import ClusterState, Group, Machine, UnknownMode
from clusters.versions import Address, Kind


def _require_group_name(state: ClusterState, name: str, own: str = "") -> str:
    wanted = check_name(name)
    require_free(wanted, [g.name for g in state.groups.values() if g.id != own])
    if wanted.casefold() == state.name.casefold():
        raise AlreadyNamed(_("A group cannot have the name of the cluster, %(name)s.") % {"name": wanted})
    return wanted


def add_group(replica_id: int, name: str, *, user: str, host: str) -> Group:
    """Add an empty group (GRP-02, CR-08, L01); raises NotInCluster, BadName, AlreadyNamed."""
    with operation(replica_id) as op:
        new = Group(str(uuid.uuid4()), _require_group_name(op.state, name))
        text = gettext("Add the group %(name)s") % {"name": new.name}
        op.commit({Address(Kind.GROUP, new.id): new.to_value()}, user, host, text)
        return new


def rename_group(replica_id: int, group_id: str, name: str, *, user: str, host: str) -> versions.Commit:
    """Give a group another name; its members and settings stay (GRP-05, GRP-07).

    Raises NotInCluster, UnknownMode, BadName, AlreadyNamed.
    """
    with operation(replica_id) as op:
        old = op.state.mode_name(group(group_id))
        wanted = _require_group_name(op.state, name, group_id)
        new = replace(op.state.groups[group_id], name=wanted)
        text = gettext("Rename the group %(old)s to %(new)s") % {"old": old, "new": wanted}
        return op.commit({Address(Kind.GROUP, group_id): new.to_value()}, user, host, text)


def delete_group(
    replica_id: int, group_id: str, *, target_id: str | None = None, user: str, host: str
) -> versions.Commit:
    """Drop a group and its settings; its machines go to the group `target_id` (GRP-06, CL-02).

    Deleting the initial group makes its target, or else the first one left, the home of joiners. Raises
    NotInCluster, UnknownMode, LastGroup, GroupInUse when it has machines and no target is given.
    """
    with operation(replica_id) as op:
        name = op.state.mode_name(group(group_id))
        left = [g for g in op.state.groups if g != group_id]
        members = op.state.members(group_id)
        if not left:
            raise LastGroup(_("%(name)s is the last group; a cluster has at least one.") % {"name": name})
        if members and target_id is None:
            raise GroupInUse(
                _("%(name)s has machines. Choose the group that receives them.") % {"name": name}
            )
        target = left[0] if target_id is None else target_id
        if target not in left:
            raise UnknownMode(
                _("Choose one of the other groups for the machines of %(name)s.") % {"name": name}
            )
        values: Values = {Address(Kind.GROUP, group_id): None}
        values |= _moved(members, target)
        values |= erased(op.state, group(group_id))
        if op.state.groups[group_id].initial:
            values[Address(Kind.GROUP, target)] = replace(op.state.groups[target], initial=True).to_value()
        return op.commit(values, user, host, gettext("Delete the group %(name)s") % {"name": name})


def set_group(
    replica_id: int, serials: Sequence[str], group_id: str, *, user: str, host: str
) -> versions.Commit | None:
    """Put machines into a group; their effective settings change at once (GRP-03).

    Returns None when all are in it already. Raises NotInCluster, UnknownMode.
    """
    with operation(replica_id) as op:
        name = op.state.mode_name(group(group_id))
        members = [m for m in members_of(op.state, serials) if m.group != group_id]
        if not members:
            return None
        text = gettext("Put %(machines)s into the group %(name)s") % {
            "machines": names_of(members),
            "name": name,
        }
        return op.commit(_moved(members, group_id), user, host, text)


def _moved(members: Iterable[Machine], target: str) -> Values:
    return {Address(Kind.MACHINE, m.serial): replace(m, group=target).to_value() for m in members}
