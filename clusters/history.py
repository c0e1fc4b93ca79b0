"""What was committed, by whom, and what it meant on each machine (CMT-02)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models as db
from django.utils.translation import gettext as _

from clusters import drafts, effective, models, replicas, versions
from clusters.catalogue import Document
from clusters.differences import PathChange, differences
from clusters.effective import MachineImpact
from clusters.installed import catalogue
from clusters.modes import Mode
from clusters.refusals import Refused
from clusters.sealing import secrets_of
from clusters.state import ClusterState, Machine
from clusters.versions import Address, Change, CommitId, Kind, Past, settings_at

PER_PAGE = 50


class UnknownCommit(Refused):
    """A commit that this replica does not hold, or no longer keeps one by one."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Commits of the history, the latest first; pages count from 1."""

    commits: tuple[versions.Commit, ...]
    page: int
    pages: int
    total: int


def kept(
    replica_id: int, *, mode: Mode | None = None, feature: str = "", user: str = "", text: str = ""
) -> db.QuerySet[models.Commit]:
    """The rows of the commits kept here, the latest first; `read` makes a commit of one.

    `mode` and `feature` select those that changed such settings, `user` those by that person, `text` those
    with it in comment, user or host (case is ignored).
    """
    rows = models.Commit.objects.filter(replica=replica_id)
    if mode is not None or feature:
        rows = rows.filter(_touching(mode, feature))
    if user:
        rows = rows.filter(user=user)
    if text:
        words = (db.Q(**{f"{column}__icontains": text}) for column in ("comment", "user", "host"))
        rows = rows.filter(next(words) | next(words) | next(words))
    return rows.order_by("-wall", "-counter", "-pk").prefetch_related("changes")


def history(replica_id: int, *, page: int = 1, per_page: int = PER_PAGE, **wanted: Any) -> HistoryPage:
    """A page of the commits that `kept` selects. A page beyond the last is the last."""
    found = kept(replica_id, **wanted)
    total = found.count()
    pages = max(1, -(-total // per_page))
    page = min(max(page, 1), pages)
    shown = found[(page - 1) * per_page : page * per_page]
    return HistoryPage(tuple(row.read() for row in shown), page, pages, total)


def _touching(mode: Mode | None, feature: str) -> db.Exists:
    changes = models.Change.objects.filter(commit=db.OuterRef("pk"))
    if mode is not None and feature:
        changes = changes.filter(address=str(settings_at(mode, feature)))
    elif mode is not None:
        own = f"{Kind(mode.level)}/{mode.id}".rstrip("/")
        changes = changes.filter(db.Q(address__startswith=f"settings/{mode}/") | db.Q(address=own))
    else:
        changes = changes.filter(address__startswith="settings/", address__endswith=f"/{feature}")
    return db.Exists(changes)


@dataclass(frozen=True, slots=True)
class EntryChange:
    """What a commit did to one entry; None is absent.

    `known` is False when the value before is not kept here.
    """

    address: Address
    before: Document | None
    after: Document | None
    known: bool

    @property
    def paths(self) -> list[PathChange]:
        """What differs, secrets hidden."""
        return differences(self.before, self.after, secrets_of(self.address))


@dataclass(frozen=True, slots=True)
class CommitDetail:
    """A commit, what it did to each entry, and what that meant on each machine (CMT-02).

    `impacts` has the machines on which something changed; `machines` all that the cluster then had.
    """

    commit: versions.Commit
    entries: tuple[EntryChange, ...]
    impacts: tuple[MachineImpact, ...]
    machines: tuple[Machine, ...]
    state: ClusterState

    @property
    def by_mode(self) -> list[tuple[Mode | None, list[EntryChange]]]:
        """The entries per mode, the cluster first; None holds what is no setting."""
        found: dict[Mode | None, list[EntryChange]] = {}
        for entry in self.entries:
            found.setdefault(entry.address.mode, []).append(entry)
        places: dict[Mode | None, int] = {mode: place for place, mode in enumerate(self.state.modes())}
        return sorted(found.items(), key=lambda pair: places.get(pair[0], len(places)))


def find(replica_id: int, commit_id: CommitId) -> versions.Commit:
    """The commit of that id; raises UnknownCommit."""
    rows = models.Commit.objects.filter(replica=replica_id, origin=commit_id.origin, number=commit_id.number)
    row = rows.prefetch_related("changes").first()
    if row is None:
        raise UnknownCommit(_("There is no commit %(id)s in this history.") % {"id": commit_id})
    return row.read()


def last(replica_id: int) -> versions.Commit:
    """The latest commit; raises UnknownCommit when there is none (the CLI's `commitdetail`)."""
    found = history(replica_id, per_page=1).commits
    if not found:
        raise UnknownCommit(_("There is no commit in this history yet."))
    return found[0]


def detail(replica_id: int, commit_id: CommitId) -> CommitDetail:
    """What a commit changed, per entry and per machine (CMT-02); raises UnknownCommit."""
    commit = find(replica_id, commit_id)
    before = replicas.state_seen(replica_id, commit.seen)
    after = before.changed(commit.changes, commit)
    alone = drafts.holder_of(replica_id, after)
    impacts = effective.impact(before, after, catalogue(), alone)
    machines = (*after.machines.values(), *alone)
    # What a commit has removed has a name only before it.
    gone = any(c.value is None and c.address.kind in (Kind.GROUP, Kind.MACHINE) for c in commit.changes)
    entries = tuple(entry_changes(replica_id, commit))
    return CommitDetail(commit, entries, tuple(impacts), machines, before if gone else after)


def entry_changes(replica_id: int, commit: versions.Commit) -> list[EntryChange]:
    """What the commit did to each entry, from the version that its author saw."""
    replaced = {(c.address, c.replaces) for c in commit.changes if c.replaces and not _remembered(c)}
    before = replicas.versions_made(replica_id, replaced)
    return [_entry_change(change, before) for change in commit.changes]


def _remembered(change: Change) -> Past | None:
    """What the change itself says of what stood before it."""
    past = change.past
    return past if past and (past.versions or past.whole) else None


def _entry_change(
    change: Change, replaced: Mapping[tuple[Address, CommitId], versions.Version]
) -> EntryChange:
    if past := _remembered(change):
        stood = past.versions[0].value if past.versions else None
        return EntryChange(change.address, stood, change.value, known=True)
    if change.replaces is None:
        return EntryChange(change.address, None, change.value, known=True)
    before = replaced.get((change.address, change.replaces))
    return EntryChange(change.address, before.value if before else None, change.value, before is not None)
