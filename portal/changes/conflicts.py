"""The conflict desk: what both sides replaced, and what each made of it (SYN-08)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from clusters import commits
from clusters.reverting import REVERTIBLE
from clusters.sealing import secrets_of
from clusters.side_by_side import Row, side_by_side
from clusters.versions import Version
from portal.place import Place


@dataclass(frozen=True, slots=True)
class Heading:
    """What a column of the desk is, and what ticking a value in it means."""

    title: str
    icon: str
    mood: str
    take: str = ""


@dataclass(frozen=True)
class Columns:
    """The newest version of a conflict and another, beside what both replaced; templates call it `desk`."""

    conflict: commits.Conflict
    other: Version
    pending: bool

    @cached_property
    def rows(self) -> list[tuple[Row, int]]:
        """Where the three differ, each with the column that a merge begins with; secrets hidden."""
        columns = commits.columns_of(self.conflict, self.other.id)
        found = side_by_side(columns, secrets_of(self.conflict.address))
        return [(row, commits.suggested(row)) for row in found]

    @property
    def may_merge(self) -> bool:
        """Whether a merge can be a pending change; operations on the cluster change at once (CMT-08)."""
        return self.conflict.address.kind in REVERTIBLE

    @cached_property
    def headings(self) -> list[Heading]:
        """The three columns; under safe wait the first is in force, else the second (SYN-08)."""
        if self.conflict.waits:
            return [
                Heading(_("in force until somebody decides"), "wait", "warn"),
                Heading(_("newest"), "history", "", _("Take the newest")),
                Heading(_("the other"), "conflict", "", _("Take the other")),
            ]
        return [
            Heading(_("both replaced this"), "history", ""),
            Heading(_("in force"), "check", "ok", _("Take what is in force")),
            Heading(_("lost"), "conflict", "warn", _("Take what lost")),
        ]

    @property
    def headed(self) -> list[tuple[Version | None, Heading]]:
        """Each version with its heading."""
        return list(zip(self.versions, self.headings, strict=True))

    @property
    def lines(self) -> list[tuple[Row, list[tuple[Any, str, Heading]], int]]:
        """Each row with its cells, and the column that a merge begins with."""
        return [
            (row, list(zip(row.values, row.kinds, self.headings, strict=True)), column)
            for row, column in self.rows
        ]

    @property
    def versions(self) -> list[Version | None]:
        """The three versions, in the order of the columns."""
        return [self.conflict.ancestor, self.conflict.newest, self.other]


def desk(place: Place) -> list[Columns]:
    """All conflicts of a cluster, one entry per version beside the newest."""
    planned = {change.address for change in place.drafts}
    return [
        Columns(found, other, found.address in planned)
        for found in commits.conflicts(place.replica_id)
        for other in found.others
    ]
