"""What a person sees of alerts: the count of the bell, the banner, lists with filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, Q
from django.http import HttpRequest
from django.utils import timezone

from appliances.models import Worker
from portal.alerts.facts import SILENT_AFTER
from portal.alerts.incidents import Alert
from portal.alerts.kinds import Kind, Severity
from portal.tenants import ManagedCluster, Person

ATTRIBUTE = "_open_alerts"
SHOWN_OF_PLACE = 8


@dataclass(frozen=True, slots=True)
class Open:
    """What lasts now, of all tenants of a person. `count`: no notices, nothing that is acknowledged."""

    count: int
    severity: Severity | None
    cut_off: datetime | None

    @property
    def tone(self) -> str:
        """How the bell looks."""
        return "" if self.severity is None else "bad" if self.severity == Severity.CRITICAL else "warn"


def open_of(request: HttpRequest) -> Open:
    """The bell and the banner of the person who asks; one query per request."""
    found = getattr(request, ATTRIBUTE, None)
    if found is None:
        found = _open(request.user)
        setattr(request, ATTRIBUTE, found)
    return found


def _open(person: Person) -> Open:
    lasting = Alert.objects.seen_by(person).filter(closed=None)
    loud = Q(severity__gt=Severity.NOTICE, acknowledged=None)
    row = lasting.order_by().aggregate(
        n=Count("pk", filter=loud, distinct=True),
        worst=Max("severity", filter=loud),
        cut_off=Min("opened", filter=Q(kind=Kind.CUT_OFF)),
    )
    return Open(row["n"], Severity(row["worst"]) if row["worst"] else None, row["cut_off"])


def nobody_works(now: datetime | None = None) -> bool:
    """Whether no worker is alive, so that the web processes must notice it."""
    moment = (now or timezone.now()) - SILENT_AFTER
    return Worker.objects.exists() and not Worker.objects.filter(seen__gt=moment).exists()


@dataclass(frozen=True, slots=True)
class Filter:
    """What of a list is wanted; words that mean nothing filter nothing."""

    state: str = "open"
    minimum: int = Severity.NOTICE
    kind: str = ""
    machine: str = ""
    cluster: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Filter:
        """The filter in the parameters of a request."""
        state = str(asked.get("state", "open"))
        minimum = str(asked.get("minimum", ""))
        kind = str(asked.get("kind", ""))
        return cls(
            state if state in ("open", "closed", "all") else "open",
            int(minimum) if minimum in map(str, Severity.values) else Severity.NOTICE,
            kind if kind in Kind.values else "",
            str(asked.get("machine", "")).strip()[:100],
            str(asked.get("cluster", "")).strip()[:80],
        )

    @property
    def narrows(self) -> bool:
        """Whether more would be shown without it."""
        return self != Filter(state=self.state)


def listed(person: Person, wanted: Filter, cluster: ManagedCluster | None = None) -> Any:
    """The person's alerts, as the filter wants them; only those of the cluster where one is given."""
    found = Alert.objects.seen_by(person).select_related("cluster__replica", "tenant", "acknowledged_by")
    found = found.filter(severity__gte=wanted.minimum)
    if cluster is not None:
        found = found.filter(cluster=cluster)
    elif wanted.cluster:
        found = found.filter(cluster__slug=wanted.cluster)
    if wanted.state != "all":
        found = found.filter(closed__isnull=wanted.state == "open")
    if wanted.kind:
        found = found.filter(kind=wanted.kind)
    if wanted.machine:
        found = found.filter(Q(serial__icontains=wanted.machine) | Q(name__icontains=wanted.machine))
    order = ("-severity", "-opened", "-pk") if wanted.state == "open" else ("-opened", "-pk")
    return found.order_by(*order)


def of_place(cluster: ManagedCluster) -> list[Alert]:
    """What lasts in a cluster and in the portal itself, the worst first; one query, however much it is."""
    found = Alert.everything.filter(
        Q(cluster=cluster) | Q(cluster=None), tenant=cluster.tenant_id, closed=None
    )
    found = found.select_related("acknowledged_by").order_by(
        F("cluster").asc(nulls_first=True), "-severity", "opened"
    )
    return list(found[:SHOWN_OF_PLACE])
