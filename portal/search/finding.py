"""Search over all clusters that a person may see: settings, values, machines, groups, commits.

Every query names the clusters; a guest finds machines only. Secrets are neither searched nor shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from clusters import models
from clusters.differences import HIDDEN, item_key, masked
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Level, Mode, group, machine
from clusters.naming import level_word, moment
from clusters.versions import Address
from portal.search.words import Named, called
from portal.tenants import ManagedCluster, Person, Right, Role, with_roles

SHORTEST = 2
LONGEST = 100
MOST = 20
"""Hits shown of each kind."""

MOST_READ = 300
"""Documents read for one search."""

LONGEST_VALUE = 120


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found: what it is called, where, and its page."""

    title: str
    detail: str
    cluster: ManagedCluster
    href: str
    mode: Mode | None = None
    mode_name: str = ""


@dataclass(frozen=True, slots=True)
class FeatureHit:
    """A feature found by its name or that of a field; its pages in the clusters that can be seen."""

    title: str
    name: str
    fields: tuple[str, ...]
    pages: tuple[tuple[ManagedCluster, str], ...]


@dataclass
class Results:
    """What was found, by kind; `more` names the kinds of which there is more than is shown."""

    text: str
    machines: list[Hit] = field(default_factory=list)
    groups: list[Hit] = field(default_factory=list)
    features: list[FeatureHit] = field(default_factory=list)
    values: list[Hit] = field(default_factory=list)
    commits: list[Hit] = field(default_factory=list)
    more: set[str] = field(default_factory=set)

    @property
    def too_short(self) -> bool:
        """Whether the text is too little to search for."""
        return 0 < len(self.text) < SHORTEST

    @property
    def count(self) -> int:
        return sum(len(getattr(self, kind)) for kind in KINDS)


KINDS = ("machines", "groups", "features", "values", "commits")


