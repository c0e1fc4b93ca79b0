"""What an administrator should hear of: one incident per outage, closed when it heals (SYN-01, SYN-15)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from appliances.links.states import ALERTS, Event, EventKind, State
from appliances.machine.home import replace_json
from appliances.machine.status import now

logger = logging.getLogger(__name__)

MOST = 200
SEVERITIES = {EventKind.DOWN: "critical", EventKind.REFUSED: "critical", EventKind.HOST_KEY: "critical"}


@dataclass(frozen=True)
class Alert:
    """An incident with one peer. Times in ms since 1970 UTC; `until` is None while it lasts."""

    kind: str
    severity: str
    serial: str
    name: str
    text: str
    since: int
    last: int
    count: int = 1
    until: int | None = None


class Alerts:
    """The incidents of this machine, kept in `path`; the oldest beyond MOST go."""

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
        """A repeated alert counts on its incident; a link that is up again closes all of its peer."""
        if event.kind in ALERTS:
            self._raise(event)
        elif event.kind is EventKind.UP or event.state is State.CONNECTED:
            self._close(event.serial)
        else:
            return
        self._keep()

    def _raise(self, event: Event) -> None:
        for place, alert in enumerate(self._all):
            if alert.until is None and (alert.kind, alert.serial) == (event.kind, event.serial):
                again = replace(alert, text=event.text, last=now(), count=alert.count + 1)
                self._all[place] = again
                return
        at = now()
        alert = Alert(
            str(event.kind), SEVERITIES[event.kind], event.serial, event.name, event.text, since=at, last=at
        )
        self._all = [*self._all, alert][-MOST:]

    def _close(self, serial: str) -> None:
        at = now()
        self._all = [
            replace(alert, until=at) if alert.until is None and alert.serial == serial else alert
            for alert in self._all
        ]

    def _keep(self) -> None:
        try:
            replace_json(self._path, [asdict(alert) for alert in self._all])
        except OSError as error:
            logger.error("the alerts cannot be kept: %s", error)
