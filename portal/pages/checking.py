"""clustercheck: the last comparison of all machines, and which version shall hold (SYN-10..SYN-13)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clusters.refusals import REFUSALS
from portal.checks.columns import Compared, begin, job_of
from portal.checks.rows import Check, Finding, latest, resolve
from portal.pages.access import PageRequest, cluster_page
from portal.pages.paging import MANY, page_of
from portal.place import Place
from portal.tenants import Right

CHOICE = "finding-"
LINES = 6
SHOWN = 25


@cluster_page(Right.SEE_SETTINGS)
def check(request: PageRequest, place: Place) -> HttpResponse:
    """Look at the last check; POST starts one, or resolves findings. htmx gets what moves alone."""
    if request.method == "POST":
        place.require(Right.EDIT)
        if request.POST.get("do") == "start":
            begin(place, request.user)
        else:
            _resolve(request, place)
        return redirect("check", place.cluster.slug)
    last = latest(place.cluster)
    job = job_of(place)
    context = {
        "place": place,
        "section": "check",
        "check": last,
        "job": job,
        "lines": list(job.lines.order_by("-pk")[:LINES])[::-1] if job else [],
        "now": timezone.now(),
    }
    if request.htmx:
        answer = render(request, "checks/under_way.html", context)
        if request.GET.get("shown", "") != str(last.pk if last else ""):
            answer["HX-Refresh"] = "true"
        return answer
    asked = {name: request.GET.get(name, "").replace("\0", "")[:100] for name in ("q", "only")}
    rows = last.findings.filter(address__icontains=asked["q"]) if last else Finding.objects.none()
    if asked["only"] == "open":
        rows = rows.filter(resolution=Finding.Resolution.OPEN, behind=False)
    page = page_of(request, rows.order_by("pk"), SHOWN)
    context |= {"page": page, "found": [Compared(row) for row in page], "asked": asked}
    context["many"] = any(asked.values()) or page.paginator.count >= MANY
    return render(request, "checks/check.html", context)


def _resolve(request: PageRequest, place: Place) -> None:
    last = latest(place.cluster)
    if last is None or request.POST.get("check") != str(last.pk):
        messages.error(request, _("There is a newer check meanwhile. Look at it and choose again."))
        return
    choices = _choices(request, last)
    try:
        made = resolve(request, place, last, choices)
    except REFUSALS as error:
        messages.error(request, str(error))
        return
    if made:
        words = ngettext(
            "%(n)d entry is the same everywhere as soon as the machines have heard of it.",
            "%(n)d entries are the same everywhere as soon as the machines have heard of them.",
            made,
        )
        messages.success(request, words % {"n": made})
    elif choices:
        messages.info(request, _("Ignored. The next check will name it again."))
    else:
        messages.info(request, _("Choose a version first."))


def _choices(request: PageRequest, last: Check) -> dict[int, int | None]:
    found: dict[int, int | None] = {}
    for pk in last.findings.values_list("pk", flat=True):
        told = request.POST.get(f"{CHOICE}{pk}", "")
        if told == "ignore":
            found[pk] = None
        elif told.isdecimal() and len(told) < 5:
            found[pk] = int(told)
    return found
