"""The long documents that were read last, as settings: to check 40,000 rows takes a second each time.

One submit or one look at pending changes needs the settings of the same document many times over: when it is
drafted, for each machine before and after, and when it is committed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

from clusters.wire import MalformedCommit, canonical

LONG = 64 * 1024
"""Characters of JSON from which on a document is remembered: shorter ones are read as fast as found."""
MOST_IN_ALL = 24 * 1024 * 1024
"""Characters of JSON of all that is remembered; the settings take some ten times as much memory."""

Settings = TypeVar("Settings")


class ReadLast(Generic[Settings]):
    """Settings by what they were read from; they never change, so all may have the same ones."""

    def __init__(self, most: int = MOST_IN_ALL) -> None:
        self._most = most
        self._found: OrderedDict[str, tuple[int, Settings]] = OrderedDict()
        self._size = 0
        # Threads of a web process check documents at once.
        self._lock = Lock()

    def find(self, name: str) -> Settings | None:
        """What was kept by that name, if it still is."""
        with self._lock:
            if name not in self._found:
                return None
            self._found.move_to_end(name)
            return self._found[name][1]

    def keep(self, name: str, size: int, settings: Settings) -> None:
        """Remember settings, and forget what was asked for longest ago where there is no room."""
        with self._lock:
            self._size += size - self._found.pop(name, (0, None))[0]
            self._found[name] = size, settings
            while self._size > self._most:
                self._size -= self._found.popitem(last=False)[1][0]


def long_text(document: object) -> str:
    """The canonical text of a long document; empty for a short one, and for what is no JSON at all."""
    try:
        text = canonical(document)
    except MalformedCommit:
        return ""
    return text if len(text) >= LONG else ""


def name_of(feature: str, text: str) -> str:
    """By which a document of a feature is found again."""
    return f"{feature} {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
