"""Clusterchecks of the portal: what the last have found, and what people did about it (SYN-10..SYN-13)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliances.machine.comparing import Gathered
from clusters import checking
from clusters.checking import Held
from clusters.phrases import Decoder, Encoder
from clusters.refusals import Refused
from clusters.sealed_columns import SealedTextField
from clusters.versions import Address, CommitId, Version
from portal.audit import log
from portal.audit.log import Action
from portal.phrases import words_of
from portal.tenants import ManagedCluster, Right

if TYPE_CHECKING:
    from portal.place import Place

KEPT = 10
"""Checks of a cluster that are kept; older ones are dropped."""

EVERY = timedelta(days=1)
"""How old the last check becomes before one is made in the background."""


class Check(models.Model):
    """One comparison of all holders of a cluster.

    `holders` says of each by name: its serial number (empty for the portal's own copy), the digest of what it
    holds, and the reason where it was not checked.
    """

    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, related_name="checks")
    at = models.DateTimeField(gettext_lazy("at"), auto_now_add=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    holders = models.JSONField(gettext_lazy("holders"), default=list, encoder=Encoder, decoder=Decoder)

    class Meta:
        verbose_name = gettext_lazy("check")
        verbose_name_plural = gettext_lazy("checks")
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"{self.cluster} · {self.at:%Y-%m-%d %H:%M}"

    @property
    def unreached(self) -> list[dict[str, str]]:
        """Who was not checked, and why."""
        return [holder for holder in self.holders if holder["reason"]]

    @property
    def compared(self) -> bool:
        """Whether there were two to be held against one another."""
        return len(self.holders) - len(self.unreached) > 1

    @property
    def common(self) -> str:
        """The digest that most holders have."""
        found = [holder["digest"] for holder in self.holders if holder["digest"]]
        return max(found, key=found.count, default="")

    @property
    def open(self) -> int:
        """How many findings nobody has done anything about."""
        return self.findings.filter(resolution=Finding.Resolution.OPEN, behind=False).count()


class Finding(models.Model):
    """An entry that was not the same everywhere; `versions` are sealed: they may have secrets."""

    class Resolution(models.TextChoices):
        OPEN = "open", gettext_lazy("open")
        FORCED = "forced", gettext_lazy("made the same everywhere")
        IGNORED = "ignored", gettext_lazy("ignored")

    of = models.ForeignKey(Check, models.CASCADE, related_name="findings")
    address = models.CharField(gettext_lazy("entry"), max_length=255)
    behind = models.BooleanField(gettext_lazy("only behind"), default=False)
    versions = SealedTextField(gettext_lazy("versions"), editable=False)
    resolution = models.CharField(
        gettext_lazy("resolution"), max_length=16, choices=Resolution.choices, default=Resolution.OPEN
    )
    resolved_by = models.CharField(gettext_lazy("resolved by"), max_length=255, blank=True)
    resolved = models.DateTimeField(gettext_lazy("resolved"), null=True, blank=True)

    class Meta:
        verbose_name = gettext_lazy("finding of a check")
        verbose_name_plural = gettext_lazy("findings of checks")
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return self.address

    @property
    def entry(self) -> Address:
        return Address.parse(self.address)

    def held(self) -> tuple[Held, ...]:
        """The versions to choose from, the latest first, each with who holds it."""
        return tuple(
            Held(
                Version.from_wire(each["version"]) if each["version"] else None,
                tuple(each["holders"]),
                # Checks that an earlier release kept do not say it.
                frozenset(map(CommitId.parse, each.get("heads", ()))),
            )
            for each in json.loads(self.versions)
        )

    def read(self) -> checking.Finding:
        """The finding as the domain knows it."""
        return checking.Finding(self.entry, self.held(), self.behind)


def record(cluster: ManagedCluster, person: Any, serials: Mapping[str, str], found: Gathered) -> Check:
    """Keep what a check has found; older checks of the cluster are dropped."""
    holders = [
        {
            "name": name,
            "serial": serial,
            "digest": found.digests.get(name, ""),
            "reason": words_of(found.unreached[name]) if name in found.unreached else "",
        }
        for name, serial in serials.items()
    ]
    with transaction.atomic():
        made = Check.objects.create(cluster=cluster, started_by=person, holders=holders)
        Finding.objects.bulk_create(_row(made, each) for each in checking.compare(found.holdings))
        kept = Check.objects.filter(cluster=cluster).values_list("pk", flat=True)[:KEPT]
        Check.objects.filter(cluster=cluster).exclude(pk__in=list(kept)).delete()
    return made


def _row(made: Check, found: checking.Finding) -> Finding:
    held = [
        {
            "version": _bare(each.version),
            "holders": list(each.holders),
            "heads": sorted(map(str, each.heads)),
        }
        for each in found.held
    ]
    return Finding(of=made, address=str(found.address), behind=found.behind, versions=json.dumps(held))


def _bare(version: Version | None) -> dict[str, Any] | None:
    """A version without what stood before it."""
    return replace(version, past=None).to_wire() if version else None


def latest(cluster: ManagedCluster) -> Check | None:
    """The last check of a cluster."""
    return Check.objects.filter(cluster=cluster).select_related("started_by").first()


def due(now: datetime) -> list[ManagedCluster]:
    """The followed clusters whose last check is older than a day."""
    followed = ManagedCluster.everything.filter(state=ManagedCluster.State.FOLLOWED)
    return list(followed.exclude(checks__at__gt=now - EVERY).select_related("tenant", "replica"))


@transaction.atomic
def resolve(who: Any, place: Place, check: Check, choices: Mapping[int, int | None]) -> int:
    """Make chosen versions hold everywhere by one commit, and ignore the rest (SYN-12, SYN-13).

    `choices` maps findings, by key, to the place of a version in `held`, or to None to ignore it until the
    next check. Returns how many were made the same. Raises PermissionDenied, and what checking.force raises;
    nothing has changed then.
    """
    place.require(Right.EDIT)
    rows = check.findings.select_for_update().order_by("pk").filter(pk__in=choices, behind=False)
    still = [row for row in rows if row.resolution != Finding.Resolution.FORCED]
    chosen = [(row.read(), _chosen(row, n)) for row in still if (n := choices[row.pk]) is not None]
    if chosen:
        by = {"user": place.user, "host": settings.GATEFOLD_PORTAL_NAME}
        made = checking.force(place.replica_id, chosen, comment=_("Made consistent by clustercheck"), **by)
        _noted(who, place, Action.COMMIT, len(chosen), commit=str(made.id))
    for row in still:
        kind = Finding.Resolution.IGNORED if choices[row.pk] is None else Finding.Resolution.FORCED
        row.resolution, row.resolved_by, row.resolved = kind, place.user, timezone.now()
        row.save()
    if ignored := len(still) - len(chosen):
        _noted(who, place, Action.CHECK, ignored, change="ignored")
    return len(chosen)


def _noted(who: Any, place: Place, action: Action, entries: int, **facts: str) -> None:
    told: dict[str, Any] = {**facts, "by": "clustercheck"}
    log.record(who, action, place.cluster, place.cluster.tenant, entries=entries, **told)


def _chosen(row: Finding, number: int) -> Held:
    held = row.held()
    if not 0 <= number < len(held):
        raise Refused(_("There is no such version any more. Check again, and choose then."))
    return held[number]
