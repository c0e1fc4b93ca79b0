"""The first page: every cluster of my tenants with its live state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from appliances.following.freshness import Seen, in_trouble, seen, tallies, worker_lives
from appliances.models import MachineStatus
from clusters.models import Draft
from portal.alerts.looking import open_of
from portal.pages.access import PageRequest
from portal.pages.paging import MANY, page_of
from portal.proposals.proposal import waiting_for
from portal.tenants import ManagedCluster, Right, tenants_with

CLUSTERS = 60
"""Clusters on one page."""

PIPS = 24
ATTENTION = 12
NOTHING = {"machines": 0, "connected": 0, "down": 0, "away": 0, "enforced": 0, "late": 0, "failed": 0}


@dataclass(frozen=True, slots=True)
class Row:
    """One cluster: its counts, and the state in one word."""

    cluster: ManagedCluster
    tally: dict[str, int]
    pending: int
    waiting: int

    @property
    def verdict(self) -> tuple[str, str, str]:
        """Tone, icon and word, the worst first."""
        tally = self.tally
        if tally["failed"]:
            return "bad", "cross", _("settings refused")
        if tally["down"]:
            return "bad", "cross", _("machines down")
        if tally["connected"] + tally["away"] < tally["machines"]:
            return "warn", "question", _("not all connected")
        if tally["late"]:
            return "warn", "wait", _("settings on their way")
        return ("ok", "check", _("all well")) if tally["machines"] else ("calm", "question", _("no machines"))

    @property
    def tone(self) -> str:
        return self.verdict[0]

    @property
    def icon(self) -> str:
        return self.verdict[1]

    @property
    def word(self) -> str:
        return self.verdict[2]

    @property
    def pips(self) -> list[str]:
        """One mark per machine while there are few, a share of marks when there are many."""
        tally, total = self.tally, self.tally["machines"]
        other = total - tally["connected"] - tally["down"] - tally["away"]
        counts = (
            ("ok", tally["connected"]),
            ("bad", tally["down"]),
            ("away", tally["away"]),
            ("none", other),
        )
        scale = 1 if total <= PIPS else PIPS / total
        return [tone for tone, count in counts for _n in range(-(-int(count * scale * 1000) // 1000))]


def _rows(request: PageRequest) -> list[Row]:
    clusters = list(ManagedCluster.objects.seen_by(request.user).select_related("tenant", "replica"))
    ids = [cluster.replica_id for cluster in clusters]
    statuses = MachineStatus.objects.filter(replica__in=ids)
    counts = tallies(statuses, timezone.now(), cut_off=bool(open_of(request).cut_off))
    mine = Draft.objects.filter(replica__in=ids, user=request.user.get_username())
    pending = dict(mine.order_by().values_list("replica").annotate(Count("pk")))
    waiting = dict(waiting_for(request.user).order_by().values_list("cluster").annotate(Count("pk")))
    return [
        Row(c, counts.get(c.replica_id, NOTHING), pending.get(c.replica_id, 0), waiting.get(c.pk, 0))
        for c in clusters
    ]


def _attention(rows: list[Row], cut_off: bool) -> list[tuple[ManagedCluster, Seen]]:
    """The machines that need a person, the worst first; one query."""
    clusters = {row.cluster.replica_id: row.cluster for row in rows}
    now = timezone.now()
    found = in_trouble(MachineStatus.objects.filter(replica__in=clusters), now, cut_off=cut_off)[:ATTENTION]
    return [(c := clusters[s.replica_id], seen(s, now, c.replica.revision, cut_off=cut_off)) for s in found]


def _wanted(request: PageRequest, rows: list[Row]) -> list[Row]:
    """The clusters that the address asks for: `q` in cluster or tenant, `only` those in trouble."""
    text = request.GET.get("q", "").strip().casefold()
    return [
        row
        for row in rows
        if text in f"{row.cluster} {row.cluster.tenant}".casefold()
        and (request.GET.get("only") != "trouble" or row.tone in ("bad", "warn"))
    ]


def _totals(rows: list[Row]) -> dict[str, int]:
    totals: Counter[str] = Counter(clusters=len(rows))
    for row in rows:
        totals.update(row.tally)
    return {**NOTHING, **totals, "trouble": totals["down"] + totals["failed"]}


@require_safe
def fleet(request: PageRequest) -> HttpResponse:
    """All clusters; htmx gets the fragment alone."""
    rows = _rows(request)
    page = page_of(request, _wanted(request, rows), CLUSTERS)
    administers = tenants_with(request.user, Right.ADMINISTER).exists()
    context: dict[str, Any] = {
        "tenants": [(t, list(found)) for t, found in groupby(page, key=lambda row: row.cluster.tenant)],
        "page": page,
        "q": request.GET.get("q", "")[:100],
        "only": request.GET.get("only", ""),
        "many": len(rows) >= MANY,
        "totals": _totals(rows),
        "attention": _attention(rows, bool(open_of(request).cut_off)),
        "now": timezone.now(),
        "nobody_works": not worker_lives(timezone.now()),
        "may_adopt": administers,
        "may_create": settings.GATEFOLD_GUIDED_CLUSTERCONFIG and administers,
        "section": "fleet",
    }
    return render(request, "fleet/fragment.html" if request.htmx else "fleet/overview.html", context)
