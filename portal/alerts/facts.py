"""What is wrong now, read from rows: nothing here writes, and the same rows give the same facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q

from appliances.following import forks
from appliances.following.freshness import STALE_AFTER
from appliances.links.errors import REMEDIES, AuthenticationFailed, HostKeyChanged, Reason, VersionMismatch
from appliances.models import Connection, MachineStatus, TaskRun, Worker
from clusters.models import HeldCommit, Replica
from clusters.versions import Commit
from portal.alerts.incidents import Fact
from portal.alerts.kinds import Kind, Severity

SUSPECT_AFTER = timedelta(minutes=10)
LATE_AFTER = timedelta(minutes=5)
SILENT_AFTER = timedelta(seconds=60)
FORGOTTEN_AFTER = timedelta(days=1)

BY_REMEDY = {
    HostKeyChanged.remedy: Kind.HOST_KEY,
    AuthenticationFailed.remedy: Kind.AUTHENTICATION,
    VersionMismatch.remedy: Kind.RELEASE,
    REMEDIES[Reason.UNKNOWN]: Kind.NOT_TAKEN,
    REMEDIES[Reason.OTHER_KEY]: Kind.NOT_TAKEN,
    REMEDIES[Reason.REMOVED]: Kind.NOT_TAKEN,
    REMEDIES[Reason.OTHER_CLUSTER]: Kind.NOT_TAKEN,
    REMEDIES[Reason.OTHER_SERIAL]: Kind.NOT_TAKEN,
    REMEDIES[Reason.NOT_ALLOWED]: Kind.NOT_TAKEN,
}
"""Each error of a link has a remedy of its own, which the row keeps."""

LINKS = frozenset({Kind.DOWN, Kind.SUSPECT, Kind.HOST_KEY, Kind.AUTHENTICATION, Kind.NOT_TAKEN, Kind.RELEASE})
"""What can be known only while somebody looks, and only from a portal with a network."""

WATCHED = LINKS | {Kind.LATE, Kind.BEHIND}
"""What ends only by news: while the portal has none, an open incident of these stays as it is."""


def of_cluster(replica: Replica, now: datetime, *, cut_off: bool = False) -> Iterator[Fact]:
    """What is wrong with the machines of a cluster. With `cut_off` the portal judges no links."""
    for row in _suspicious(replica, now):
        yield from _of_machine(row, replica, now, cut_off)
    yield from _held(replica)
    yield from _forked(replica, now)


def unjudged(replica: Replica, now: datetime) -> set[str]:
    """Serial numbers of machines without fresh news: a worker that begins anew knows nothing yet."""
    rows = MachineStatus.objects.filter(replica=replica).exclude(connection=Connection.REMOVED)
    begins = Q(connection=Connection.UNKNOWN, remedy="")
    stale = rows.filter(Q(checked=None) | Q(checked__lte=now - STALE_AFTER) | begins)
    return set(stale.exclude(connection=Connection.DISCONNECTED).values_list("serial", flat=True))


def _suspicious(replica: Replica, now: datetime) -> Iterator[MachineStatus]:
    """Rows that may have something wrong; those of a healthy cluster are not even read."""
    rows = MachineStatus.objects.filter(replica=replica).exclude(connection=Connection.REMOVED)
    late = Q(wanted_since__lt=now - LATE_AFTER) & ~Q(enforced=F("wanted"))
    returned = Q(report__returned__has_key="text")
    guessed = Q(report__logins__guessed__has_key="text")
    odd = ~Q(connection=Connection.CONNECTED) | ~Q(error="") | ~Q(reason="") | late | returned | guessed
    yield from rows.filter(odd).iterator()


def _of_machine(row: MachineStatus, replica: Replica, now: datetime, cut_off: bool) -> Iterator[Fact]:
    if row.error:
        yield Fact(Kind.REFUSED, row.serial, row.name, row.error)
    if returned := row.report.get("returned"):
        yield Fact(Kind.RETURNED, row.serial, row.name, returned["text"])
    if guessed := (row.report.get("logins") or {}).get("guessed"):
        yield Fact(Kind.GUESSING, row.serial, row.name, guessed["text"])
    if row.connection == Connection.DISCONNECTED:
        yield Fact(Kind.AWAY, row.serial, row.name)
    elif not cut_off and row.checked is not None and now - row.checked < STALE_AFTER:
        yield from _of_link(row, now)
        if row.connection == Connection.CONNECTED and not row.error:
            yield from _of_settings(row, replica, now)


def _of_link(row: MachineStatus, now: datetime) -> Iterator[Fact]:
    kind = BY_REMEDY.get(row.remedy)
    lasts = row.since is not None and now - row.since >= SUSPECT_AFTER
    if row.connection == Connection.CONNECTED:
        if row.reason:
            yield Fact(Kind.BEHIND, row.serial, row.name, row.reason)
    elif kind is not None:
        yield Fact(kind, row.serial, row.name, row.reason, row.remedy)
    elif row.connection == Connection.DOWN:
        yield Fact(Kind.DOWN, row.serial, row.name, row.reason, row.remedy)
    elif row.connection == Connection.SUSPECT and lasts:
        yield Fact(Kind.SUSPECT, row.serial, row.name, row.reason)


def _of_settings(row: MachineStatus, replica: Replica, now: datetime) -> Iterator[Fact]:
    overdue = row.wanted_since is not None and now - row.wanted_since > LATE_AFTER
    if row.enforced == row.wanted or not overdue or not row.enforced:
        return
    prints = {"enforced": row.enforced, "wanted": row.wanted}
    settled = row.report.get("wanted") == row.enforced and row.report.get("vector") == replica.vector
    yield Fact(Kind.INCONSISTENT if settled else Kind.LATE, row.serial, row.name, details=prints)


def _held(replica: Replica) -> Iterator[Fact]:
    """One fact per machine whose commits wait; names it and how far its clock is ahead."""
    worst: dict[str, tuple[int, Commit]] = {}
    for row in HeldCommit.objects.filter(replica=replica):
        commit = Commit.from_wire(row.wire)
        ahead = commit.time.wall - int(row.since.timestamp() * 1000)
        if ahead > worst.get(commit.id.origin, (-1, commit))[0]:
            worst[commit.id.origin] = (ahead, commit)
    for origin, (ahead, commit) in worst.items():
        words = {"commit": str(commit.id), "seconds": max(1, ahead // 1000), "user": commit.user}
        yield Fact(Kind.HELD, origin, commit.host or origin, details=words)


def _forked(replica: Replica, now: datetime) -> Iterator[Fact]:
    """One fact per restore of the portal's own database after which somebody committed too early."""
    for fork in forks.lately(replica.pk, now):
        words = {"old": fork.origin, "new": fork.fresh, "number": fork.number, "count": fork.commits}
        words["when"] = f"{fork.found:%Y-%m-%d %H:%M:%S} UTC"
        kind = Kind.UNSETTLED if fork.number is None else Kind.FORKED
        yield Fact(kind, fork.origin, settings.GATEFOLD_PORTAL_NAME, details=words)


def of_portal(now: datetime) -> Iterator[Fact]:
    """What is wrong with the portal's own workers and tasks."""
    workers = list(Worker.objects.filter(seen__gt=now - FORGOTTEN_AFTER))
    alive = [worker for worker in workers if now - worker.seen < SILENT_AFTER]
    for worker in workers:
        if worker not in alive and not any(_replaces(other, worker) for other in alive):
            weight = Severity.WARNING if alive else Severity.CRITICAL
            when = {"when": f"{worker.seen:%Y-%m-%d %H:%M:%S} UTC"}
            yield Fact(Kind.WORKER, worker.name, worker.name, details=when, severity=weight)
    for run in TaskRun.objects.exclude(error=""):
        yield Fact(Kind.TASK, run.name, run.name)


def _replaces(other: Worker, lost: Worker) -> bool:
    same_host = other.name.partition("/")[0] == lost.name.partition("/")[0]
    return same_host and other.started >= lost.seen - timedelta(seconds=30)