def search(user: Person, text: str) -> Results:
    """What of the person's clusters has the text in it; as many queries for one cluster as for hundreds."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    found = Results(" ".join(printable.split())[:LONGEST])
    if len(found.text) < SHORTEST:
        return found
    seen = with_roles(ManagedCluster.objects.seen_by(user), user).select_related("replica")
    clusters = {cluster.replica_id: cluster for cluster in seen}
    readable = {key: c for key, c in clusters.items() if Role(c.role_here).may(Right.SEE_SETTINGS)}
    _keep(found, "machines", _machines(clusters, found.text))
    _keep(found, "groups", _groups(readable, found.text))
    found.features = list(_features(readable, found.text))
    _keep(found, "values", _values(readable, found.text))
    _keep(found, "commits", _commits(readable, found.text))
    return found


def _keep(found: Results, kind: str, hits: Iterator[Hit]) -> None:
    for number, hit in enumerate(hits):
        if number == MOST:
            found.more.add(kind)
            return
        getattr(found, kind).append(hit)


Clusters = dict[int, ManagedCluster]


def _holding(clusters: Clusters, kind: str, text: str) -> QuerySet[models.Head]:
    """Entries in force of one kind in which the text stands somewhere; a coarse sieve for the database."""
    escaped = json.dumps(text)[1:-1]
    rows = models.Head.objects.filter(replica__in=clusters, rank=0, address__startswith=f"{kind}/")
    rows = rows.exclude(value=None).annotate(text=Cast("value", TextField()))
    wanted = Q(text__icontains=text) | Q(text__icontains=escaped) | Q(address__icontains=text)
    return rows.filter(wanted).order_by("replica", "address")


def _machines(clusters: Clusters, text: str) -> Iterator[Hit]:
    wanted = text.casefold()
    for row in _holding(clusters, "machine", text)[:MOST_READ]:
        serial, value = Address.parse(row.address).name, row.value
        name, address = str(value.get("name", "")), str(value.get("address", ""))
        if any(wanted in known.casefold() for known in (serial, name, address)):
            cluster, mode = clusters[row.replica_id], machine(serial)
            page = reverse("monitor", args=[cluster.slug, mode])
            yield Hit(name or serial, " · ".join(filter(None, (serial, address))), cluster, page, mode)


def _groups(clusters: Clusters, text: str) -> Iterator[Hit]:
    for row in _holding(clusters, "group", text)[:MOST_READ]:
        name = str(row.value.get("name", ""))
        if text.casefold() in name.casefold():
            cluster, mode = clusters[row.replica_id], group(Address.parse(row.address).name)
            yield Hit(name, "", cluster, reverse("mode", args=[cluster.slug, mode]), mode, name)


def _features(clusters: Clusters, text: str) -> Iterator[FeatureHit]:
    by_feature: dict[str, list[Named]] = {}
    for named in called(text):
        by_feature.setdefault(named.feature, []).append(named)
    for name, parts in by_feature.items():
        feature: Any = catalogue()[name]
        pages = tuple((c, _page(c, CLUSTER, feature)) for c in list(clusters.values())[:MOST])
        fields = tuple(part.title for part in parts if part.field)
        if pages:
            yield FeatureHit(Named(name, feature.title, False, ()).title, name, fields, pages)


def _page(cluster: ManagedCluster, mode: Mode, feature: Any) -> str:
    return reverse("feature", args=[cluster.slug, mode, *feature.page.split("/")])


def _values(clusters: Clusters, text: str) -> Iterator[Hit]:
    rows = list(_holding(clusters, "settings", text)[:MOST_READ])
    names = _mode_names(clusters, [(row.replica_id, Address.parse(row.address)) for row in rows])
    for row in rows:
        address = Address.parse(row.address)
        if address.name not in catalogue() or address.mode is None:
            continue
        feature: Any = catalogue()[address.name]
        cluster = clusters[row.replica_id]
        for path, value in _matching(masked(row.value, feature.secrets), text):
            href = _page(cluster, address.mode, feature)
            title = Named(address.name, feature.title, False, ()).title
            name = names.get((row.replica_id, address.mode), "")
            yield Hit(title, f"{path} = {value}", cluster, href, address.mode, name)


def _mode_names(clusters: Clusters, found: Sequence[tuple[int, Address]]) -> dict[tuple[int, Mode], str]:
    """What people call the modes of these entries; one query."""
    names = {(key, CLUSTER): f"{level_word(Level.CLUSTER)} {c}" for key, c in clusters.items()}
    modes = {(key, a.mode) for key, a in found if a.mode is not None and a.mode != CLUSTER}
    entries = {f"{mode.level}/{mode.id}" for _key, mode in modes}
    rows = models.Head.objects.filter(replica__in={key for key, _mode in modes}, address__in=entries, rank=0)
    for key, address, value in rows.exclude(value=None).values_list("replica", "address", "value"):
        kind, _slash, ident = address.partition("/")
        mode = Mode(Level(kind), ident)
        names[key, mode] = f"{level_word(mode.level)} {value.get('name') or ident}"
    return names


def _matching(document: Any, text: str) -> Iterator[tuple[str, str]]:
    wanted = text.casefold()
    for path, value in leaves(document):
        if value != HIDDEN and wanted in value.casefold():
            yield path, value if len(value) <= LONGEST_VALUE else _around(value, wanted)


def _around(value: str, wanted: str) -> str:
    place = max(value.casefold().find(wanted) - LONGEST_VALUE // 3, 0)
    return f"…{value[place : place + LONGEST_VALUE]}…"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every single value of a document as text, with its path: `routes[example.com].hosts[0].host`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        key = item_key(value)
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{inner[key] if key else index}]")
    elif value is not None and not isinstance(value, bool):
        yield path, str(value)


def _commits(clusters: Clusters, text: str) -> Iterator[Hit]:
    rows = models.Commit.objects.filter(replica__in=clusters, comment__icontains=text)
    for row in rows.order_by("-wall", "-counter", "-pk")[: MOST + 1]:
        cluster = clusters[row.replica_id]
        page = reverse("commit", args=[cluster.slug, row.origin, row.number])
        when = f"{moment(row.time):%Y-%m-%d %H:%M} UTC"
        yield Hit(row.comment, f"{row.user} · {when}", cluster, page)
