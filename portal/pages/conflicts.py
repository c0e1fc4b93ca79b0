"""The conflict desk: what both sides replaced, what each made of it; keep, take, or merge (SYN-08)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from clusters import commits
from clusters.installed import catalogue
from clusters.refusals import refusals_and
from clusters.reverting import REVERTIBLE
from clusters.sealing import secrets_of
from clusters.side_by_side import Row, side_by_side
from clusters.versions import Address, CommitId, MalformedCommit, Version
from portal.changes.settling import settle
from portal.pages.access import Place, cluster_page
from portal.pages.paging import page_of
from portal.tenants import Right

TAKE = "take:"
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Heading:
    """What a column of the desk is, and what ticking a value in it means."""

    title: str
    icon: str
    mood: str
    take: str = ""


@dataclass(frozen=True)
class Columns:
    """The newest version of a conflict and another, beside what both replaced; templates call it `desk`."""

    conflict: commits.Conflict
    other: Version
    pending: bool

    @cached_property
    def rows(self) -> list[tuple[Row, int]]:
        """Where the three differ, each with the column that a merge begins with; secrets hidden."""
        columns = commits.columns_of(self.conflict, self.other.id)
        found = side_by_side(columns, secrets_of(self.conflict.address))
        return [(row, commits.suggested(row)) for row in found]

    @property
    def may_merge(self) -> bool:
        """Whether a merge can be a pending change; operations on the cluster change at once (CMT-08)."""
        return self.conflict.address.kind in REVERTIBLE

    @cached_property
    def headings(self) -> list[Heading]:
        """The three columns; under safe wait the first is in force, else the second (SYN-08)."""
        if self.conflict.waits:
            return [
                Heading(_("in force until somebody decides"), "wait", "warn"),
                Heading(_("newest"), "history", "", _("Take the newest")),
                Heading(_("the other"), "conflict", "", _("Take the other")),
            ]
        return [
            Heading(_("both replaced this"), "history", ""),
            Heading(_("in force"), "check", "ok", _("Take what is in force")),
            Heading(_("lost"), "conflict", "warn", _("Take what lost")),
        ]

    @property
    def headed(self) -> list[tuple[Version | None, Heading]]:
        """Each version with its heading."""
        return list(zip(self.versions, self.headings, strict=True))

    @property
    def lines(self) -> list[tuple[Row, list[tuple[Any, str, Heading]], int]]:
        """Each row with its cells, and the column that a merge begins with."""
        return [
            (row, list(zip(row.values, row.kinds, self.headings, strict=True)), column)
            for row, column in self.rows
        ]

    @property
    def versions(self) -> list[Version | None]:
        """The three versions, in the order of the columns."""
        return [self.conflict.ancestor, self.conflict.newest, self.other]


def desk(place: Place) -> list[Columns]:
    """All conflicts of a cluster, one entry per version beside the newest."""
    planned = {change.address for change in place.drafts}
    return [
        Columns(found, other, found.address in planned)
        for found in commits.conflicts(place.replica_id)
        for other in found.others
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
        act = ACTIONS.get(request.POST.get("do", ""))
        return (act(request, place, address) if act else "") or here
    except refusals_and(MalformedCommit) as error:
        messages.error(request, str(error))
        return here


def _seen(request: HttpRequest) -> list[CommitId]:
    """The versions that the page had: what came since is not settled with them (TRL-14)."""
    return [CommitId.parse(ident) for ident in request.POST.getlist("seen")]


def _take(request: HttpRequest, place: Place, address: Address) -> str:
    return _put_in_force(request, place, address, "version")


def _take_newest(request: HttpRequest, place: Place, address: Address) -> str:
    return _put_in_force(request, place, address, "newest")


def _put_in_force(request: HttpRequest, place: Place, address: Address, field: str) -> str:
    chosen = CommitId.parse(request.POST.get(field, ""))
    settle(request, place, address, chosen, _("Chosen after a conflict"), _seen(request))
    messages.success(request, _("That version is in force now, by a commit of yours."))
    return ""


def _keep(request: HttpRequest, place: Place, address: Address) -> str:
    settle(request, place, address, comment=_("Kept after a conflict"), seen=_seen(request))
    messages.success(request, _("Settled: what is in force stays."))
    return ""


def _merge(request: HttpRequest, place: Place, address: Address) -> str:
    other = CommitId.parse(request.POST.get("version", ""))
    taken = {n.removeprefix(TAKE): v for n, v in request.POST.items() if n.startswith(TAKE)}
    chosen = {path: int(column) for path, column in taken.items() if column in ("0", "1", "2")}
    edited = commits.draft_merge(place.replica_id, place.user, address, other, chosen)
    if not edited.pending:
        messages.info(request, _("This merge is what is in force already. Keep it to settle the conflict."))
        return ""
    messages.success(request, _("The merge of both is pending. Change what is missing, then commit."))
    if address.mode is None or address.name not in catalogue():
        return reverse("pending", args=[place.cluster.slug])
    tab, page = str(getattr(catalogue()[address.name], "page", "/")).split("/")
    return reverse("feature", args=[place.cluster.slug, address.mode, tab, page])


ACTIONS = {"take": _take, "newest": _take_newest, "keep": _keep, "merge": _merge}
