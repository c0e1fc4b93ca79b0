"""The tables behind a replica (design, section 3) and a person's drafts (section 5).

Entries change only through `clusters.replicas`; rows here are what its store reads and writes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from clusters import versions
from clusters.sealed_columns import SealedChangesField, SealedJSONField, SealedPastField
from clusters.sealing import secrets_of

REJOINED = "#"
"""Parts the serial number from what tells the memberships of one machine apart in an origin."""


class Replica(models.Model):
    """One holder's copy of one cluster."""

    cluster_id = models.UUIDField(_("cluster"), default=uuid.uuid4, unique=True, editable=False)
    origin = models.CharField(
        _("serial number of the holder"),
        max_length=versions.MAX_ORIGIN,
        help_text=_("Signs commits made here."),
    )
    vector = models.JSONField(_("vector"), default=dict, blank=True)
    floor = models.JSONField(_("compacted up to"), default=dict, blank=True)
    tips = models.JSONField(_("links of the last commits"), default=dict, blank=True)
    wall = models.BigIntegerField(_("latest time (ms)"), default=0)
    counter = models.BigIntegerField(_("latest time (counter)"), default=0)
    revision = models.PositiveBigIntegerField(
        _("revision"), default=0, help_text=_("Grows with every change of an entry.")
    )
    name = models.CharField(_("name"), max_length=255, blank=True, help_text=_("Empty while standalone."))

    class Meta:
        verbose_name = _("replica")
        verbose_name_plural = _("replicas")

    def __str__(self) -> str:
        return self.name or self.origin

    @property
    def serial(self) -> str:
        """The serial number of the holder.

        `origin` signs commits: the serial number, and after a membership has ended a suffix, so that a
        machine that comes back never uses the number of a commit twice.
        """
        return self.origin.partition(REJOINED)[0]


class AuthorshipFields(models.Model):
    """The columns of versions.Authorship."""

    origin = models.CharField(_("made on"), max_length=versions.MAX_ORIGIN)
    number = models.PositiveBigIntegerField(_("number"))
    wall = models.BigIntegerField(_("time (ms)"))
    counter = models.BigIntegerField(_("time (counter)"))
    seen = models.JSONField(_("had seen"), default=dict, blank=True)
    user = models.CharField(_("user"), max_length=versions.MAX_TEXT, blank=True)
    host = models.CharField(_("host"), max_length=versions.MAX_TEXT, blank=True)
    comment = models.TextField(_("comment"), blank=True)

    class Meta:
        abstract = True

    @property
    def commit_id(self) -> versions.CommitId:
        return versions.CommitId(self.origin, self.number)

    @property
    def time(self) -> versions.Timestamp:
        return versions.Timestamp(self.wall, self.counter)

    @staticmethod
    def columns(by: versions.Authorship) -> dict[str, object]:
        """The column values of an authorship."""
        return {
            "origin": by.id.origin,
            "number": by.id.number,
            "wall": by.time.wall,
            "counter": by.time.counter,
            "seen": dict(by.seen),
            "user": by.user,
            "host": by.host,
            "comment": by.comment,
        }


class Commit(AuthorshipFields):
    """A commit of the log; the primary key is the order of arrival here."""

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="commits")
    previous = models.CharField(_("link of the commit before"), max_length=versions.LINK_LENGTH, blank=True)

    class Meta:
        verbose_name = _("commit")
        verbose_name_plural = _("commits")
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["replica", "origin", "number"], name="one_commit_per_number")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["replica", "wall", "counter"])]

    def __str__(self) -> str:
        return str(self.commit_id)

    def read(self) -> versions.Commit:
        """The commit as the domain knows it; prefetch `changes` for many."""
        changes = tuple(change.read() for change in self.changes.all())
        by = (self.commit_id, self.time, self.seen, self.user, self.host, self.comment)
        return versions.Commit(*by, changes, self.previous)


