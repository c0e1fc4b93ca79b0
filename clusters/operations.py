"""How an operation on the cluster runs: one transaction, one commit made on the spot (CMT-08)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from clusters import drafts, models, replicas, versions
from clusters.acceptance import require_staying
from clusters.catalogue import Document
from clusters.membership_refusals import AlreadyNamed, InCluster, NotInCluster, NotThisMachine, PendingDrafts
from clusters.modes import Mode, machine
from clusters.phrases import phrase as _
from clusters.replication import Replica
from clusters.state import ClusterState, Machine
from clusters.versions import Address, Change, settings_at

Values = dict[Address, Document | None]


class Operation:
    """One operation in its transaction: the replica, its row, and what it holds now."""

    def __init__(self, replica: Replica) -> None:
        assert isinstance(replica.store, replicas.DjangoStore)
        self.replica, self.store = replica, replica.store
        self.row = self.store.row
        self.state = replicas.state_of(self.row)

    def commit(self, values: Values, user: str, host: str, comment: str) -> versions.Commit:
        """Write the values over whatever the entries hold now."""
        heads = self.store.heads(values)
        changes = [Change(a, v, heads[a][0].id if a in heads else None) for a, v in values.items()]
        return self.replica.commit(changes, user=user, host=host, comment=comment)


@contextmanager
def operation(replica_id: int, *, standalone: bool = False) -> Iterator[Operation]:
    """One transaction on a cluster, or on a standalone machine; raises NotInCluster or InCluster."""
    with replicas.opened(replica_id) as replica:
        found = Operation(replica)
        if standalone and not found.state.standalone:
            raise InCluster(
                _("This machine is in the cluster %(name)s already.") % {"name": found.state.name}
            )
        if found.state.standalone and not standalone:
            raise NotInCluster(_("This machine is in no cluster. Create one, or join one, first."))
        require_staying(found.row)
        yield found


def require_no_drafts(replica_id: int, but_of: Collection[str] = ()) -> None:
    """See that nobody has uncommitted changes, which would be lost (CR-06); raises PendingDrafts.

    Those of the users `but_of` are known to be lost.
    """
    if people := [each for each in drafts.people(replica_id) if each not in but_of]:
        raise PendingDrafts(
            _("There are uncommitted changes of %(people)s. Commit them or clear them first.")
            % {"people": ", ".join(people)}
        )


def require_holder(row: models.Replica, serial: str) -> None:
    """See that the replica is that machine's own; raises NotThisMachine (JN-01)."""
    if serial != row.serial:
        raise NotThisMachine(
            _("This is done on the machine %(serial)s itself; here is %(here)s.")
            % {"serial": serial, "here": row.serial}
        )


def require_free(name: str, taken: Iterable[str]) -> None:
    """See that nothing else has that name, whatever its case; raises AlreadyNamed (CR-08)."""
    if name.casefold() in {other.casefold() for other in taken}:
        raise AlreadyNamed(_("The name %(name)s is taken.") % {"name": name})


def erased(state: ClusterState, mode: Mode) -> Values:
    """What makes a mode define nothing any more."""
    return {settings_at(mode, feature): None for feature in state.settings.get(mode, {})}


def members_of(state: ClusterState, serials: Iterable[str]) -> list[Machine]:
    """The members with these serial numbers, each once; raises UnknownMode."""
    for serial in serials:
        state.mode_name(machine(serial))
    return [state.machines[serial] for serial in dict.fromkeys(serials)]


def names_of(members: Iterable[Machine]) -> str:
    """Their names, for a comment."""
    return ", ".join(m.name for m in members)
