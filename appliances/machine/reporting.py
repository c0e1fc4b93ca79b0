"""Puts the status of this machine together from its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from appliances.links.gate import Guesses
from appliances.links.peer import Kind
from appliances.links.states import PeerView, State
from appliances.machine.routes import routes
from appliances.machine.status import (
    LinkStatus,
    LoginCounts,
    MachineStatus,
    OpenAlert,
    Suspended,
    TrafficCounts,
    Trouble,
    now,
)
from appliances.machine.traffic import Traffic

if TYPE_CHECKING:
    from appliances.machine.daemon import Daemon

GUESSING = "guessing"
MOST_GUESSED = 5
MOST_ALERTS = 50
"""A report names the latest ones: it travels on every link each minute."""


def report(daemon: Daemon, peers: Iterable[PeerView]) -> MachineStatus:
    """The status now. Reads the process table and the queue's directories: call it in a thread."""
    view, applying, fence = daemon.view, daemon.applying, daemon.applying.fence
    postfix = daemon.engine.postfix_status()
    # Mail sees nothing at all while Postfix is dead.
    enforced = fence.fingerprint if postfix.running else ""
    return MachineStatus(
        serial=view.serial,
        name=view.name,
        release=daemon.release,
        cluster="" if view.state.standalone else view.cluster_id,
        cluster_name=view.state.name,
        vector=dict(view.vector),
        wanted=view.fingerprint,
        enforced=enforced,
        enforced_since=fence.since if enforced else None,
        generation=fence.generation if enforced else None,
        error=applying.error or daemon.postfix_error,
        notes=(
            *applying.notes,
            *daemon.engine.suspension.notes(),
            *daemon.services.notes,
            *daemon.own_entry.notes,
            *daemon.self_return.notes(),
            *_held(daemon),
        ),
        returned=daemon.self_return.returned,
        postfix=postfix,
        queue=daemon.engine.queue(),
        links=_routed(daemon, tuple(link_status(peer, _carrier(daemon, peer)) for peer in peers)),
        suspended=_suspended(daemon),
        logins=_logins(daemon),
        disconnected=view.member is not None and view.member.disconnected,
        traffic=traffic_counts(daemon.engine.traffic),
        alerts=tuple(OpenAlert(**asdict(alert)) for alert in daemon.alerts.open()[:MOST_ALERTS]),
        started=daemon.started,
        as_of=now(),
    )


def _suspended(daemon: Daemon) -> Suspended:
    now = daemon.engine.suspension
    return Suspended(listeners=tuple(sorted(now.listeners)), deliveries=now.deliveries)


def _logins(daemon: Daemon) -> LoginCounts:
    gate, alert = daemon.gate, next((a for a in daemon.alerts.open() if a.kind == GUESSING), None)
    return LoginCounts(
        half_open=gate.half_open,
        turned_away=gate.turned_away,
        wrong_passphrases=gate.guesses.wrong_ones,
        refused=gate.guesses.refused,
        guessed=Trouble(text=alert.text, since=alert.since) if alert else None,
    )


def guessed(guesses: Guesses) -> str:
    """Whose passphrases are refused now, in one line; empty where nobody's are."""
    found = [f"{kind} {which!r}" for kind, which in guesses.refusing()]
    if not found:
        return ""
    more = f" and {len(found) - MOST_GUESSED} more" if len(found) > MOST_GUESSED else ""
    return f"passphrases are guessed: refused for a while for {', '.join(found[:MOST_GUESSED])}{more}"


def traffic_counts(traffic: Traffic) -> TrafficCounts:
    """What went through since the program began, or since a person reset the counters."""
    totals, since = traffic.totals()
    counts = {str(outcome): number for outcome, number in totals.items()}
    return TrafficCounts(since=int(since.timestamp() * 1000), **counts)


def _routed(daemon: Daemon, links: tuple[LinkStatus, ...]) -> tuple[LinkStatus, ...]:
    """With the way to each member that has no link with this one (COM-03)."""
    ways = routes(links, daemon.heard_statuses.all())
    names = {serial: member.name for serial, member in daemon.view.state.machines.items()}

    def via(link: LinkStatus) -> str:
        way = () if link.state == "connected" else ways.get(link.serial, ())[:-1]
        return " ".join(names.get(serial, serial) for serial in way)

    return tuple(link.model_copy(update={"via": via(link)}) for link in links)


def _carrier(daemon: Daemon, peer: PeerView) -> str:
    """The service over which a link with a machine runs: that of the end which was called (COM-02)."""
    if peer.state is not State.CONNECTED or peer.kind is not Kind.MACHINE:
        return ""
    view = daemon.view
    called = view.state.machines.get(peer.serial) if peer.dialled_by == view.serial else view.member
    return "CCS" if called and called.ccs_port else "SSH"


def _held(daemon: Daemon) -> Iterator[str]:
    for ident, ahead in daemon.held.items():
        yield f"Commit {ident} was dated {ahead // 1000} s ahead of the clock here; it waits for its date."


def link_status(peer: PeerView, service: str = "") -> LinkStatus:
    """A line of the table of links as a status shows it."""
    return LinkStatus(
        serial=peer.serial,
        name=peer.name,
        kind=peer.kind,
        state=peer.state,
        service=service,
        since=int(peer.since * 1000),
        reason=peer.reason or peer.trouble,
        remedy=peer.remedy,
        round_trip=None if peer.round_trip is None else round(peer.round_trip * 1000, 1),
    )
