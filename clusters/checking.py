"""clustercheck: do all replicas hold the same, and if not, whose version shall hold (SYN-10..SYN-13).

Whoever asks gathers what the replicas hold over the links; here it is compared. Equal digests need no more;
of those that differ, one snapshot per distinct digest is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clusters import versions
from clusters.acceptance import check_comment, check_values
from clusters.naming import overtaken_phrase
from clusters.operations import Operation, operation
from clusters.phrases import phrase as _
from clusters.refusals import Refused
from clusters.replication import Snapshot
from clusters.versions import Address, Change, CommitId, Heads, Vector, Version, entry_line, merge


class CheckIsOld(Refused):
    """Somebody has written since the check; what it showed is no longer all there is to choose from."""


def by_digest(digests: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The names of those that hold the same, most holders first; one group means that all is consistent."""
    found: dict[str, list[str]] = {}
    for name, digest in digests.items():
        found.setdefault(digest, []).append(name)
    return sorted((tuple(names) for names in found.values()), key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class Holding:
    """What some machines hold, all the same: their names, their vector, their entries."""

    names: tuple[str, ...]
    vector: Vector
    entries: Mapping[Address, Heads]

    @classmethod
    def of(cls, names: Sequence[str], snapshot: Snapshot) -> Holding:
        """From the snapshot of one of them."""
        return cls(tuple(names), snapshot.vector, snapshot.entries)


@dataclass(frozen=True, slots=True)
class Held:
    """One of the versions of an entry, and who holds it; `version` is None where it was never heard of.

    `version` says when, by whom and on which machine it was made (SYN-11). `heads` are all that its holders
    have of the entry: `version`, and what lost a conflict against it.
    """

    version: Version | None
    holders: tuple[str, ...]
    heads: frozenset[CommitId] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """An entry that is not the same everywhere; `held` are the versions to choose from, the latest first.

    `behind` says that the others only lack commits, which the next sync brings; otherwise it is damage.
    """

    address: Address
    held: tuple[Held, ...]
    behind: bool

    @property
    def known(self) -> frozenset[CommitId]:
        """Every version that the check has seen of the entry."""
        shown = {held.version.id for held in self.held if held.version}
        return frozenset(shown.union(*(held.heads for held in self.held)))


def compare(holdings: Sequence[Holding]) -> list[Finding]:
    """What differs, entry by entry in the order of addresses; nothing when all is consistent (SYN-10)."""
    addresses = sorted({address for h in holdings for address in h.entries}, key=str)
    found = (_compared(address, holdings) for address in addresses)
    return [finding for finding in found if finding is not None]


def _compared(address: Address, holdings: Sequence[Holding]) -> Finding | None:
    groups: dict[str, list[Holding]] = {}
    for holding in holdings:
        groups.setdefault(entry_line(address, holding.entries.get(address, ())), []).append(holding)
    if len(groups) == 1:
        return None
    held = [_held(address, same) for same in groups.values()]
    newest = merge(head for h in holdings for head in h.entries.get(address, ()))
    behind = all(_lacks_some(h, newest) or h.entries.get(address) == newest for h in holdings)
    return Finding(address, tuple(sorted(held, key=_latest_first)), behind)


def _held(address: Address, same: Sequence[Holding]) -> Held:
    heads = same[0].entries.get(address, ())
    names = tuple(name for holding in same for name in holding.names)
    return Held(heads[0] if heads else None, names, frozenset(head.id for head in heads))


def _lacks_some(holding: Holding, heads: Heads) -> bool:
    return any(holding.vector.get(head.id.origin, 0) < head.id.number for head in heads)


def _latest_first(held: Held) -> tuple[object, ...]:
    if held.version is None:
        return (1, 0, 0, "", 0)
    wall, counter = held.version.time
    return (0, -wall, -counter, held.version.id.origin, -len(held.holders))


def force(
    replica_id: int,
    chosen: Iterable[tuple[Finding, Held]],
    *,
    user: str,
    host: str,
    comment: str = "",
) -> versions.Commit:
    """Make every member carry the chosen versions, by one commit on top of all others (SYN-13).

    Ignoring a finding is to leave it out. A version never heard of makes the entry absent. Raises CheckIsOld
    where one of the entries was written since the check (TRL-11), NotInCluster, LongComment, MalformedCommit
    when nothing is chosen, and what checking the values raises; nothing has changed then.
    """
    check_comment(comment)
    chosen = list(chosen)
    with operation(replica_id) as op:
        _require_current(op, [finding for finding, _held in chosen])
        values = {f.address: held.version.value if held.version else None for f, held in chosen}
        check_values(replica_id, [Change(address, value) for address, value in values.items()])
        return op.commit(values, user, host, comment)


def _require_current(op: Operation, findings: Sequence[Finding]) -> None:
    # In the transaction of the commit: who waits at a menu, or at a page, must not overwrite what came then.
    heads = op.store.heads([finding.address for finding in findings])
    newer = [
        (finding.address, head)
        for finding in findings
        for head in heads.get(finding.address, ())
        if head.id not in finding.known
    ]
    if newer:
        text = _("Not done: this was changed since the check. %(others)s. Check again, and choose then.")
        raise CheckIsOld(text % {"others": overtaken_phrase(op.state, newer)})
