"""What other members said of themselves last: for `connstatus` and `status` of another machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliances.machine.status import MachineStatus

MOST = 5000


class Heard:
    """The last status of each peer. An older one never replaces a newer."""

    def __init__(self) -> None:
        self._last: dict[str, MachineStatus] = {}

    def take(self, serial: str, raw: Mapping[str, Any]) -> None:
        """Keeps a status that came over the link with that peer, if it is one and its own."""
        found = MachineStatus.from_wire(raw)
        if found is None or found.serial != serial or self._full(serial):
            return
        known = self._last.get(serial)
        if known is None or known.as_of <= found.as_of:
            self._last[serial] = found

    def _full(self, serial: str) -> bool:
        return len(self._last) >= MOST and serial not in self._last

    def all(self) -> dict[str, MachineStatus]:
        """By serial number."""
        return dict(self._last)
