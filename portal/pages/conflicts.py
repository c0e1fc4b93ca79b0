"""The conflict desk: what both sides replaced, what each made of it; keep, take, or merge (SYN-08)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from clusters import commits
from clusters.installed import catalogue
from clusters.refusals import refusals_and
from clusters.versions import Address, CommitId, MalformedCommit
from portal.changes.conflicts import desk
from portal.changes.settling import settle
from portal.pages.access import cluster_page
from portal.pages.paging import page_of
from portal.place import Place
from portal.tenants import Right

TAKE = "take:"
SHOWN = 20


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
    edited = commits.draft_merge(place.replica_id, place.user, address, other, chosen, _seen(request))
    if not edited.pending:
        messages.info(request, _("This merge is what is in force already. Keep it to settle the conflict."))
        return ""
    messages.success(request, _("The merge of both is pending. Change what is missing, then commit."))
    if address.mode is None or address.name not in catalogue():
        return reverse("pending", args=[place.cluster.slug])
    tab, page = str(getattr(catalogue()[address.name], "page", "/")).split("/")
    return reverse("feature", args=[place.cluster.slug, address.mode, tab, page])


ACTIONS = {"take": _take, "newest": _take_newest, "keep": _keep, "merge": _merge}
