"""Commit what is pending (CMT-01..CMT-06); and, for callers, all else that is about commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from clusters import drafts, replicas, versions
from clusters.acceptance import check_comment, check_values, require_staying
from clusters.drafts import Stale
from clusters.history import (
    CommitDetail,
    EntryChange,
    HistoryPage,
    UnknownCommit,
    detail,
    find,
    history,
    kept,
    last,
)
from clusters.naming import overtaken_phrase
from clusters.phrases import ngettext
from clusters.phrases import phrase as _
from clusters.refusals import HiddenComment, LongComment, NothingPending, Refused
from clusters.replication import Replica, StaleDraft
from clusters.reverting import (
    Conflict,
    InTheWay,
    NewerVersions,
    NoConflict,
    NotRevertible,
    PastIsGone,
    columns_of,
    conflict_at,
    conflicts,
    draft_merge,
    revert,
    revert_now,
    settle,
    suggested,
)
from clusters.standing import waiting
from clusters.state import ClusterState
from clusters.versions import THE_CLUSTER, Address, Change, CommitId, Heads

__all__ = [
    "CommitConflict",
    "CommitDetail",
    "Conflict",
    "EntryChange",
    "HiddenComment",
    "HistoryPage",
    "InTheWay",
    "LongComment",
    "NewerVersions",
    "NoConflict",
    "NotRevertible",
    "NothingPending",
    "PastIsGone",
    "SettlesConflict",
    "UnknownCommit",
    "columns_of",
    "commit_changes",
    "commit_pending",
    "conflict_at",
    "conflicts",
    "detail",
    "draft_merge",
    "find",
    "history",
    "kept",
    "last",
    "require_decided",
    "revert",
    "revert_now",
    "settle",
    "suggested",
]


class CommitConflict(Refused):
    """Somebody else has changed the same entries meanwhile (CMT-04, CMT-05).

    Nothing is committed and the drafts stay; the caller offers to clear them, to keep them pending, or
    `drafts.rebase`. `stale` names each with who, when, on which host and what.
    """

    def __init__(self, stale: Sequence[Stale], state: ClusterState) -> None:
        self.stale = tuple(stale)
        text = ngettext(
            "Not committed: somebody else has changed this meanwhile. %(others)s. Discard your changes, "
            "or keep them pending and compare.",
            "Not committed: somebody else has changed these meanwhile. %(others)s. Discard your changes, "
            "or keep them pending and compare.",
            len(self.stale),
        )
        super().__init__(text % {"others": overtaken_phrase(state, ((s.address, s.now) for s in stale))})


class SettlesConflict(Refused):
    """The changes would end conflicts that wait for a person, and nobody has said so (SYN-08, TRL-14).

    Nothing is committed and the drafts stay. `waiting` has all versions of each entry: to commit with their
    ids in `settles` is the decision.
    """

    def __init__(self, waiting: Mapping[Address, Heads], state: ClusterState) -> None:
        self.waiting = dict(waiting)
        text = ngettext(
            "Not committed: this would settle a conflict that waits for a decision, and none of its versions"
            " would hold. %(others)s. Compare them; then commit again, and say that it settles it.",
            "Not committed: this would settle conflicts that wait for a decision, and none of their versions"
            " would hold. %(others)s. Compare them; then commit again, and say that it settles them.",
            len(self.waiting),
        )
        each = ((address, head) for address, heads in waiting.items() for head in heads)
        super().__init__(text % {"others": overtaken_phrase(state, each)})


def commit_pending(
    replica_id: int,
    *,
    user: str,
    host: str,
    comment: str = "",
    settles: Collection[CommitId] = (),
    shown: str | None = None,
) -> versions.Commit:
    """Commit everything the user has pending, on all levels at once (CMT-01), and return the commit.

    Raises NothingPending; Overtaken where that is not what the user was `shown`, a drafts.mark (TRL-09);
    CommitConflict (CMT-04); SettlesConflict for conflicts that wait with other versions than those that
    `settles` names; LongComment, HiddenComment; and what checking the values again raises: InvalidDocument,
    WrongLevel, UnknownFeature, UnknownMode. Nothing has changed then and all stays pending.
    """
    check_comment(comment)
    with replicas.opened(replica_id) as replica:
        drafts.require_shown(replica_id, user, shown)
        changes = drafts.changes(replica_id, user)
        by = {"user": user, "host": host, "comment": comment}
        made = _commit(replica, replica_id, changes, by, settles)
        drafts.clear(replica_id, user)
        return made


def commit_changes(
    replica_id: int,
    changes: Sequence[Change],
    *,
    user: str,
    host: str,
    comment: str = "",
    settles: Collection[CommitId] = (),
) -> versions.Commit:
    """Commit changes that were drafted before, on the versions that they name.

    Raises what `commit_pending` raises; nothing has changed then.
    """
    check_comment(comment)
    with replicas.opened(replica_id) as replica:
        by = {"user": user, "host": host, "comment": comment}
        return _commit(replica, replica_id, changes, by, settles)


def require_decided(replica_id: int, changes: Sequence[Change], settles: Collection[CommitId]) -> None:
    """See that the changes end no conflict but with versions that a person has seen; SettlesConflict."""
    # The cluster's own entry says whether conflicts wait at all.
    heads = replicas.heads(replica_id, [THE_CLUSTER, *(change.address for change in changes)])
    found = {a: h for a, h in waiting(heads).items() if not {version.id for version in h} <= set(settles)}
    if found:
        raise SettlesConflict(found, replicas.state(replica_id))


def _commit(
    replica: Replica,
    replica_id: int,
    changes: Sequence[Change],
    by: dict[str, str],
    settles: Collection[CommitId],
) -> versions.Commit:
    if not changes:
        raise NothingPending(_("There is nothing to commit."))
    assert isinstance(replica.store, replicas.DjangoStore)
    require_staying(replica.store.row)
    check_values(replica_id, changes)
    require_decided(replica_id, changes, settles)
    try:
        return replica.commit(changes, **by)
    except StaleDraft as error:
        found = [Stale(change.address, change.value, now) for change, now in error.stale]
        raise CommitConflict(found, replicas.state(replica_id)) from None
