"""Operations on the cluster itself; each is one commit made on the spot (CMT-08).

Here are its name and how members are reached; the rest is re-exported for callers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext

from clusters import versions
from clusters.addressing import check_address, check_name
from clusters.enrolment import (
    MAIN_GROUP,
    create,
    enrol_machine,
    enrol_portal,
    remove_machine,
    remove_portal,
    require_welcome,
)
from clusters.grouping import add_group, delete_group, rename_group, set_group
from clusters.joining import (
    JoinPreview,
    PendingJoin,
    admit,
    become_member,
    flatten,
    is_removed,
    kept_settings,
    leave,
    own_settings,
    pending_joins,
    prepare_join,
    preview_join,
    withdraw_join,
)
from clusters.membership_refusals import AlreadyNamed
from clusters.operations import Values, members_of, names_of, operation, require_free
from clusters.phrases import phrase as _
from clusters.state import Machine
from clusters.versions import THE_CLUSTER, Address, Kind

__all__ = [
    "MAIN_GROUP",
    "JoinPreview",
    "PendingJoin",
    "add_group",
    "admit",
    "become_member",
    "create",
    "delete_group",
    "enrol_machine",
    "enrol_portal",
    "flatten",
    "follow_member",
    "is_removed",
    "kept_settings",
    "leave",
    "own_settings",
    "pending_joins",
    "prepare_join",
    "preview_join",
    "remove_machine",
    "remove_portal",
    "rename_group",
    "require_welcome",
    "set_communication",
    "set_disconnected",
    "set_group",
    "set_keys",
    "set_name",
    "set_safe_wait",
    "withdraw_join",
]


def set_name(replica_id: int, name: str, *, user: str, host: str) -> versions.Commit:
    """Rename the cluster (GRP-08); raises NotInCluster, BadName, AlreadyNamed (L01)."""
    with operation(replica_id) as op:
        wanted = check_name(name)
        if wanted.casefold() in {g.name.casefold() for g in op.state.groups.values()}:
            raise AlreadyNamed(_("A group is called %(name)s already.") % {"name": wanted})
        value = {**op.state.entries[THE_CLUSTER].value, "name": wanted}
        text = gettext("Rename the cluster to %(name)s") % {"name": wanted}
        return op.commit({THE_CLUSTER: value}, user, host, text)


def set_safe_wait(replica_id: int, safe_wait: bool, *, user: str, host: str) -> versions.Commit | None:
    """Whether settings in conflict stay as they were before it, or the newest holds (SYN-08).

    What is in conflict now changes at once. Returns None when it is so already. Raises NotInCluster.
    """
    with operation(replica_id) as op:
        if op.state.safe_wait == safe_wait:
            return None
        value = {**op.state.entries[THE_CLUSTER].value, "safe_wait": safe_wait}
        text = (
            gettext("Settings in conflict wait for a decision")
            if safe_wait
            else gettext("In a conflict the newest holds")
        )
        return op.commit({THE_CLUSTER: value}, user, host, text)


def set_disconnected(
    replica_id: int, serials: Sequence[str], disconnected: bool, *, user: str, host: str
) -> versions.Commit | None:
    """Detach members for a while, or take them back (SYN-14: they stay members; UPG-02).

    Whoever reconnects a machine has seen to its release first (`addressing.require_release`, CL-12).
    Returns None when all are so already. Raises NotInCluster, UnknownMode.
    """
    with operation(replica_id) as op:
        members = [m for m in members_of(op.state, serials) if m.disconnected != disconnected]
        if not members:
            return None
        values: Values = {
            Address(Kind.MACHINE, m.serial): replace(m, disconnected=disconnected).to_value() for m in members
        }
        text = gettext("Disconnect %(machines)s") if disconnected else gettext("Reconnect %(machines)s")
        return op.commit(values, user, host, text % {"machines": names_of(members)})


def set_communication(
    replica_id: int, *, by_address: bool, machines: Sequence[Machine], user: str, host: str
) -> versions.Commit:
    """Change how members reach one another: by name or by address, and each one's address and ports (CR-07).

    `machines` carry the new `address`, `port` and `ccs_port`; the rest of them is ignored, and members not
    among them keep theirs, which must be of the wanted style too (CL-13). Raises NotInCluster, UnknownMode,
    BadAddress.
    """
    with operation(replica_id) as op:
        members_of(op.state, [m.serial for m in machines])
        wanted = {m.serial: m for m in machines}
        values: Values = {THE_CLUSTER: {**op.state.entries[THE_CLUSTER].value, "by_address": by_address}}
        for member in op.state.machines.values():
            new = wanted.get(member.serial, member)
            address = check_address(new.address, by_address)
            if new is not member:
                reached = replace(member, address=address, port=new.port, ccs_port=new.ccs_port)
                values[Address(Kind.MACHINE, member.serial)] = reached.to_value()
        return op.commit(values, user, host, gettext("Change how the machines reach one another"))


def follow_member(replica_id: int, now: Machine, *, user: str, host: str) -> versions.Commit | None:
    """Let the entry of a member follow what the machine itself is: its name, address and ports (CL-15).

    The rest of `now` is ignored. Returns None when the entry says so already. Raises NotInCluster,
    UnknownMode, BadName, AlreadyNamed, BadAddress.
    """
    with operation(replica_id) as op:
        (member,) = members_of(op.state, [now.serial])
        name = check_name(now.name)
        require_free(name, [m.name for m in op.state.machines.values() if m is not member])
        check_address(now.address, op.state.by_address)
        new = replace(member, name=name, address=now.address, port=now.port, ccs_port=now.ccs_port)
        if new == member:
            return None
        told = {"old": member.name, "new": name, "address": now.address, "port": now.ccs_port or now.port}
        text = (
            gettext("%(old)s is called %(new)s now")
            if name != member.name
            else gettext("%(new)s is reached at %(address)s port %(port)s now")
        )
        return op.commit({Address(Kind.MACHINE, now.serial): new.to_value()}, user, host, text % told)


def set_keys(
    replica_id: int, serial: str, *, host_key: str, user_key: str, user: str, host: str
) -> versions.Commit:
    """Pin other keys of a member, on a person's word (design, section 6).

    Raises NotInCluster, UnknownMode.
    """
    with operation(replica_id) as op:
        (member,) = members_of(op.state, [serial])
        new = replace(member, host_key=host_key, user_key=user_key)
        text = gettext("Change the keys of %(name)s") % {"name": member.name}
        return op.commit({Address(Kind.MACHINE, serial): new.to_value()}, user, host, text)
