"""Configurations kept for a rollback, on this replica alone (CMT-06): the way back to before a commit."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from clusters import drafts, history, models, replicas, versions
from clusters.catalogue import Document
from clusters.drafts import Edited
from clusters.refusals import Refused
from clusters.reverting import PastIsGone
from clusters.state import ClusterState
from clusters.versions import Address, CommitId, Kind

KEPT = 10
"""How many are kept; the oldest goes first."""


class NotKept(Refused):
    """No configuration was kept before that commit."""


class PendingInTheWay(Refused):
    """The user's own pending changes would be replaced."""


def keep(replica_id: int, made: CommitId) -> None:
    """Remember what held before that commit."""
    models.RollbackPoint.objects.get_or_create(replica_id=replica_id, commit=str(made))
    old = models.RollbackPoint.objects.filter(replica=replica_id).order_by("-pk")[KEPT:]
    models.RollbackPoint.objects.filter(pk__in=[row.pk for row in old]).delete()


def points(replica_id: int) -> list[versions.Commit]:
    """The commits before which a configuration is kept, the latest first."""
    rows = models.RollbackPoint.objects.filter(replica=replica_id).order_by("-pk")
    return [history.find(replica_id, CommitId.parse(row.commit)) for row in rows]


def draft_return(replica_id: int, user: str, made: CommitId, *, over: str | None = None) -> list[Edited]:
    """Draft all settings as they were before a kept commit, whatever came since.

    The user's other drafts go, and only where `over` is the drafts.mark of those that they were shown
    (TRL-12).
    Modes that are gone stay gone, newer ones keep nothing of their own. Raises NotKept, UnknownCommit,
    PastIsGone on a replica that does not hold the values of then, PendingInTheWay without `over`, and
    Overtaken where the drafts are others by now.
    """
    if not models.RollbackPoint.objects.filter(replica=replica_id, commit=str(made)).exists():
        raise NotKept(_("No configuration is kept from before %(id)s.") % {"id": made})
    commit = history.find(replica_id, made)
    if any(not entry.known for entry in history.entry_changes(replica_id, commit)):
        raise PastIsGone(
            _("The values before %(id)s are not kept here. Go back on a machine that was a member then.")
            % {"id": made}
        )
    with drafts.held(replica_id):
        if over is None and drafts.pending(replica_id, user):
            raise PendingInTheWay(
                _("You have pending changes, which this would replace. Commit or clear them first.")
            )
        then, now = replicas.state_seen(replica_id, commit.seen), replicas.state(replica_id)
        drafts.clear(replica_id, user, shown=over)
        return [
            drafts.edit_entry(replica_id, user, address, _value(then, address))
            for address in _changed(then, now)
        ]


def _changed(then: ClusterState, now: ClusterState) -> Sequence[Address]:
    modes = set(now.modes())
    addresses = {*then.entries, *now.entries}
    return sorted(
        (
            address
            for address in addresses
            if address.kind is Kind.SETTINGS and address.mode in modes
            if _value(then, address) != _value(now, address)
        ),
        key=str,
    )


def _value(state: ClusterState, address: Address) -> Document | None:
    found = state.entries.get(address)
    return found.value if found else None
