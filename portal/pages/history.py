"""History, and the detail of a commit with revert (CMT-02)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from clusters import commits
from clusters.installed import catalogue
from clusters.modes import InvalidMode, Mode
from clusters.refusals import REFUSALS
from clusters.versions import Address, CommitId
from portal.changes.settling import revert
from portal.pages.access import cluster_page
from portal.pages.paging import page_of
from portal.place import Place
from portal.proposals.proposal import of_commits
from portal.tenants import Right

PER_PAGE = 50


@require_safe
@cluster_page(Right.SEE_SETTINGS)
def history(request: HttpRequest, place: Place) -> HttpResponse:
    """The commits kept here, the latest first; `q` searches comment, user and host."""
    words = {name: request.GET.get(name, "").replace("\0", "")[:200] for name in ("q", "user", "feature")}
    told = {"text": words["q"], "user": words["user"], "feature": words["feature"]}
    page = page_of(request, commits.kept(place.replica_id, mode=_mode(request), **told), PER_PAGE)
    found = [row.read() for row in page]
    context = {
        "place": place,
        "section": "history",
        "page": page,
        "found": found,
        "asked": request.GET,
        "narrowed": any(request.GET.get(name) for name in ("q", "user", "feature", "mode")),
        "features": [(feature.name, feature.title) for feature in list[Any](catalogue())],
        "modes": place.state.modes(),
        "marks": of_commits(place.cluster, [str(made.id) for made in found]),
    }
    return render(request, "changes/history.html", context)


def _mode(request: HttpRequest) -> Mode | None:
    try:
        return Mode.parse(request.GET["mode"]) if request.GET.get("mode") else None
    except InvalidMode:
        return None


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
    over, entry = request.POST.get("over") == "yes", request.POST.get("entry", "")
    try:
        only = Address.parse(entry) if entry else None
        seen = [CommitId.parse(ident) for ident in request.POST.getlist("seen")]
        shown = request.POST.get("shown")
        revert(request, place, commit_id, over=over, only=only, seen=seen, shown=shown)
    except commits.InTheWay as error:
        detail = commits.detail(place.replica_id, commit_id)
        context = {"place": place, "section": "history", "detail": detail}
        context |= {
            "in_the_way": str(error),
            "overtakers": error.changed,
            "entry": entry,
            "shown": error.shown,
        }
        return render(request, "changes/commit.html", context, status=409)
    except commits.UnknownCommit:
        raise Http404 from None
    except REFUSALS as error:
        messages.error(request, str(error))
        return redirect("commit", place.cluster.slug, commit_id.origin, commit_id.number)
    messages.success(request, _("The values before this commit are pending now. Look at them and commit."))
    return redirect("pending", place.cluster.slug)
