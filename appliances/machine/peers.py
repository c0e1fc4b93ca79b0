"""What the cluster's entries mean for this machine's links: whom to keep a link with, whom to let in."""

from __future__ import annotations

from django.db.models import Q

from appliances.links.errors import Reason, VersionMismatch
from appliances.links.peer import Kind, PeerIdentity, Refusal, Standing
from appliances.links.states import Member, Wanted
from appliances.links.table import Table
from appliances.machine.view import View
from clusters import joining, models
from clusters.state import Machine
from clusters.versions import Kind as EntryKind


def members(view: View) -> list[Member]:
    """The peers of this machine. While it is disconnected on purpose it calls nobody (SYN-06)."""
    if view.state.standalone or view.member is None:
        return []
    alone = view.member.disconnected
    machines = [
        Member(m.serial, m.name, m.address, _port(m), m.host_key, _wanted(alone or m.disconnected))
        for m in view.state.machines.values()
    ]
    portals = [
        Member(p.serial, p.name, wanted=_wanted(alone), kind=Kind.PORTAL) for p in view.state.portals.values()
    ]
    return [*machines, *portals]


def wanted(view: View) -> dict[str, bool]:
    """Of whom alerts are kept, by serial number: true for who was disconnected on purpose."""
    machines = {serial: m.disconnected for serial, m in view.state.machines.items()}
    return {**machines, **dict.fromkeys(view.state.portals, False)}


def _port(member: Machine) -> int:
    """Where CCS is on, cluster traffic takes it: it was turned on because SSH does not pass (COM-13)."""
    return member.ccs_port or member.port


def _wanted(disconnected: bool) -> Wanted:
    return Wanted.DISCONNECTED if disconnected else Wanted.CONNECTED


async def release_of(view: View, table: Table, serial: str, ours: str) -> str:
    """The release that a member runs now, connected or not (UPG-08). Raises LinkError."""
    m = view.state.machines[serial]
    try:
        link = await table.call(Member(m.serial, m.name, m.address, _port(m), m.host_key))
    except VersionMismatch as mismatch:
        return mismatch.theirs
    await link.close("asked", "its release was asked")
    return ours


def peer_by_key(view: View, public_key: str) -> PeerIdentity | Refusal:
    """Whose user key that is, or why it is not let in (RM-06).

    A machine that is disconnected itself lets every member in: one of them comes to reconnect it.
    """
    own = view.member
    if view.state.standalone or own is None:
        return Refusal(Reason.UNKNOWN, "this machine is in no cluster")
    for m in view.state.machines.values():
        if m.user_key == public_key and m.serial != view.serial:
            if m.disconnected and not own.disconnected:
                return Refusal(Reason.DISCONNECTED, f"{m.name} is disconnected on purpose")
            return PeerIdentity(m.serial, m.name)
    for p in view.state.portals.values():
        if p.user_key == public_key:
            return PeerIdentity(p.serial, p.name, Kind.PORTAL)
    return _pending(view, public_key) or _stranger(view, public_key)


def _pending(view: View, public_key: str) -> PeerIdentity | None:
    for waiting in joining.pending_joins(view.state):
        if waiting.user_key == public_key:
            return PeerIdentity(waiting.serial, waiting.host, standing=Standing.PENDING)
    return None


def _stranger(view: View, public_key: str) -> Refusal:
    """One that was a member or a portal is told so, and by which commit; anybody else is unknown.

    Reads the database.
    """
    were = Q(address__startswith=f"{EntryKind.MACHINE}/") | Q(address__startswith=f"{EntryKind.PORTAL}/")
    known = models.Change.objects.filter(were, commit__replica=view.replica_id)
    entry = known.filter(value__user_key=public_key).values_list("address", flat=True).last()
    now = models.Head.objects.filter(replica=view.replica_id, address=entry, rank=0).first()
    if now is None:
        return Refusal(Reason.UNKNOWN, "no member of this cluster has this key")
    if now.value is not None:
        return Refusal(Reason.OTHER_KEY, "this one has another key in this cluster now")
    return Refusal(Reason.REMOVED, "this one was removed from the cluster", str(now.commit_id))
