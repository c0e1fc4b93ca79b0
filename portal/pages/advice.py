"""Advice on how a cluster is laid out: why, remedies of one click, and what was put aside (BP-01..BP-10)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from clusters.installed import catalogue
from clusters.layout import Remedy
from clusters.naming import mode_labels
from clusters.refusals import REFUSALS
from portal.lint.advice import Given, bring_back, dismiss, find
from portal.lint.remedies import all_advice, mend
from portal.pages.access import PageRequest, cluster_page
from portal.pages.paging import page_of
from portal.place import Place
from portal.tenants import Right

SHOWN = 50


@cluster_page(Right.SEE_SETTINGS)
def advice(request: PageRequest, place: Place) -> HttpResponse:
    """Look at the advice, or do what the pressed button says; htmx gets the badge with the count alone."""
    if request.method == "POST":
        place.require(Right.EDIT)
        return redirect(_done(request, place))
    found = all_advice(place)
    open_ones = [each for each in found if not each.dismissal]
    context = {
        "place": place,
        "section": "advice",
        "open": open_ones,
        "page": page_of(request, open_ones, SHOWN),
        "dismissed": [each for each in found if each.dismissal],
        "warnings": sum(each.advice.severity == "warning" for each in open_ones),
    }
    return render(request, "advice/badge.html" if request.htmx else "advice/advice.html", context)


def _done(request: PageRequest, place: Place) -> str:
    here = reverse("advice", args=[place.cluster.slug])
    key, do = request.POST.get("advice", ""), request.POST.get("do", "")
    try:
        if do == "bring_back":
            if bring_back(request, place, key):
                messages.success(request, _("This advice is given again."))
            return here
        found = find(all_advice(place), key)
        if do == "dismiss":
            dismiss(request, place, found.advice, request.POST.get("reason", ""))
            messages.success(request, _("Put aside. It stays in the list below and can be brought back."))
        elif do == "remedy" and found.advice.remedy:
            return _mend(request, place, found, found.advice.remedy) or here
    except REFUSALS as error:
        messages.error(request, str(error))
    return here


def _mend(request: PageRequest, place: Place, found: Given, remedy: Remedy) -> str:
    _planned, done = mend(place, found, request.POST.get("shown"))
    if not done:
        text = _(
            "This remedy would replace or break something. Look at it under Manage Settings on this page."
        )
        messages.warning(request, text)
        page = str(getattr(catalogue()[remedy.feature], "page", "/")).split("/")
        return reverse("feature", args=[place.cluster.slug, remedy.source, *page])
    where = mode_labels(place.draft, remedy.targets or (remedy.source,))
    messages.success(
        request,
        _("The remedy is pending: %(feature)s, %(modes)s. Look at whom it reaches, and commit.")
        % {"feature": remedy.feature, "modes": where},
    )
    return ""
