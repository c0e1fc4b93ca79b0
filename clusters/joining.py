"""What a machine does with its own replica when it joins or leaves, and the list of those who may join.

A machine's replica is one row for its whole life: only its content changes, in one transaction, so that
kill -9 leaves either the old state or the new one.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from clusters import drafts, models, replicas
from clusters.addressing import check_host, check_key, check_serial
from clusters.catalogue import Catalogue, Document, Scope
from clusters.drafts import Edited
from clusters.effective import Difference, difference, effective
from clusters.enrolment import ADVISED_MACHINES
from clusters.installed import catalogue
from clusters.membership_refusals import AlreadyMember, NotEnrolled, NotInCluster
from clusters.models import REJOINED
from clusters.modes import CLUSTER, Level, Mode, machine
from clusters.operations import Operation, Values, operation, require_holder, require_no_drafts
from clusters.replication import Snapshot
from clusters.state import ClusterState, Machine, UnknownMode
from clusters.versions import MAX_TEXT, Address, Change, Commit, Kind, Vector, settings_at


def own_settings(replica_id: int) -> dict[str, Document]:
    """The machine-only documents of a replica's holder: what it brings when it joins (JN-05, JN-19)."""
    row = models.Replica.objects.get(pk=replica_id)
    return _own_settings(replicas.state_of(row), row.serial)


def _own_settings(state: ClusterState, serial: str) -> dict[str, Document]:
    own = state.settings.get(machine(serial), {})
    known = catalogue()
    return {n: d.value for n, d in own.items() if n in known and known[n].scope is Scope.MACHINE}


@dataclass(frozen=True, slots=True)
class JoinPreview:
    """What a join would mean here: the cluster, the group, and each feature whose value would be another.

    `members` are there already; `by_address` tells how they reach one another.
    """

    cluster: str
    group: str
    members: tuple[str, ...]
    differences: tuple[Difference, ...]
    by_address: bool = True

    @property
    def crowded(self) -> bool:
        """Whether the joiner would be one more than is advised (CL-08)."""
        return len(self.members) >= ADVISED_MACHINES


def preview_join(
    replica_id: int, snapshot: Snapshot, joiner: Machine, group: str = "", kept: Iterable[str] = ()
) -> JoinPreview:
    """What the holder of a standalone replica would lose and gain by joining what `snapshot` holds (JN-05).

    `group` is a name, empty for the initial one (JN-07); `kept` are features whose present values it takes
    along on machine level. Raises UnknownMode for a group that is not there, and what `kept_settings` raises.
    """
    mine = replicas.state_of(models.Replica.objects.get(pk=replica_id))
    cluster = ClusterState.of(snapshot.entries.items())
    home = cluster.mode_named(Level.GROUP, group).id if group else cluster.initial_group.id
    here = machine(joiner.serial)
    brought = {**_own_settings(mine, joiner.serial), **kept_settings(replica_id, kept)}
    member = replace(joiner, group=home).to_value()
    after = cluster.changed(
        [
            Change(Address(Kind.MACHINE, joiner.serial), member),
            *(Change(settings_at(here, name), value) for name, value in brought.items()),
        ]
    )
    known = catalogue()
    found = difference(effective(mine, here, known), effective(after, here, known))
    return JoinPreview(
        cluster.name,
        cluster.groups[home].name,
        tuple(m.name for m in cluster.machines.values()),
        tuple(each for each in found if each.value_changed),
        cluster.by_address,
    )


def kept_settings(replica_id: int, features: Iterable[str]) -> dict[str, Document]:
    """The present values of clusterable features, for a joiner that keeps them as overrides of its own.

    Raises UnknownFeature, and WrongLevel for a feature that only a cluster can have.
    """
    row = models.Replica.objects.get(pk=replica_id)
    known, here = catalogue(), machine(row.serial)
    found = effective(replicas.state_of(row), here, known).settings
    return {name: known.check(name, here, found[known[name].name].value) for name in features}


