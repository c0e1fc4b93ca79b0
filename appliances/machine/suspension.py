"""What an administrator has suspended on this one machine: listeners, deliveries. No setting of the cluster.

It is kept in the machine's home, outlives restarts, and is told in the status until it is resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliances.machine.home import replace_json
from appliances.postfix.configuration import Configuration

LISTENERS = "listenerconfig"


@dataclass(frozen=True)
class Suspension:
    """Names of suspended listeners, and whether deliveries are."""

    listeners: frozenset[str] = frozenset()
    deliveries: bool = False

    @classmethod
    def load(cls, path: Path) -> Suspension:
        """What was kept; nothing where there is no file."""
        if not path.exists():
            return cls()
        told = json.loads(path.read_text())
        return cls(frozenset(told["listeners"]), bool(told["deliveries"]))

    def save(self, path: Path) -> None:
        """Keeps it; raises OSError."""
        replace_json(path, {"listeners": sorted(self.listeners), "deliveries": self.deliveries})

    def open_documents(self, documents: Mapping[str, Any]) -> dict[str, Any]:
        """The settings without the listeners that are suspended."""
        known = documents[LISTENERS]
        opened = [each for each in known["listeners"] if each["name"] not in self.listeners]
        return {**documents, LISTENERS: {**known, "listeners": opened}}

    def hold_back(self, configuration: Configuration) -> None:
        """Lets the queue keep what it has, while deliveries are suspended."""
        if self.deliveries:
            names = ["smtp", "relay", "lmtp", *(service.name for service in configuration.services)]
            configuration.set("defer_transports", ", ".join(dict.fromkeys(names)))

    def notes(self) -> Iterator[str]:
        """What a person should know of it."""
        for name in sorted(self.listeners):
            yield f'Listener {name} is suspended on this machine; "resumelistener {name}" opens it.'
        if self.deliveries:
            yield 'Deliveries are suspended on this machine; "resumedel" resumes them.'
