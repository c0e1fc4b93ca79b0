"""What a cluster is at one moment: a view of the log that pure functions can read (design, idea 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeVar

from clusters.catalogue import Document
from clusters.domains import understood
from clusters.modes import CLUSTER, Level, Mode, group, machine
from clusters.ordering import natural
from clusters.standing import in_force
from clusters.versions import Address, Authorship, Change, Heads, Kind


def _gone(mode: Mode) -> str:
    """Why a mode has no name: the UUID of a group means nothing to people (TRL-27)."""
    if mode.level is Level.GROUP:
        return "That group is not in this cluster any more."
    return f"There is no machine {mode.id} in this cluster."


class UnknownMode(LookupError):
    """A mode that this cluster does not have."""


@dataclass(frozen=True, slots=True)
class Defined:
    """A document at a mode, and who wrote it; `by` is None for a draft."""

    value: Document
    by: Authorship | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group; the initial one is where joiners begin (GRP-07)."""

    id: str
    name: str = ""
    initial: bool = False

    def to_value(self) -> Document:
        return {"name": self.name, "initial": self.initial}


@dataclass(frozen=True, slots=True)
class Machine:
    """A member. `address`, `port` and `ccs_port` (None: CCS is off) are where its peers reach it;

    the keys are OpenSSH public key lines; `disconnected` is on purpose (SYN-14: still a member).
    """

    serial: str
    name: str = ""
    group: str = ""
    address: str = ""
    port: int = 22
    ccs_port: int | None = None
    host_key: str = ""
    user_key: str = ""
    disconnected: bool = False

    def to_value(self) -> Document:
        names = ("name", "group", "address", "port", "ccs_port", "host_key", "user_key", "disconnected")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal that follows the cluster as a peer; it dials and is never dialled."""

    serial: str
    name: str = ""
    user_key: str = ""

    def to_value(self) -> Document:
        return {"name": self.name, "user_key": self.user_key}


@dataclass(frozen=True)
class ClusterState:
    """All entries in force at one moment; immutable."""

    entries: Mapping[Address, Defined] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[tuple[Address, Heads]]) -> ClusterState:
        """The state of a replica's entries: what is in force of each, absent ones left out."""
        found = in_force(entries).items()
        return cls({a: Defined(v.value, v) for a, v in found if v.value is not None})

    def changed(self, changes: Iterable[Change], by: Authorship | None = None) -> ClusterState:
        """This state with the changes of a draft, or of a commit by `by`, made to it."""
        entries = dict(self.entries)
        for change in changes:
            if change.value is None:
                entries.pop(change.address, None)
            else:
                entries[change.address] = Defined(change.value, by)
        return replace(self, entries=entries)

    @cached_property
    def settings(self) -> Mapping[Mode, Mapping[str, Defined]]:
        """Per mode the features that it defines (CL-11)."""
        modes: dict[Mode, dict[str, Defined]] = {}
        for address, defined in self.entries.items():
            if address.mode is not None:
                modes.setdefault(address.mode, {})[address.name] = defined
        return modes

    @cached_property
    def groups(self) -> Mapping[str, Group]:
        """Groups by id, the initial one first, then by name."""
        found = [_record(Group, ident, value) for ident, value in self._of(Kind.GROUP)]
        return {g.id: g for g in sorted(found, key=lambda g: (not g.initial, natural(g.name), g.id))}

    @cached_property
    def machines(self) -> Mapping[str, Machine]:
        """Members by serial number, in the order of their names."""
        found = [self._placed(_record(Machine, serial, value)) for serial, value in self._of(Kind.MACHINE)]
        return {m.serial: m for m in sorted(found, key=lambda m: (natural(m.name), m.serial))}

    @cached_property
    def portals(self) -> Mapping[str, Portal]:
        return {serial: _record(Portal, serial, value) for serial, value in self._of(Kind.PORTAL)}

    @property
    def name(self) -> str:
        """The cluster's name; empty on a standalone machine."""
        name = self._cluster.get("name", "")
        return name if isinstance(name, str) else ""

    @property
    def standalone(self) -> bool:
        return not self._cluster

    @property
    def by_address(self) -> bool:
        """Whether members talk by address rather than by host name (CL-13)."""
        return bool(self._cluster.get("by_address", False))

    @property
    def safe_wait(self) -> bool:
        """Whether settings in conflict stay as they were until a person decides (SYN-08)."""
        return bool(self._cluster.get("safe_wait", False))

    @property
    def initial_group(self) -> Group:
        """Where joiners begin, and members whose group is gone (CL-02, GRP-07); raises UnknownMode."""
        for found in self.groups.values():
            return found
        raise UnknownMode("This cluster has no group.")

    def members(self, group_id: str) -> list[Machine]:
        """The machines of a group."""
        return [m for m in self.machines.values() if m.group == group_id]

    def modes(self) -> list[Mode]:
        """Every mode, the cluster first, then groups, then machines (CL-01)."""
        return [CLUSTER, *(group(g) for g in self.groups), *(machine(m) for m in self.machines)]

    def mode_name(self, mode: Mode) -> str:
        """The name by which a person calls the mode; raises UnknownMode."""
        try:
            if mode.level is Level.MACHINE:
                return self.machines[mode.id].name
            return self.groups[mode.id].name if mode.level is Level.GROUP else self.name
        except KeyError:
            raise UnknownMode(_gone(mode)) from None

    def mode_named(self, level: Level, name: str) -> Mode:
        """The mode that a person means by `name` (case is ignored) or id; raises UnknownMode (CLI-05)."""
        if level is Level.CLUSTER:
            return CLUSTER
        known = [Mode(level, i) for i in (self.groups if level is Level.GROUP else self.machines)]
        name = understood(name) if level is Level.MACHINE else name
        for mode in known:
            if name == mode.id or name.casefold() == self.mode_name(mode).casefold():
                return mode
        raise UnknownMode(f"There is no {level} named {name} in this cluster.")

    def chain(self, mode: Mode) -> tuple[Mode, ...]:
        """The modes whose settings hold at `mode`, the most specific first (CL-03).

        A machine that is no member (a standalone one) has only its own mode and the cluster's.
        """
        if mode.level is Level.CLUSTER:
            return (CLUSTER,)
        if mode.level is Level.GROUP:
            return (mode, CLUSTER)
        member = self.machines.get(mode.id)
        return (mode, CLUSTER) if member is None else (mode, group(member.group), CLUSTER)

    def reach(self, mode: Mode) -> list[Machine]:
        """The machines to which settings at `mode` can come down."""
        return [m for m in self.machines.values() if mode in self.chain(machine(m.serial))]

    def defined(self, mode: Mode, feature: str) -> Defined | None:
        """What the mode itself defines."""
        return self.settings.get(mode, {}).get(feature)

    def defining(self, feature: str) -> list[Mode]:
        """The modes that define the feature, in the order of `modes` (GUI-08, SET-02)."""
        return [mode for mode in self.modes() if self.defined(mode, feature)]

    @cached_property
    def _cluster(self) -> Document:
        found = dict(self._of(Kind.CLUSTER))
        return found.get("", {})

    def _of(self, kind: Kind) -> Iterable[tuple[str, dict[str, Any]]]:
        return ((a.name, d.value) for a, d in self.entries.items() if a.kind is kind)

    def _placed(self, member: Machine) -> Machine:
        # The group was deleted on one side while the machine moved into it on the other; CL-02 must hold.
        if member.group in self.groups or not self.groups:
            return member
        return replace(member, group=self.initial_group.id)


Record = TypeVar("Record", Group, Machine, Portal)


def _record(kind: type[Record], ident: str, value: Mapping[str, Any]) -> Record:
    # Fields that this release does not know or cannot read are left alone: an entry may come from another
    # release, and one bad entry must not hide the rest of the cluster.
    known = DEFAULTS[kind]
    return kind(ident, **{n: v for n, v in value.items() if n in known and _fits(v, known[n])})


DEFAULTS: Mapping[type, Mapping[str, object]] = {
    kind: {f.name: f.default for f in fields(kind)[1:]} for kind in (Group, Machine, Portal)
}


def _fits(value: object, default: object) -> bool:
    if default is None:
        return value is None or type(value) is int
    return type(value) is type(default)
