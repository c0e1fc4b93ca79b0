"""Status rows: what the log wants of each machine, and what machines and links have said.

Many write them at once: commits, reports, looks at the links. Whoever writes rows of several machines takes
them by `taken` first, all in one order, or two writers would wait for one another and a database would end
one of them. Whoever needs the replica's row too takes it before them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from appliances.following import applies, samples
from appliances.machine.status import MachineStatus as Report
from appliances.models import Connection, LinkStatus, MachineStatus
from clusters import effective, modes, replicas
from clusters.installed import catalogue
from clusters.models import Replica
from clusters.state import ClusterState, Machine

END_OF_TIME = 4_102_444_800_000
MOST_QUEUED = 2**31 - 1


def wanted(replica_id: int) -> None:
    """Bring the rows of a replica up to its entries: members, their names, and the settings wanted of each.

    Cheap when nothing changed; safe to run twice or late: rows of a later revision stay.
    """
    with transaction.atomic():
        # `no_key`: rows that name the replica, as those of a report do, are written meanwhile. They would
        # wait for us at the end of their transaction, and we for the status rows that it holds.
        row = Replica.objects.select_for_update(no_key=True).get(pk=replica_id)
        state = replicas.state_of(row)
        known = {status.serial: status for status in taken(MachineStatus.objects.filter(replica=row))}
        changed = [
            _wanted_row(row, member, state, known.get(member.serial)) for member in state.machines.values()
        ]
        _save([status for status in changed if status is not None])
        gone = MachineStatus.objects.filter(replica=row).exclude(serial__in=state.machines)
        gone.exclude(connection=Connection.REMOVED).update(
            connection=Connection.REMOVED, since=timezone.now(), reason="", remedy="", wanted=""
        )


def taken(rows: models.QuerySet[MachineStatus]) -> models.QuerySet[MachineStatus]:
    """The rows, locked when they are read, to the end of the transaction; without what machines reported.

    In the order of their keys: that of serial numbers is another one in every language of a database.
    """
    return rows.defer("report").order_by("pk").select_for_update()


def take(replica_id: int, serials: Collection[str]) -> None:
    """Lock the rows of these machines before reports of theirs are kept in one transaction."""
    rows = MachineStatus.objects.filter(replica=replica_id, serial__in=serials)
    list(taken(rows).values_list("pk", flat=True))


def _wanted_row(
    row: Replica, member: Machine, state: ClusterState, status: MachineStatus | None
) -> MachineStatus | None:
    if status is not None and status.wanted_revision >= row.revision:
        return None
    status = status or MachineStatus(replica=row, serial=member.serial)
    fingerprint = effective.effective(state, modes.machine(member.serial), catalogue()).fingerprint
    if fingerprint != status.wanted:
        status.wanted, status.wanted_since = fingerprint, timezone.now()
    status.wanted_revision = row.revision
    status.name, status.group = member.name, member.group
    _on_purpose(status, member)
    return status


def _on_purpose(status: MachineStatus, member: Machine) -> None:
    if member.disconnected and status.connection != Connection.DISCONNECTED:
        status.connection, status.since = Connection.DISCONNECTED, timezone.now()
        status.reason = status.remedy = ""
    elif not member.disconnected and status.connection in (Connection.DISCONNECTED, Connection.REMOVED):
        status.connection, status.since = Connection.UNKNOWN, timezone.now()
        status.reason = status.remedy = ""


WANTED_COLUMNS = (
    "wanted", "wanted_since", "wanted_revision", "name", "group", "connection", "since", "reason", "remedy"
)  # fmt: skip


def _save(rows: list[MachineStatus]) -> None:
    # Django's bulk_update builds a case per row and column: seconds for a thousand machines.
    fresh = [
        MachineStatus(replica_id=r.replica_id, serial=r.serial, **{c: getattr(r, c) for c in WANTED_COLUMNS})
        for r in rows
    ]
    MachineStatus.objects.bulk_create(
        fresh, update_conflicts=True, unique_fields=["replica", "serial"], update_fields=WANTED_COLUMNS
    )


def heard(replica_id: int, serial: str, report: Mapping[str, Any]) -> bool:
    """Keep a machine's own report of itself; returns whether anything that people see has changed.

    A report that is none, or older than the last one, changes nothing.
    """
    said = Report.from_wire(report)
    if said is None or said.serial != serial:
        return False
    with transaction.atomic():
        row = MachineStatus.objects.select_for_update().filter(replica=replica_id, serial=serial).first()
        if row is None or row.report.get("as_of", 0) > said.as_of:
            return False
        columns = _columns(said)
        news = any(getattr(row, name) != value for name, value in columns.items())
        now = timezone.now()
        fresh = {**columns, "report": said.to_wire(), "heard": now}
        MachineStatus.objects.filter(pk=row.pk).update(**fresh)
        _keep_links(row, said)
        if any(getattr(row, name) != columns[name] for name in ("enforced", "generation", "error")):
            applies.note(replica_id, said, columns, now)
        samples.take(replica_id, Report.from_wire(row.report), said, now)
    return news


def _keep_links(row: MachineStatus, said: Report) -> None:
    now = timezone.now()
    states = set(Connection.values)
    found = [
        LinkStatus(
            replica_id=row.replica_id,
            observer=row.serial,
            peer=link.serial,
            state=link.state if link.state in states else Connection.UNKNOWN,
            since=_time(link.since),
            reason=link.reason[:1000],
            remedy=link.remedy[:1000],
            round_trip=link.round_trip,
            heard=now,
        )
        for link in said.links
    ]
    LinkStatus.objects.filter(replica=row.replica_id, observer=row.serial).delete()
    LinkStatus.objects.bulk_create(found, ignore_conflicts=True)


@dataclass(frozen=True, slots=True)
class Reached:
    """How a machine is reached, and what its row says of that."""

    connection: Connection
    reason: str = ""
    remedy: str = ""


def connection(replica_id: int, serial: str, state: Connection, reason: str = "", remedy: str = "") -> bool:
    """Note how one machine is reached now; see `connections`."""
    return connections(replica_id, {serial: Reached(state, reason, remedy)})


@transaction.atomic
def connections(replica_id: int, found: Mapping[str, Reached]) -> bool:
    """Note how machines are reached now; returns whether any state is news. DISCONNECTED and REMOVED stay.

    The number of queries grows with what has changed, not with the machines.
    """
    now = timezone.now()
    rows = MachineStatus.objects.filter(replica=replica_id, serial__in=found)
    rows = rows.exclude(connection__in=[Connection.DISCONNECTED, Connection.REMOVED])
    flipped, said = defaultdict(list), defaultdict(list)
    for serial, state, reason, remedy in taken(rows).values_list("serial", "connection", "reason", "remedy"):
        new = found[serial]
        if state != new.connection:
            flipped[new].append(serial)
        elif (reason, remedy) != (new.reason, new.remedy):
            said[new].append(serial)
    for new, serials in flipped.items():
        rows.filter(serial__in=serials).update(
            connection=new.connection, since=now, reason=new.reason, remedy=new.remedy
        )
    for new, serials in said.items():
        rows.filter(serial__in=serials).update(reason=new.reason, remedy=new.remedy)
    rows.update(checked=now)
    return bool(flipped)


def _columns(said: Report) -> dict[str, Any]:
    error = said.error
    return {
        "enforced": said.enforced[:64],
        "generation": said.generation,
        "error": "" if error is None else "\n".join(filter(None, (error.text, error.detail)))[:4000],
        "queue": min(said.queue.total, MOST_QUEUED),
        "release": said.release[:64],
        "applied": _time(said.enforced_since),
    }


def _time(raw: int | None) -> datetime | None:
    if raw is None or not 0 < raw < END_OF_TIME:
        return None
    return datetime.fromtimestamp(raw / 1000, UTC)
