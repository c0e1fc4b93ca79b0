"""The conflict desk: what both sides replaced, what stands, what lost; keep, restore, or merge (SYN-08)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from clusters import commits
from clusters.installed import catalogue
from clusters.refusals import REFUSALS
from clusters.reverting import REVERTIBLE
from clusters.sealing import secrets_of
from clusters.side_by_side import Row, side_by_side
from clusters.versions import Address, CommitId, MalformedCommit, Version
from portal.audit import Action, record
from portal.pages.access import Place, cluster_page
from portal.pages.paging import page_of
from portal.proposals.deciding import require_free
from portal.tenants import Right

TAKE = "take:"
SHOWN = 20


@dataclass(frozen=True)
class Columns:
    """One loser of a conflict beside what both sides replaced and what stands; templates call it `desk`."""

    conflict: commits.Conflict
    loser: Version
    pending: bool

    @cached_property
    def rows(self) -> list[tuple[Row, int]]:
        """Where the three differ, each with the column that a merge begins with; secrets hidden."""
        columns = commits.columns_of(self.conflict, self.loser.id)
        found = side_by_side(columns, secrets_of(self.conflict.address))
        return [(row, commits.suggested(row)) for row in found]

    @property
    def may_merge(self) -> bool:
        """Whether a merge can be a pending change; operations on the cluster change at once (CMT-08)."""
        return self.conflict.address.kind in REVERTIBLE

    @property
    def versions(self) -> list[Version | None]:
        """The three versions, in the order of the columns."""
        return [self.conflict.ancestor, self.conflict.winner, self.loser]


def desk(place: Place) -> list[Columns]:
    """All conflicts of a cluster, one entry per loser."""
    planned = {change.address for change in place.drafts}
    return [
        Columns(found, loser, found.address in planned)
        for found in commits.conflicts(place.replica_id)
        for loser in found.losers
    ]


@cluster_page(Right.SEE_SETTINGS)
def conflicts(request: HttpRequest, place: Place) -> HttpResponse:
    """Entries changed in two places at once, in three columns; POST settles one."""
    if request.method == "POST":
        place.require(Right.EDIT)
        return redirect(_settled(request, place))
    context = {"place": place, "section": "conflicts", "page": page_of(request, desk(place), SHOWN)}
    return render(request, "changes/conflicts.html", context)


def _settled(request: HttpRequest, place: Place) -> str:
    """Do what the pressed button says, and return where to go on."""
    here = reverse("conflicts", args=[place.cluster.slug])
    try:
        address = Address.parse(request.POST.get("entry", ""))
        return ACTIONS.get(request.POST.get("do", ""), _accept)(request, place, address) or here
    except (MalformedCommit, *REFUSALS) as error:
        messages.error(request, str(error))
        return here


def _by(place: Place, comment: str) -> dict[str, Any]:
    return {"user": place.user, "host": settings.GATEFOLD_PORTAL_NAME, "comment": comment}


def _restore(request: HttpRequest, place: Place, address: Address) -> str:
    require_free(place.cluster)
    loser = CommitId.parse(request.POST.get("version", ""))
    made = commits.restore_loser(
        place.replica_id, address, loser, **_by(place, _("Restored after a conflict"))
    )
    record(request, Action.COMMIT, place.cluster, place.cluster.tenant, commit=str(made.id))
    messages.success(request, _("The other version is in force now, by a commit of yours."))
    return ""


def _accept(request: HttpRequest, place: Place, address: Address) -> str:
    made = commits.accept_winner(place.replica_id, address, **_by(place, _("Kept after a conflict")))
    record(request, Action.COMMIT, place.cluster, place.cluster.tenant, commit=str(made.id))
    messages.success(request, _("Settled: what is in force stays."))
    return ""


def _merge(request: HttpRequest, place: Place, address: Address) -> str:
    loser = CommitId.parse(request.POST.get("version", ""))
    taken = {n.removeprefix(TAKE): v for n, v in request.POST.items() if n.startswith(TAKE)}
    chosen = {path: int(column) for path, column in taken.items() if column in ("0", "1", "2")}
    edited = commits.draft_merge(place.replica_id, place.user, address, loser, chosen)
    if not edited.pending:
        messages.info(request, _("This merge is what is in force already. Keep it to settle the conflict."))
        return ""
    messages.success(request, _("The merge of both is pending. Change what is missing, then commit."))
    if address.mode is None or address.name not in catalogue():
        return reverse("pending", args=[place.cluster.slug])
    tab, page = str(getattr(catalogue()[address.name], "page", "/")).split("/")
    return reverse("feature", args=[place.cluster.slug, address.mode, tab, page])


ACTIONS = {"restore": _restore, "accept": _accept, "merge": _merge}
