"""Going back: the values before a commit, and the versions of a conflict (design, sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from clusters import drafts, history, replicas, versions
from clusters.acceptance import check_comment, check_values
from clusters.catalogue import Document
from clusters.drafts import Edited
from clusters.naming import authorship_label, entry_label
from clusters.refusals import NothingPending, Refused
from clusters.side_by_side import Row, combined
from clusters.standing import standing_each
from clusters.state import ClusterState
from clusters.versions import Address, Change, CommitId, Kind, Version

REVERTIBLE = (Kind.SETTINGS, Kind.PENDING_JOIN)


class InTheWay(Refused):
    """Entries of the commit were changed since, or the user has other plans for them.

    `changed` pairs each with the version in force now, `planned` are those of which the user has a draft;
    `shown` is the drafts.mark of all that they have pending.
    """

    def __init__(
        self,
        changed: Sequence[tuple[Address, Version]],
        planned: Sequence[Address],
        state: ClusterState,
        shown: str,
    ) -> None:
        self.shown = shown
        self.changed = tuple(changed)
        self.planned = tuple(planned)
        told = [f"{entry_label(state, a)}: {authorship_label(now)}" for a, now in self.changed]
        told += [_("%(entry)s: your pending change") % {"entry": entry_label(state, a)} for a in planned]
        text = _("Not reverted: this was changed since. %(told)s. Revert over it, or leave it.")
        super().__init__(text % {"told": "; ".join(told)})


class PastIsGone(Refused):
    """The value before the commit is not kept on this machine: it came here with a snapshot."""


class NotRevertible(Refused):
    """A commit of an operation on the cluster, which has its own way back."""


class NoConflict(Refused):
    """The entry has no such conflict, or no such version in it (any more)."""


class NewerVersions(Refused):
    """Somebody has changed the entry since the person looked at its conflict; nothing was settled."""


def revert(
    replica_id: int,
    user: str,
    commit_id: CommitId,
    *,
    over: bool = False,
    only: Address | None = None,
    seen: Collection[CommitId] | None = None,
    shown: str | None = None,
) -> list[Edited]:
    """Draft for each entry of a commit, or for `only` one of them, the value that it had before it.

    Raises UnknownCommit, NotRevertible, PastIsGone, and InTheWay when entries were changed since, unless
    `over` says to replace these changes knowingly: all, or the versions `seen` that the person was shown, and
    newer ones raise InTheWay once more (TRL-09). Their own drafts go with them; where these are not what was
    `shown`, a drafts.mark, that raises Overtaken. All or nothing.
    """
    with drafts.held(replica_id):
        drafts.require_shown(replica_id, user, shown)
        back = _back(replica_id, commit_id, user, over, only, seen)
        drafts.clear(replica_id, user, [change.address for change in back])
        return [drafts.edit_entry(replica_id, user, change.address, change.value) for change in back]


def revert_now(
    replica_id: int, commit_id: CommitId, *, user: str, host: str, comment: str = "", over: bool = False
) -> versions.Commit:
    """Revert a commit and commit that in one action; the user's other drafts stay as they are.

    Raises what `revert` raises; NothingPending when all is already as before; and what checking the
    values raises.
    """
    check_comment(comment)
    with replicas.opened(replica_id) as replica:
        back = _back(replica_id, commit_id, user, over)
        stands = replica.standing([change.address for change in back])
        changes = [c for c in back if c.value != _value(stands[c.address])]
        if not changes:
            raise NothingPending(_("Everything is already as it was before %(id)s.") % {"id": commit_id})
        check_values(replica_id, changes)
        text = comment or _("Revert %(id)s") % {"id": commit_id}
        return replica.commit(changes, user=user, host=host, comment=text)


def _value(version: Version | None) -> Document | None:
    return version.value if version else None


def _back(
    replica_id: int,
    commit_id: CommitId,
    user: str,
    over: bool,
    only: Address | None = None,
    seen: Collection[CommitId] | None = None,
) -> list[Change]:
    commit = history.find(replica_id, commit_id)
    if only is not None:
        commit = replace(commit, changes=_of_entry(replica_id, commit, only))
    if any(change.address.kind not in REVERTIBLE for change in commit.changes):
        raise NotRevertible(
            _("%(id)s is an operation on the cluster; undo it with clusterconfig.") % {"id": commit_id}
        )
    before = history.entry_changes(replica_id, commit)
    if any(not entry.known for entry in before):
        raise PastIsGone(
            _("The values before %(id)s are not kept here. Revert it on a machine that was a member then.")
            % {"id": commit_id}
        )
    heads = replicas.heads(replica_id, [entry.address for entry in before])
    if not over or seen is not None:
        _require_way(replica_id, commit_id, heads, user, (seen or ()) if over else None)
    return [Change(entry.address, entry.before, heads[entry.address][0].id) for entry in before]


def _of_entry(replica_id: int, commit: versions.Commit, address: Address) -> tuple[Change, ...]:
    found = tuple(change for change in commit.changes if change.address == address)
    if not found:
        told = {"id": commit.id, "entry": entry_label(replicas.state(replica_id), address)}
        raise NotRevertible(_("%(id)s did not change %(entry)s.") % told)
    return found


def _require_way(
    replica_id: int,
    commit_id: CommitId,
    heads: dict[Address, versions.Heads],
    user: str,
    agreed: Collection[CommitId] | None,
) -> None:
    """`agreed` are the versions that the person replaces knowingly, and their own drafts with them."""
    known = {commit_id, *(agreed or ())}
    changed = [(address, found[0]) for address, found in heads.items() if found[0].id not in known]
    mine = [] if agreed is not None else drafts.changes(replica_id, user)
    planned = [change.address for change in mine if change.address in heads]
    if changed or planned:
        shown = drafts.mark(drafts.pending(replica_id, user))
        raise InTheWay(changed, planned, replicas.state(replica_id), shown)


@dataclass(frozen=True, slots=True)
class Conflict:
    """An entry that was changed in two places at once: the newest version, and the others (SYN-08).

    `ancestor` is the latest version that all their authors had seen; None where there was none, or where it
    is not kept here. The newest is in force, unless the entry `waits`: then the ancestor is.
    """

    address: Address
    newest: Version
    others: tuple[Version, ...]
    ancestor: Version | None = None
    waits: bool = False

    @property
    def versions(self) -> tuple[Version, ...]:
        """All that clash, the newest first."""
        return (self.newest, *self.others)

    @property
    def in_force(self) -> Version | None:
        """What holds now; None where nothing does."""
        return self.ancestor if self.waits else self.newest


def conflicts(replica_id: int) -> list[Conflict]:
    """The rows of the conflict desk."""
    found = replicas.conflicts(replica_id)
    stands = standing_each(found)
    torn = {address: heads for address, heads in found.items() if len(heads) > 1}
    return [_conflict(replica_id, address, heads, stands[address]) for address, heads in torn.items()]


def _conflict(replica_id: int, address: Address, heads: versions.Heads, stands: Version | None) -> Conflict:
    if stands is not None and stands.id == heads[0].id:
        return Conflict(address, heads[0], heads[1:], _ancestor(replica_id, address, heads))
    return Conflict(address, heads[0], heads[1:], stands, waits=True)


def conflict_at(replica_id: int, address: Address) -> Conflict:
    """The conflict of one entry; raises NoConflict."""
    for found in conflicts(replica_id):
        if found.address == address:
            return found
    raise _no_conflict(replicas.state(replica_id), address)


def _no_conflict(state: ClusterState, address: Address) -> NoConflict:
    return NoConflict(_("%(entry)s has no such conflict any more.") % {"entry": entry_label(state, address)})


def _ancestor(replica_id: int, address: Address, heads: versions.Heads) -> Version | None:
    apart = {head.id for head in heads}
    known = [v for v in replicas.versions_of(replica_id, address) if v.id not in apart]
    common = [v for v in known if all(head.had_seen(v.id) for head in heads)]
    return versions.merge(common)[0] if common else None


def columns_of(found: Conflict, other_id: CommitId) -> list[Document | None]:
    """Ancestor, newest and that other version, as `side_by_side` takes them; raises NoConflict."""
    other = next((each for each in found.others if each.id == other_id), None)
    if other is None:
        raise NoConflict(_("The conflict has no such version any more. Look at it again."))
    return [_value(found.ancestor), found.newest.value, other.value]


def suggested(row: Row) -> int:
    """Which column of `columns_of` a merge begins with at a row: the one that changed it, or the newest."""
    _ancestor_kind, newest, other = row.kinds
    return 2 if newest == "same" and other != "same" else 1


def draft_merge(
    replica_id: int,
    user: str,
    address: Address,
    other_id: CommitId,
    chosen: Mapping[str, int],
    seen: Collection[CommitId] | None = None,
) -> Edited:
    """Draft the newest with what `chosen` takes of the other columns; committed, it settles the conflict.

    `chosen` as in side_by_side.combined, of the versions `seen`; another one raises NewerVersions. Raises
    NoConflict, and what `drafts.edit_entry` raises.
    """
    with drafts.held(replica_id):
        found = conflict_at(replica_id, address)
        _require_seen(replica_id, address, found.versions, seen)
        columns = columns_of(found, other_id)
        drafts.clear(replica_id, user, [address])
        return drafts.edit_entry(replica_id, user, address, combined(columns, chosen, 1))


def settle(
    replica_id: int,
    address: Address,
    version: CommitId | None = None,
    *,
    user: str,
    host: str,
    comment: str = "",
    seen: Collection[CommitId] | None = None,
) -> versions.Commit:
    """End a conflict by one commit that has seen all its versions: put one of them in force.

    Without `version` what is in force stays. `seen` are the versions that the person was shown; another one
    raises NewerVersions. Raises NoConflict, and what checking the value raises.
    """
    check_comment(comment)
    with replicas.opened(replica_id) as replica:
        heads = replica.store.heads([address]).get(address, ())
        known = {head.id: head for head in heads}
        if len(heads) < 2 or (version is not None and version not in known):
            raise _no_conflict(replicas.state(replica_id), address)
        _require_seen(replica_id, address, heads, seen)
        chosen = replica.standing([address])[address] if version is None else known[version]
        change = Change(address, _value(chosen), heads[0].id)
        if version is not None:
            check_values(replica_id, [change])
        return replica.commit([change], user=user, host=host, comment=comment)


def _require_seen(
    replica_id: int, address: Address, heads: Collection[Version], seen: Collection[CommitId] | None
) -> None:
    if seen is not None and (newer := [head for head in heads if head.id not in seen]):
        text = _("Not settled: %(entry)s was changed meanwhile. %(who)s. Look again, and decide then.")
        entry = entry_label(replicas.state(replica_id), address)
        who = "; ".join(authorship_label(head) for head in newer)
        raise NewerVersions(text % {"entry": entry, "who": who})