def become_member(
    replica_id: int,
    cluster_id: uuid.UUID,
    snapshot: Snapshot,
    serial: str,
    *,
    history: Sequence[Commit] = (),
    user: str = "",
    host: str = "",
) -> None:
    """Replace a standalone replica by a cluster's, as its new member; one transaction (JN-05..JN-07).

    `snapshot` was taken after `membership.enrol_machine`, which has put the machine-only settings there;
    `history` are the last commits that led to it.
    Where they have changed here since, they are committed once more, by `user` on `host`. Raises InCluster,
    NotThisMachine, PendingDrafts, NotEnrolled, and changes nothing then.
    """
    with operation(replica_id, standalone=True) as op:
        require_holder(op.row, serial)
        require_no_drafts(replica_id)
        joined = ClusterState.of(snapshot.entries.items())
        if joined.standalone or serial not in joined.machines:
            raise NotEnrolled(_("The cluster has not taken %(serial)s in.") % {"serial": serial})
        mine = _own_settings(op.state, serial)
        _empty(op, cluster_id, _origin(op.row.origin, snapshot.vector))
        op.replica.absorb_snapshot(snapshot, history)
        known = joined.settings.get(machine(serial), {})
        late = {n: v for n, v in mine.items() if n not in known or known[n].value != v}
        if late:
            values: Values = {settings_at(machine(serial), name): value for name, value in late.items()}
            op.commit(
                values, user, host or joined.machines[serial].name, _("Keep the machine's own settings")
            )


def _origin(mine: str, known: Vector) -> str:
    # A cluster that has heard of this origin may know more of its commits than this snapshot says; numbers
    # must not be used twice.
    return mine if mine not in known else fresh_origin(mine)


def fresh_origin(origin: str) -> str:
    """Another origin of the same machine, which no cluster has ever heard of."""
    return f"{origin.partition(REJOINED)[0]}{REJOINED}{secrets.token_hex(4)}"


def _empty(op: Operation, cluster_id: uuid.UUID, origin: str) -> None:
    row = op.row
    op.store.drop_heads()
    for rows in (
        row.commits,
        row.superseded,
        row.held_commits,
        row.drafts,
        row.rollback_points,
    ):
        rows.all().delete()
    row.cluster_id, row.origin = cluster_id, origin
    row.vector, row.floor, row.tips = {}, {}, {}
    op.replica.origin = origin


def flatten(state: ClusterState, serial: str, known: Catalogue) -> list[Change]:
    """What makes a machine behave alone as it did in the cluster (RM-01): its settings for a fresh replica.

    What was the factory default stays undefined. Raises UnknownMode when it is no member.
    """
    if serial not in state.machines:
        raise UnknownMode(_("There is no machine %(serial)s.") % {"serial": serial})
    found = effective(state, machine(serial), known).settings
    return [
        Change(settings_at(_home(known, name, serial), name), setting.value)
        for name, setting in found.items()
        if setting.origin is not None
    ]


def _home(known: Catalogue, feature: str, serial: str) -> Mode:
    return machine(serial) if known[feature].scope is Scope.MACHINE else CLUSTER


def leave(replica_id: int, serial: str, *, user: str = "", host: str = "") -> None:
    """Make a removed machine's replica standalone, with all that it had in effect (RM-01, RM-02, JN-21).

    The replica gets a new cluster id and a fresh origin; uncommitted changes go with the cluster they were
    meant for, and its first commit names whose (TRL-12). Send the removal to the peers before. Raises
    NotInCluster, NotThisMachine.
    """
    with replicas.opened(replica_id) as replica:
        op = Operation(replica)
        require_holder(op.row, serial)
        state = _last_membership(op)
        changes = flatten(state, serial, catalogue())
        text = _left(state.name, drafts.people(replica_id))
        _empty(op, uuid.uuid4(), fresh_origin(op.row.origin))
        if changes:
            replica.commit(changes, user=user, host=host or state.machines[serial].name, comment=text)


def _left(cluster: str, people: Sequence[str]) -> str:
    told = {"name": cluster, "people": ", ".join(people)}
    if not people:
        return _("Settings kept on leaving the cluster %(name)s") % told
    text = (
        _("Settings kept on leaving the cluster %(name)s; uncommitted changes of %(people)s are lost") % told
    )
    return text[:MAX_TEXT]


