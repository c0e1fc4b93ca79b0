"""What clustercheck asks of the holders of a cluster: digests, and one snapshot per digest (SYN-10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from appliances.links.errors import LinkError
from clusters.checking import Holding, by_digest
from clusters.replication import Snapshot


class Asking(Protocol):
    """Asks members over the links; each call may block and raises LinkError."""

    def digest_of(self, serial: str) -> str:
        """The digest of all entries that a member holds."""
        ...

    def entries_of(self, serial: str) -> Snapshot:
        """All that a member holds."""
        ...


@dataclass
class Gathered:
    """What was heard: digests by name, why a member was not checked, and what those hold that differ."""

    digests: dict[str, str] = field(default_factory=dict)
    unreached: dict[str, LinkError] = field(default_factory=dict)
    holdings: list[Holding] = field(default_factory=list)


def gather(
    serials: Mapping[str, str], asking: Asking, step: Callable[[str], None] = lambda name: None
) -> Gathered:
    """Ask all members, by name; `step` hears of each before it is asked.

    Where all digests are equal no snapshot is fetched, and `holdings` is empty. A member that is lost in
    between counts as not checked.
    """
    found = Gathered()
    for name, serial in serials.items():
        step(name)
        try:
            found.digests[name] = asking.digest_of(serial)
        except LinkError as error:
            found.unreached[name] = error
    same = by_digest(found.digests)
    if len(same) > 1:
        held = [_holding(names, serials, asking, found) for names in same]
        found.holdings = [holding for holding in held if holding is not None]
    return found


def _holding(
    names: tuple[str, ...], serials: Mapping[str, str], asking: Asking, found: Gathered
) -> Holding | None:
    for place, name in enumerate(names):
        try:
            return Holding.of(names[place:], asking.entries_of(serials[name]))
        except LinkError as error:
            found.unreached[name] = error
            del found.digests[name]
    return None
