"""Who stands before the doors of one machine: half-open connections by source, and guesses at passphrases.

One gate serves all doors of a machine, so that nobody gets more by knocking at each. Members and portals have
a share of their own and come with keys: neither a crowd nor guesses of strangers keep them out.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MOST_KNOWN = 2000
MOST_LETTERS = 64
Key = tuple[str, str]
"""What guesses are counted by: ("name", whom they are for) and ("address", where they come from)."""


def source_of(address: str) -> str:
    """What one caller has for sure: an IPv4 address, or a whole network of 64 bits of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped
        return str(inner or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


@dataclass(frozen=True, slots=True)
class Guessing:
    """How many wrong passphrases are borne within `seconds`, as at the portal, and how long each takes."""

    per_name: int = 5
    per_address: int = 20
    seconds: float = 300.0
    first_delay: float = 0.25
    longest_delay: float = 4.0
    most: int = 4000
    """Names and addresses that are counted; beyond, those with the oldest guess are forgotten."""


class Guesses:
    """Wrong passphrases by name and by source, of all doors of a machine; known and unknown names alike.

    `noticed` is told when guesses of a name or from a source begin to be refused.
    """

    def __init__(
        self,
        limits: Guessing | None = None,
        elapsed: Callable[[], float] = time.monotonic,
        noticed: Callable[[str, str], None] = lambda kind, which: None,
    ) -> None:
        self.limits = limits or Guessing()
        self.wrong_ones = self.refused = 0
        self._elapsed = elapsed
        self._noticed = noticed
        self._times: OrderedDict[Key, list[float]] = OrderedDict()

    def begin(self, name: str, address: str) -> float | None:
        """Counts a guess before it is looked at (many at once are not more); None where it is refused."""
        keys = self._keys(name, address)
        if any(self._is_full(key) for key in keys):
            self.refused += 1
            return None
        at = self._elapsed()
        for key in keys:
            self._times.setdefault(key, []).append(at)
            self._times.move_to_end(key)
        while len(self._times) > self.limits.most:
            self._times.popitem(last=False)
        return at

    def right(self, name: str, address: str, at: float) -> None:
        """That one was no guess: the name begins anew, the source has one less."""
        by_name, by_address = self._keys(name, address)
        self._times.pop(by_name, None)
        times = self._times.get(by_address, [])
        if at in times:
            times.remove(at)
        if not times:
            self._times.pop(by_address, None)

    def wrong(self, name: str, address: str) -> float:
        """Notes that it was wrong; the seconds to wait before saying so, more with each one."""
        self.wrong_ones += 1
        keys = self._keys(name, address)
        for kind, which in keys:
            if self._is_full((kind, which)):
                self._noticed(kind, which)
        before = max(len(self._times.get(key, ())) for key in keys) - 1
        # The exponent is bounded: the count of a source may be any number one day.
        return min(self.limits.first_delay * 2.0 ** min(max(before, 0), 10), self.limits.longest_delay)

    def refusing(self) -> list[Key]:
        """The names and sources whose guesses are refused now."""
        return [key for key in list(self._times) if self._is_full(key)]

    @property
    def counted(self) -> int:
        """How many names and sources are remembered."""
        return len(self._times)

    def _keys(self, name: str, address: str) -> tuple[Key, Key]:
        return ("name", name[:MOST_LETTERS]), ("address", source_of(address))

    def _is_full(self, key: Key) -> bool:
        since = self._elapsed() - self.limits.seconds
        times = [at for at in self._times.get(key, ()) if at > since]
        if times:
            self._times[key] = times
        else:
            self._times.pop(key, None)
        return len(times) >= (self.limits.per_name if key[0] == "name" else self.limits.per_address)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many connections may wait for their login: from one source, of strangers, of known ones."""

    per_source: int = 20
    strangers: int = 200
    known: int = 100


class Gate:
    """What the doors of one machine know of their callers. `members` gives the addresses of members now."""

    def __init__(
        self,
        guesses: Guesses | None = None,
        crowd: Crowd | None = None,
        members: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.guesses = guesses or Guesses()
        self.crowd = crowd or Crowd()
        self.turned_away = 0
        self._members = members
        self._proven: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[object, str] = {}

    @property
    def half_open(self) -> int:
        """Connections that have not logged in yet."""
        return len(self._waiting)

    def enter(self, caller: object, address: str) -> bool:
        """Counts a connection that has just come; whether there is room for it."""
        source = source_of(address)
        same = sum(other == source for other in self._waiting.values())
        if same >= self.crowd.per_source or not self._has_room(source):
            self.turned_away += 1
            return False
        self._waiting[caller] = source
        return True

    def _has_room(self, source: str) -> bool:
        if len(self._waiting) < min(self.crowd.known, self.crowd.strangers):
            return True  # whoever they are: most of the time nobody needs to be told apart
        known = {*self._proven, *(source_of(address) for address in self._members())}
        alike = sum((other in known) == (source in known) for other in self._waiting.values())
        return alike < (self.crowd.known if source in known else self.crowd.strangers)

    def passed(self, caller: object, address: str, *, peer: bool) -> None:
        """It has logged in. From where a member or portal came with its key, it comes again."""
        self._waiting.pop(caller, None)
        if peer:
            source = source_of(address)
            self._proven[source] = None
            self._proven.move_to_end(source)
            if len(self._proven) > MOST_KNOWN:
                self._proven.popitem(last=False)

    def left(self, caller: object) -> None:
        """It is gone."""
        self._waiting.pop(caller, None)