class ValueOfEntry(models.Model):
    """The value of an entry, null where it is absent; its secrets rest sealed."""

    address = models.CharField(_("entry"), max_length=255)
    value = SealedJSONField(_("value"), null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def secrets(self) -> Iterable[str]:
        """The paths in `value` that are sealed."""
        return secrets_of(versions.Address.parse(self.address))


class WrittenValue(ValueOfEntry):
    """A value that a commit wrote, and under safe wait what had stood there before it."""

    past = SealedPastField(_("what stood before"), null=True, blank=True)

    class Meta:
        abstract = True


class Change(WrittenValue):
    """What a commit did to one entry; a null value made it absent."""

    commit = models.ForeignKey(Commit, models.CASCADE, related_name="changes")
    address = models.CharField(_("entry"), max_length=255, db_index=True)
    replaces = models.CharField(_("replaces"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return self.address

    def read(self) -> versions.Change:
        base = versions.CommitId.parse(self.replaces) if self.replaces else None
        past = versions.past_from_wire(self.past)
        return versions.Change(versions.Address.parse(self.address), self.value, base, past)


class VersionFields(WrittenValue, AuthorshipFields):
    """The columns of versions.Version."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.address

    def read(self) -> versions.Version:
        by = (self.commit_id, self.time, self.seen, self.user, self.host, self.comment)
        return versions.Version(*by, self.value, versions.past_from_wire(self.past))

    @staticmethod
    def columns(by: versions.Authorship) -> dict[str, object]:
        """The column values of a version."""
        assert isinstance(by, versions.Version)
        written = {"value": by.value, "past": versions.past_to_wire(by.past)}
        return {**AuthorshipFields.columns(by), **written}


class Head(VersionFields):
    """A version of an entry that no other had seen: rank 0 is the newest, the rest lost a conflict."""

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="heads")
    rank = models.PositiveSmallIntegerField(_("rank"), default=0)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering: ClassVar[list[str]] = ["address", "rank"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["replica", "address", "rank"], name="one_head_per_rank")
        ]


class Superseded(VersionFields):
    """A version that no longer stands and whose commit is not kept here: it came with a snapshot.

    What the first commit after a join has replaced is known from here (CMT-02, revert).
    """

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="superseded")

    class Meta:
        verbose_name = _("superseded version")
        verbose_name_plural = _("superseded versions")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["replica", "address"])]


class HeldCommit(models.Model):
    """A commit dated too far ahead, or one that builds on it (clock guard)."""

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="held_commits")
    wire = SealedChangesField(_("commit"))
    since = models.DateTimeField(_("held since"), auto_now_add=True)

    class Meta:
        verbose_name = _("held commit")
        verbose_name_plural = _("held commits")

    def __str__(self) -> str:
        return str(self.wire.get("id"))


class RollbackPoint(models.Model):
    """A commit before which the configuration is kept for a rollback, on this replica alone (CMT-06)."""

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="rollback_points")
    commit = models.CharField(_("commit"), max_length=100)

    class Meta:
        verbose_name = _("kept configuration")
        verbose_name_plural = _("kept configurations")
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["replica", "commit"], name="one_point_per_commit")
        ]

    def __str__(self) -> str:
        return self.commit


class Draft(ValueOfEntry):
    """One uncommitted change of one person; never replicated (CMT-01..CMT-05).

    `base` is the version in force when the person began; a null value will make the entry absent.
    """

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="drafts")
    user = models.CharField(_("user"), max_length=255)
    base = models.CharField(_("base version"), max_length=100, blank=True)
    updated = models.DateTimeField(_("edited"), auto_now=True)

    class Meta:
        verbose_name = _("pending change")
        verbose_name_plural = _("pending changes")
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["replica", "user", "address"], name="one_draft_per_entry")
        ]

    def __str__(self) -> str:
        return self.address

    def read(self) -> versions.Change:
        base = versions.CommitId.parse(self.base) if self.base else None
        return versions.Change(versions.Address.parse(self.address), self.value, base)
