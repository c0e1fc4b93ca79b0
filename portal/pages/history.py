"""History, the detail of a commit with revert, and the conflict desk (CMT-02, SYN-08)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from clusters import commits
from clusters.differences import differences
from clusters.drafts import secrets_of
from clusters.refusals import REFUSALS
from clusters.versions import Address, CommitId, MalformedCommit
from portal.pages.access import Place, cluster_page
from portal.proposals.deciding import require_free
from portal.proposals.proposal import of_commits
from portal.tenants import Right


@require_safe
@cluster_page(Right.SEE_SETTINGS)
def history(request: HttpRequest, place: Place) -> HttpResponse:
    """The commits kept here, the latest first; `q` searches comment, user and host."""
    number = request.GET.get("page", "1")
    text = request.GET.get("q", "")[:200]
    found = commits.history(place.replica_id, page=int(number) if number.isdecimal() else 1, text=text)
    marks = of_commits(place.cluster, [str(made.id) for made in found.commits])
    context = {"place": place, "section": "history", "found": found, "q": text, "marks": marks}
    return render(request, "changes/history.html", context)


@cluster_page(Right.SEE_SETTINGS)
def commit(request: HttpRequest, place: Place, origin: str, number: int) -> HttpResponse:
    """What one commit did, per mode and per machine; POST drafts its revert, or that of one `entry`."""
    commit_id = CommitId(origin, number)
    if request.method == "POST":
        return _revert(request, place, commit_id)
    try:
        detail = commits.detail(place.replica_id, commit_id)
    except commits.UnknownCommit:
        raise Http404 from None
    proposal = of_commits(place.cluster, [str(commit_id)]).get(str(commit_id))
    context = {"place": place, "section": "history", "detail": detail, "proposal": proposal}
    return render(request, "changes/commit.html", context)


def _revert(request: HttpRequest, place: Place, commit_id: CommitId) -> HttpResponse:
    place.require(Right.EDIT)
    over, entry = request.POST.get("over") == "yes", request.POST.get("entry", "")
    try:
        only = Address.parse(entry) if entry else None
        commits.revert(place.replica_id, place.user, commit_id, over=over, only=only)
    except commits.InTheWay as error:
        detail = commits.detail(place.replica_id, commit_id)
        context = {"place": place, "section": "history", "detail": detail}
        context |= {"in_the_way": str(error), "entry": entry}
        return render(request, "changes/commit.html", context, status=409)
    except commits.UnknownCommit:
        raise Http404 from None
    except REFUSALS as error:
        messages.error(request, str(error))
        return redirect("commit", place.cluster.slug, commit_id.origin, commit_id.number)
    messages.success(request, _("The values before this commit are pending now. Look at them and commit."))
    return redirect("pending", place.cluster.slug)


def _rows(place: Place) -> list[dict[str, Any]]:
    return [
        {
            "address": found.address,
            "winner": found.winner,
            "losers": [
                {
                    "version": loser,
                    "paths": differences(found.winner.value, loser.value, secrets_of(found.address)),
                }
                for loser in found.losers
            ],
        }
        for found in commits.conflicts(place.replica_id)
    ]


@cluster_page(Right.SEE_SETTINGS)
def conflicts(request: HttpRequest, place: Place) -> HttpResponse:
    """Entries changed in two places at once: what stands and what lost; POST settles one."""
    if request.method == "POST":
        place.require(Right.EDIT)
        _settle(request, place)
        return redirect("conflicts", place.cluster.slug)
    context = {"place": place, "section": "conflicts", "rows": _rows(place)}
    return render(request, "changes/conflicts.html", context)


def _settle(request: HttpRequest, place: Place) -> None:
    by: dict[str, Any] = {"user": place.user, "host": settings.GATEFOLD_PORTAL_NAME}
    try:
        address = Address.parse(request.POST.get("entry", ""))
        if request.POST.get("do") == "restore":
            require_free(place.cluster)
            loser = CommitId.parse(request.POST.get("version", ""))
            commits.restore_loser(
                place.replica_id, address, loser, comment=_("Restored after a conflict"), **by
            )
            messages.success(request, _("The other version is in force now, by a commit of yours."))
        else:
            commits.accept_winner(place.replica_id, address, comment=_("Kept after a conflict"), **by)
            messages.success(request, _("Settled: what is in force stays."))
    except (MalformedCommit, *REFUSALS) as error:
        messages.error(request, str(error))
