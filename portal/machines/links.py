"""The links of a cluster: who reaches whom, who does not, why, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from appliances.following.freshness import STALE_AFTER, Seen
from appliances.models import Connection, LinkStatus
from clusters.ordering import natural
from clusters.state import ClusterState
from portal.machines import ring
from portal.machines.choosing import short_names
from portal.machines.ring import Spot
from portal.machines.seen import machines_seen
from portal.place import Place

MOST_DRAWN = 30
"""Machines in the ring; above it only what is wrong is listed."""


CROWDED = 10


MOST_LISTED = 200


RANK = {
    Connection.DOWN: 0,
    Connection.SUSPECT: 1,
    Connection.DISCONNECTED: 2,
    Connection.REMOVED: 2,
    Connection.UNKNOWN: 3,
    Connection.CONNECTED: 4,
}


TROUBLE = frozenset({Connection.DOWN, Connection.SUSPECT})


@dataclass(frozen=True, slots=True)
class Node:
    """A machine or a portal; `state` is how the portal sees it."""

    serial: str
    name: str
    state: Connection
    machine: bool = True


@dataclass(frozen=True, slots=True)
class Sighting:
    """How one end sees the other. A state that was not confirmed lately is unknown."""

    observer: Node
    peer: Node
    state: Connection
    since: datetime | None
    reason: str
    remedy: str
    round_trip: float | None
    heard: datetime | None

    @property
    def trouble(self) -> bool:
        return self.state in TROUBLE

    @property
    def anchor(self) -> str:
        """Names the row of the list, for the drawing to point at."""
        return f"link-{self.observer.serial}-{self.peer.serial}".replace("#", "-")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line of the ring: the worse of what both ends say."""

    line: ring.Line
    worst: Sighting
    other: Sighting | None


@dataclass(frozen=True)
class Map:
    """All links that are known; `counts` by state also where not every link is here."""

    here: Node
    nodes: list[Node]
    sightings: list[Sighting]
    counts: dict[Connection, int]
    whole: bool

    @property
    def troubled(self) -> list[Sighting]:
        """What is wrong, the worst first."""
        wrong = (each for each in self.sightings if each.trouble)
        return sorted(wrong, key=lambda s: (RANK[s.state], natural(s.peer.name), natural(s.observer.name)))

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def connected(self) -> int:
        return self.counts.get(Connection.CONNECTED, 0)

    @property
    def crowded(self) -> bool:
        """Whether so many lines cross that those without trouble had better step back."""
        return len(self.nodes) > CROWDED

    @property
    def unknown(self) -> int:
        return self.counts.get(Connection.UNKNOWN, 0)

    @property
    def machines(self) -> int:
        return len([node for node in self.nodes if node.machine])

    @property
    def wrong(self) -> int:
        return sum(self.counts.get(state, 0) for state in TROUBLE)

    @cached_property
    def places(self) -> dict[str, Spot]:
        """Where each node stands: this portal in the middle, all others around it."""
        around = dict(zip((n.serial for n in self.nodes), ring.spots(len(self.nodes)), strict=True))
        return {**around, self.here.serial: ring.CENTRE}

    @property
    def drawn(self) -> list[Drawn]:
        """The lines, the worst last, so that they lie on top."""
        pairs: dict[frozenset[str], list[Sighting]] = {}
        for each in self.sightings:
            pairs.setdefault(frozenset((each.observer.serial, each.peer.serial)), []).append(each)
        lines = [self._line(sorted(both, key=lambda s: RANK[s.state])) for both in pairs.values()]
        return sorted(lines, key=lambda drawn: -RANK[drawn.worst.state])

    def _line(self, both: list[Sighting]) -> Drawn:
        worst, *rest = both
        ends = self.places[worst.observer.serial], self.places[worst.peer.serial]
        return Drawn(ring.line(*ends), worst, rest[0] if rest else None)

    @property
    def labelled(self) -> list[tuple[Node, Spot, str]]:
        """The nodes with their places and short names."""
        return [(node, self.places[node.serial], self.short[node.name]) for node in (self.here, *self.nodes)]

    @cached_property
    def short(self) -> dict[str, str]:
        """The short name of each node."""
        return short_names([self.here.name, *(node.name for node in self.nodes)])

    @property
    def peers(self) -> list[Node]:
        """The columns of the table."""
        return [*self.nodes, self.here]

    @property
    def table(self) -> list[tuple[Node, list[Sighting | None]]]:
        """Observer by peer: what each row's node says of each column's; None where it says nothing."""
        said = {(s.observer.serial, s.peer.serial): s for s in self.sightings}
        observers = [self.here, *(node for node in self.nodes if node.machine)]
        return [(one, [said.get((one.serial, peer.serial)) for peer in self.peers]) for one in observers]


def map_of(place: Place, now: datetime) -> Map:
    """The links of a cluster; the same few queries for any number of machines."""
    seen = machines_seen(place)
    here = Node(place.cluster.replica.serial, _("This portal"), Connection.CONNECTED, False)
    nodes = _nodes(place.state, seen, here.serial)
    known = {node.serial: node for node in [here, *nodes]}
    whole = len(nodes) <= MOST_DRAWN
    rows = LinkStatus.objects.filter(replica=place.replica_id, observer__in=known, peer__in=known)
    if not whole:
        rows = LinkStatus.objects.filter(replica=place.replica_id)
    own = [_own(here, known[one.status.serial], one) for one in seen if one.status.serial in known]
    counts = Counter(each.state for each in own)
    if whole:
        told = [_sighting(row, known, now) for row in rows]
        counts.update(each.state for each in told)
    else:
        counts.update(_counted(rows, now))
        wrong = rows.filter(state__in=TROUBLE, heard__gt=now - STALE_AFTER).order_by(
            "state", "peer", "observer"
        )
        told = [
            _sighting(row, known, now)
            for row in wrong[:MOST_LISTED]
            if row.observer in known and row.peer in known
        ]
    return Map(here, nodes, [*own, *told], dict(counts), whole)


def _nodes(state: ClusterState, seen: Iterable[Seen], here: str) -> list[Node]:
    found = {one.status.serial: one.connection for one in seen}
    machines = [
        Node(m.serial, m.name or m.serial, found.get(m.serial, Connection.UNKNOWN))
        for m in state.machines.values()
    ]
    portals = [
        Node(p.serial, p.name or p.serial, Connection.UNKNOWN, False)
        for p in state.portals.values()
        if p.serial != here
    ]
    return [*machines, *portals]


def _own(here: Node, peer: Node, one: Seen) -> Sighting:
    return Sighting(here, peer, one.connection, one.since, one.reason, one.remedy, None, one.status.checked)


def _sighting(row: LinkStatus, known: dict[str, Node], now: datetime) -> Sighting:
    fresh = now - row.heard < STALE_AFTER
    state = Connection(row.state) if fresh else Connection.UNKNOWN
    reason = row.reason if fresh else _("The observer itself has not been heard for a while.")
    ends = known[row.observer], known[row.peer]
    return Sighting(*ends, state, row.since, reason, row.remedy if fresh else "", row.round_trip, row.heard)


def _counted(rows: QuerySet[LinkStatus], now: datetime) -> Counter[Connection]:
    found: Counter[Connection] = Counter()
    by_state = rows.filter(heard__gt=now - STALE_AFTER).order_by().values("state")
    for each in by_state.annotate(n=Count("pk")):
        found[Connection(each["state"])] += each["n"]
    found[Connection.UNKNOWN] += rows.filter(heard__lte=now - STALE_AFTER).count()
    return found
