"""The log of applies: when a machine brought settings into force, which, and what it refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from appliances.machine.status import MachineStatus as Report
from clusters import replicas, versions
from clusters.models import Replica
from clusters.modes import machine
from clusters.replication import SnapshotNeeded
from clusters.state import ClusterState
from clusters.versions import Address, Kind, Vector

KEPT = timedelta(days=90)
MOST_COMMITS = 500


class Applied(models.Model):
    """A change of what a machine enforces, of its generation, or of its error.

    `vector` is what the machine had seen: the commits that it has more than the row before are the cause.
    """

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="applies")
    serial = models.CharField(_("serial number"), max_length=64)
    at = models.DateTimeField(_("heard"))
    enforced = models.CharField(_("enforced settings"), max_length=64, blank=True)
    wanted = models.CharField(_("wanted settings"), max_length=64, blank=True)
    generation = models.PositiveBigIntegerField(_("generation"), null=True, blank=True)
    applied = models.DateTimeField(_("enforced since"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True)
    vector = models.JSONField(_("vector"), default=dict, blank=True)

    class Meta:
        verbose_name = _("change of enforced settings")
        verbose_name_plural = _("log of applies")
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["replica", "serial"])]

    def __str__(self) -> str:
        return f"{self.serial} {self.enforced}"


def note(replica_id: int, said: Report, columns: dict[str, object], now: datetime) -> None:
    """Write down that the machine has brought something into force, or refused it."""
    kept = {name: columns[name] for name in ("enforced", "generation", "applied", "error")}
    Applied.objects.create(
        replica_id=replica_id,
        serial=said.serial,
        at=now,
        wanted=said.wanted[:64],
        vector=said.vector,
        **kept,
    )


def forget(now: datetime) -> int:
    """Drop what is too old; returns how many rows went."""
    return int(Applied.objects.filter(at__lt=now - KEPT).delete()[0])


@dataclass(frozen=True, slots=True)
class Apply:
    """A row of the log, with the commits that led to it, the latest first, as far as they are kept here.

    Before the `first` nothing was heard that worked, so that nobody knows what led to it.
    """

    row: Applied
    commits: tuple[versions.Commit, ...]
    first: bool

    @property
    def refused(self) -> bool:
        return bool(self.row.error)


def rows_of(replica_id: int, serial: str) -> models.QuerySet[Applied]:
    """The log of a machine, the latest first."""
    return Applied.objects.filter(replica=replica_id, serial=serial).order_by("-pk")


def explained(
    rows: Sequence[Applied], state: ClusterState, older: Sequence[Applied] | None = None
) -> list[Apply]:
    """What led to each of these rows, which follow one another in the log of a machine.

    `older` are the rows before them, down to one that was not refused, where that is known already.
    """
    if not rows:
        return []
    last = rows[-1]
    if older is None:
        older = list(rows_of(last.replica_id, last.serial).filter(pk__lt=last.pk, error="")[:1])
    known = [*rows, *older]
    made = _commits(last.replica_id, known[-1].vector)
    mine = [c for c in made if any(_concerns(change.address, last.serial, state) for change in c.changes)]
    found = []
    for place, row in enumerate(rows, 1):
        before = _seen_before(known[place:])
        found.append(Apply(row, _between(mine, before, row), before is None))
    return found


def log(replica_id: int, serial: str, state: ClusterState, most: int) -> list[Apply]:
    """The last rows of a machine, the latest first."""
    rows = list(rows_of(replica_id, serial)[: most + 1])
    older = rows[most:]
    return explained(rows[:most], state, None if older and older[0].error else older)


def _seen_before(older: Sequence[Applied]) -> Vector | None:
    """What the machine had seen when it last enforced what it should; what was refused still waits."""
    return next((row.vector for row in older if not row.error), None)


def _between(
    commits: Sequence[versions.Commit], before: Vector | None, row: Applied
) -> tuple[versions.Commit, ...]:
    if before is None:
        return ()
    new = (c for c in commits if before.get(c.id.origin, 0) < c.id.number <= row.vector.get(c.id.origin, 0))
    return tuple(reversed(list(new)))


def _commits(replica_id: int, since: Vector) -> list[versions.Commit]:
    try:
        return replicas.missing(replica_id, since, MOST_COMMITS)
    except SnapshotNeeded:
        return []


def _concerns(address: Address, serial: str, state: ClusterState) -> bool:
    """Whether an entry can change what holds on the machine."""
    if address.mode is None:
        return address.kind is Kind.MACHINE and address.name == serial
    return address.mode in state.chain(machine(serial))