def _last_membership(op: Operation) -> ClusterState:
    if op.row.serial in op.state.machines:
        return op.state
    own = Address(Kind.MACHINE, op.row.serial)
    removal = op.replica.store.heads([own]).get(own)
    if removal is None:
        raise NotInCluster(_("This machine is in no cluster."))
    return replicas.state_seen(op.row.pk, removal[0].seen)


def is_removed(replica_id: int) -> bool:
    """Whether the holder was a member of what its replica holds, and is none any more (RM-06)."""
    row = models.Replica.objects.get(pk=replica_id)
    own = Address(Kind.MACHINE, row.serial)
    heads = replicas.heads(replica_id, [own]).get(own)
    return heads is not None and heads[0].value is None


@dataclass(frozen=True, slots=True)
class PendingJoin:
    """A host that may join with its key (JN-12..JN-17)."""

    serial: str
    host: str
    user_key: str

    def to_value(self) -> Document:
        return {"host": self.host, "user_key": self.user_key}

    @classmethod
    def of(cls, serial: str, value: Mapping[str, object]) -> PendingJoin:
        """Read from an entry."""
        return cls(serial, str(value.get("host", "")), str(value.get("user_key", "")))


def pending_joins(state: ClusterState) -> list[PendingJoin]:
    """Those who may join, by host name: the committed ones, or with a person's drafts, as `state` says."""
    found = [
        PendingJoin.of(address.name, defined.value)
        for address, defined in state.entries.items()
        if address.kind is Kind.PENDING_JOIN
    ]
    return sorted(found, key=lambda p: (p.host.casefold(), p.serial))


def prepare_join(replica_id: int, user: str, *, host: str, serial: str, user_key: str) -> Edited:
    """Draft that a host may join with its key; it waits for `commit` (JN-12, T17).

    Raises BadAddress, BadName, BadKey, NotInCluster, AlreadyMember for a member or one pending already.
    """
    state = drafts.draft_state(replica_id, user)
    if state.standalone:
        raise NotInCluster(_("This machine is in no cluster."))
    wanted = _welcome(state, host, serial, user_key)
    return drafts.edit_entry(replica_id, user, Address(Kind.PENDING_JOIN, wanted.serial), wanted.to_value())


def admit(replica_id: int, *, joiner: PendingJoin, user: str, host: str) -> Commit | None:
    """Let a host join with its key, by one commit on the spot; None where it may already.

    What a guided join does between two steps; other uncommitted changes of the person stay what they are.
    Raises BadAddress, BadName, BadKey, NotInCluster, AlreadyMember.
    """
    with operation(replica_id) as op:
        address = Address(Kind.PENDING_JOIN, joiner.serial)
        known = op.state.entries.get(address)
        if known is not None and known.value == joiner.to_value():
            return None
        wanted = _welcome(op.state, joiner.host, joiner.serial, joiner.user_key)
        text = _("%(host)s may join with its key") % {"host": wanted.host}
        return op.commit({address: wanted.to_value()}, user, host, text)


def _welcome(state: ClusterState, host: str, serial: str, user_key: str) -> PendingJoin:
    wanted = PendingJoin(check_serial(serial.strip()), check_host(host.strip()), check_key(user_key))
    names = {m.name.casefold() for m in state.machines.values()}
    waiting = {p.serial for p in pending_joins(state)} | {p.host.casefold() for p in pending_joins(state)}
    if wanted.serial in state.machines or wanted.host.casefold() in names:
        raise AlreadyMember(_("%(host)s is a member already.") % {"host": wanted.host})
    if wanted.serial in waiting or wanted.host.casefold() in waiting:
        raise AlreadyMember(_("%(host)s may join already.") % {"host": wanted.host})
    return wanted


def withdraw_join(replica_id: int, user: str, serial: str) -> Edited:
    """Draft that a host may no longer join (JN-13); it waits for `commit`. Raises UnknownMode."""
    if serial not in {p.serial for p in pending_joins(drafts.draft_state(replica_id, user))}:
        raise UnknownMode(_("Nobody with the serial number %(serial)s waits to join.") % {"serial": serial})
    return drafts.edit_entry(replica_id, user, Address(Kind.PENDING_JOIN, serial), None)
