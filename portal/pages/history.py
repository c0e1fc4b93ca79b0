"""History, and the detail of a commit with revert (CMT-02)."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from clusters import commits
from clusters.refusals import REFUSALS
from clusters.versions import CommitId
from portal.audit import Action, record
from portal.pages.access import Place, cluster_page
from portal.tenants import Right


@require_safe
@cluster_page(Right.SEE_SETTINGS)
def history(request: HttpRequest, place: Place) -> HttpResponse:
    """The commits kept here, the latest first; `q` searches comment, user and host."""
    number = request.GET.get("page", "1")
    text = request.GET.get("q", "")[:200]
    found = commits.history(place.replica_id, page=int(number) if number.isdecimal() else 1, text=text)
    context = {"place": place, "section": "history", "found": found, "q": text}
    return render(request, "changes/history.html", context)


@cluster_page(Right.SEE_SETTINGS)
def commit(request: HttpRequest, place: Place, origin: str, number: int) -> HttpResponse:
    """What one commit did, per mode and per machine; POST drafts its revert."""
    commit_id = CommitId(origin, number)
    if request.method == "POST":
        return _revert(request, place, commit_id)
    try:
        detail = commits.detail(place.replica_id, commit_id)
    except commits.UnknownCommit:
        raise Http404 from None
    context = {"place": place, "section": "history", "detail": detail}
    return render(request, "changes/commit.html", context)


@transaction.atomic
def _revert(request: HttpRequest, place: Place, commit_id: CommitId) -> HttpResponse:
    place.require(Right.EDIT)
    over = request.POST.get("over") == "yes"
    try:
        commits.revert(place.replica_id, place.user, commit_id, over=over)
    except commits.InTheWay as error:
        detail = commits.detail(place.replica_id, commit_id)
        context = {"place": place, "section": "history", "detail": detail, "in_the_way": str(error)}
        return render(request, "changes/commit.html", context, status=409)
    except commits.UnknownCommit:
        raise Http404 from None
    except REFUSALS as error:
        messages.error(request, str(error))
        return redirect("commit", place.cluster.slug, commit_id.origin, commit_id.number)
    record(request, Action.REVERT, place.cluster, place.cluster.tenant, commit=str(commit_id))
    messages.success(request, _("The values before this commit are pending now. Look at them and commit."))
    return redirect("pending", place.cluster.slug)
