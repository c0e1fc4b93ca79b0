"""Search over all clusters that a person may see: settings, values, machines, groups, commits.

Every query names the clusters; a guest finds machines only. Secrets are neither searched nor shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from clusters import models, replicas
from clusters.catalogue import Document
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
    """Something found: what it is called, where, and its page.

    `waits`: what was found is in force, and a newer version waits for a decision (SYN-08).
    """

    title: str
    detail: str
    cluster: ManagedCluster
    href: str
    mode: Mode | None = None
    mode_name: str = ""
    waits: bool = False


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


def _newest(clusters: Clusters, kind: str) -> QuerySet[models.Head]:
    rows = models.Head.objects.filter(replica__in=clusters, rank=0, address__startswith=f"{kind}/")
    return rows.annotate(text=Cast("value", TextField())).order_by("replica", "address")


def _with(text: str, *columns: str) -> Q:
    """Where a text stands somewhere, also as JSON writes it: a coarse sieve for the database."""
    tests = (Q(**{f"{column}__icontains": form}) for column in columns for form in written(text))
    return reduce(or_, tests)


def written(text: str) -> list[str]:
    """How a text may stand in a column, as it is or inside of JSON.

    SQLite keeps JSON as Django writes it, with \\u escapes; PostgreSQL writes jsonb with quotes escaped and
    other letters as they are. Escapes know no case, so each case has its own (TRL-29).
    """
    forms = [text]
    for each in (text, text.lower(), text.upper(), text.title()):
        forms += [json.dumps(each)[1:-1], json.dumps(each, ensure_ascii=False)[1:-1]]
    return list(dict.fromkeys(forms))


def _holding(clusters: Clusters, kind: str, text: str) -> QuerySet[models.Head]:
    """Entries of one kind that never wait, in which the text stands somewhere."""
    return _newest(clusters, kind).exclude(value=None).filter(_with(text, "text", "address"))


def _defining(clusters: Clusters, text: str) -> Iterator[tuple[int, Address, Document, bool]]:
    """Settings in which the text may stand: what is in force, and whether a newer version waits (SYN-08)."""
    lost = models.Head.objects.filter(replica=OuterRef("replica"), address=OuterRef("address"), rank=1)
    rows = _newest(clusters, "settings").annotate(contested=Exists(lost), before=Cast("past", TextField()))
    wanted = _with(text, "text") | Q(contested=True) & _with(text, "before")
    found = {(r.replica_id, Address.parse(r.address)): r for r in rows.filter(wanted)[:MOST_READ]}
    waiting = replicas.waiting({key for key, row in found.items() if row.contested})
    for key, row in found.items():
        stands = waiting.get(key, row)
        if stands is not None and stands.value is not None:
            yield *key, stands.value, key in waiting


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
    found = list(_defining(clusters, text))
    names = _mode_names(clusters, [(key, address) for key, address, _value, _waits in found])
    for key, address, document, waits in found:
        if address.name not in catalogue() or address.mode is None:
            continue
        feature: Any = catalogue()[address.name]
        for path, value in _matching(masked(document, feature.secrets), text):
            href = _page(clusters[key], address.mode, feature)
            title = Named(address.name, feature.title, False, ()).title
            name = names.get((key, address.mode), "")
            yield Hit(title, f"{path} = {value}", clusters[key], href, address.mode, name, waits)


def _mode_names(clusters: Clusters, found: Sequence[tuple[int, Address]]) -> dict[tuple[int, Mode], str]:
    """What people call the modes of these entries; one query."""
    names = {(key, CLUSTER): f"{level_word(Level.CLUSTER)} {c}" for key, c in clusters.items()}
    modes = {(key, a.mode) for key, a in found if a.mode is not None and a.mode != CLUSTER}
    entries = {f"{mode.level}/{mode.id}" for _key, mode in modes}
    rows = models.Head.objects.filter(replica__in={key for key, _mode in modes}, address__in=entries, rank=0)
    named: Any = rows.exclude(value=None)
    for key, address, value in named.values_list("replica", "address", "value"):
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
    """Every single value of a document as text, with its path: `routes[example.com].hosts[1].host`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        key = item_key(value)
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{inner[key] if key else index + 1}]")
    elif value is not None and not isinstance(value, bool):
        yield path, str(value)


def _commits(clusters: Clusters, text: str) -> Iterator[Hit]:
    rows = models.Commit.objects.filter(replica__in=clusters, comment__icontains=text)
    for row in rows.order_by("-wall", "-counter", "-pk")[: MOST + 1]:
        cluster = clusters[row.replica_id]
        page = reverse("commit", args=[cluster.slug, row.origin, row.number])
        when = f"{moment(row.time):%Y-%m-%d %H:%M} UTC"
        yield Hit(row.comment, f"{row.user} · {when}", cluster, page)
