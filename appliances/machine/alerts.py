"""What an administrator should hear of: one incident per outage, closed when it heals (SYN-01, SYN-15)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from appliances.links.states import ALERTS, Event, EventKind, State
from appliances.machine.home import replace_json
from appliances.machine.status import now

logger = logging.getLogger(__name__)

MOST = 200
REOPEN = 30 * 60 * 1000
"""Milliseconds: what comes back so soon is the same incident, as at the portal."""
SEVERITIES = {EventKind.DOWN: "critical", EventKind.REFUSED: "critical", EventKind.HOST_KEY: "critical"}


@dataclass(frozen=True)
class Alert:
    """An incident with one peer. Times in ms since 1970 UTC; `until` is None while it lasts.

    `ended` says why it is over.
    """

    kind: str
    severity: str
    serial: str
    name: str
    text: str
    since: int
    last: int
    count: int = 1
    until: int | None = None
    ended: str = ""


def _of_link(alert: Alert) -> bool:
    """Whether it is of a peer, and not of this machine itself."""
    return alert.kind in {str(kind) for kind in ALERTS}


def _down(alert: Alert) -> bool:
    return alert.kind == EventKind.DOWN


class Alerts:
    """The incidents of this machine, kept in `path`; beyond MOST the oldest of those that are over go."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all: list[Alert] = self._loaded()

    def _loaded(self) -> list[Alert]:
        try:
            return [Alert(**each) for each in json.loads(self._path.read_text())]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            logger.warning("the kept alerts cannot be read: %s", error)
            return []

    def all(self) -> Sequence[Alert]:
        """The latest first."""
        return list(reversed(self._all))

    def open(self) -> Sequence[Alert]:
        """Those that last, the latest first."""
        return [alert for alert in self.all() if alert.until is None]

    def happened(self, event: Event) -> None:
        """A repeated alert counts on its incident; a link that is up again closes all of its peer.

        What was heard of a peer in another way ends that it is down, and not that it refuses us.
        """
        if event.kind in ALERTS:
            self._raise(event)
        elif event.state is State.CONNECTED:
            self._close(lambda alert: alert.serial == event.serial, event.text or "it is connected")
        elif event.kind is EventKind.UP:
            self._close(lambda alert: _down(alert) and alert.serial == event.serial, event.text)

    def follow(self, members: Mapping[str, bool]) -> None:
        """The members and portals now, by serial number; true for who was disconnected on purpose (TRL-33).

        Nothing else of the entries ends an alert: a machine that is down stays so whoever joins or leaves.
        """
        self._close(lambda alert: _of_link(alert) and alert.serial not in members, "it is no member any more")
        self._close(lambda alert: _down(alert) and members[alert.serial], "disconnected on purpose")

    def reached(self, serials: Collection[str], by: str) -> None:
        """Machines with which this one keeps no link, and another member does."""
        self._close(lambda alert: _down(alert) and alert.serial in serials, f"{by} reaches it")

    def _raise(self, event: Event) -> None:
        place, known = self._same_outage(event)
        at = now()
        if known is None:
            first = (str(event.kind), SEVERITIES[event.kind], event.serial, event.name, event.text)
            self._all.append(Alert(*first, since=at, last=at))
        else:
            again = replace(known, text=event.text, last=at, count=known.count + 1, until=None, ended="")
            self._all[place : place + 1] = [] if known.until else [again]
            self._all += [again] if known.until else []
        self._keep()

    def raise_own(self, kind: str, serial: str, name: str, text: str, severity: str = "critical") -> None:
        """An incident of this machine itself, unless it is open already."""
        if any(alert.kind == kind and alert.until is None for alert in self._all):
            return
        at = now()
        self._all.append(Alert(kind, severity, serial, name, text, since=at, last=at))
        self._keep()

    def close_own(self, kind: str) -> None:
        """That incident is over."""
        self._close(lambda alert: alert.kind == kind, "")

    def _same_outage(self, event: Event) -> tuple[int, Alert | None]:
        """The place of the incident that lasts, or was over a moment ago: a flapping link is one, counted."""
        over = now() - REOPEN
        for place, alert in reversed(list(enumerate(self._all))):
            if (alert.kind, alert.serial) == (event.kind, event.serial):
                return place, alert if alert.until is None or alert.until > over else None
        return 0, None

    def _close(self, ends: Callable[[Alert], bool], why: str) -> None:
        at = now()
        closed = [
            replace(alert, until=at, ended=why) if alert.until is None and ends(alert) else alert
            for alert in self._all
        ]
        if closed != self._all:
            self._all = closed
            self._keep()

    def _keep(self) -> None:
        # What lasts is never forgotten, however many others come and go.
        for alert in [each for each in self._all if each.until is not None][: max(0, len(self._all) - MOST)]:
            self._all.remove(alert)
        try:
            replace_json(self._path, [asdict(alert) for alert in self._all])
        except OSError as error:
            logger.error("the alerts cannot be kept: %s", error)
