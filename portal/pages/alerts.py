"""Alerts: over all clusters, of one cluster with its maintenance windows, and one alert with its story."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from portal.alerts.acting import acknowledge, end_window, plan_window, windows_of
from portal.alerts.incidents import Alert
from portal.alerts.kinds import MEANINGS, Kind, Severity
from portal.alerts.looking import Filter, listed, nobody_works, open_of
from portal.alerts.watching import look_at_portal
from portal.alerts.windows import BadWindow, MaintenanceWindow, workable
from portal.pages.access import PageRequest, cluster_page, number_in
from portal.pages.notifications import administers
from portal.place import Place
from portal.tenants import ManagedCluster, Right, role_in

SHOWN = 50


class WindowForm(forms.ModelForm):
    """When, and why. The times are in UTC, as all times of this portal."""

    fields: dict[str, Any]

    class Meta:
        model = MaintenanceWindow
        fields = ("serial", "begins", "ends", "reason")

    serial = forms.ChoiceField(label=gettext_lazy("What is worked on"), required=False)
    begins = forms.DateTimeField(
        label=gettext_lazy("From"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    ends = forms.DateTimeField(
        label=gettext_lazy("To"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )

    def __init__(self, *args: Any, cluster: ManagedCluster, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["serial"].choices = [("", _("The whole cluster")), *workable(cluster)]


def _page(request: PageRequest, cluster: ManagedCluster | None = None) -> dict[str, Any]:
    wanted = Filter.of(request.GET)
    number = request.GET.get("page", "1")
    shown = Paginator(listed(request.user, wanted, cluster), SHOWN).get_page(number)
    return {
        "shown": shown,
        "wanted": wanted,
        "kinds": Kind.choices,
        "severities": Severity.choices,
        "states": [("open", _("open")), ("closed", _("history")), ("all", _("all"))],
        "now": timezone.now(),
        "acting": _to_act_on(request, shown.object_list),
        "address": request.get_full_path(),
    }


def _to_act_on(request: PageRequest, shown: Any) -> set[int]:
    """The alerts that the person may acknowledge, by their keys."""
    places = {(alert.tenant_id, alert.cluster_id) for alert in shown}
    roles = {place: role_in(request.user, *place) for place in places}
    may = {place for place, role in roles.items() if role is not None and role.may(Right.EDIT)}
    return {alert.pk for alert in shown if (alert.tenant_id, alert.cluster_id) in may}


@require_safe
def alerts(request: PageRequest) -> HttpResponse:
    """Those of all my clusters; htmx gets the list alone."""
    context = {"section": "alerts", **_page(request)}
    if request.htmx:
        return render(request, "alerts/list.html", context)
    clusters = ManagedCluster.objects.seen_by(request.user).select_related("replica")
    context |= {"may_administer": administers(request.user), "clusters": clusters}
    return render(request, "alerts/alerts.html", context)


@require_safe
def bell(request: PageRequest) -> HttpResponse:
    """The bell and the banner; notices that no worker is left, which no worker could."""
    if nobody_works():
        look_at_portal()
    return render(request, "alerts/bell_live.html", {"open": open_of(request)})


def alert(request: PageRequest, number: int) -> HttpResponse:
    """One alert with its story; POST acknowledges it."""
    found = Alert.objects.seen_by(request.user).select_related(
        "cluster__replica", "tenant", "acknowledged_by"
    )
    one = get_object_or_404(found, pk=number)
    role = role_in(request.user, one.tenant_id, one.cluster_id)
    if role is None:
        raise Http404
    if request.method == "POST":
        return _acknowledge(request, one)
    context = {
        "alert": one,
        "section": "alerts",
        "now": timezone.now(),
        "may_act": role.may(Right.EDIT),
        "told": one.deliveries.select_related("channel")[:20],
        "before": Alert.objects.of(one.tenant).filter(key=one.key).exclude(pk=one.pk)[:10],
    }
    return render(request, "alerts/story.html" if request.htmx else "alerts/alert.html", context)


def _acknowledge(request: PageRequest, one: Alert) -> HttpResponse:
    note = request.POST.get("note", "").strip()
    if acknowledge(request, one, note):
        messages.success(request, _("Acknowledged: nobody is told of it again while it lasts."))
    else:
        messages.info(request, _("Somebody has acknowledged it before, or it is over."))
    back = request.POST.get("next", "")
    here = back.startswith("/") and url_has_allowed_host_and_scheme(
        back, {request.get_host()}, request.is_secure()
    )
    return redirect(back if here else one_address(one))


def one_address(one: Alert) -> str:
    """The address of an alert's page."""
    return f"/alerts/{one.pk}/"


@cluster_page(Right.SEE_STATE)
def cluster_alerts(request: PageRequest, place: Place) -> HttpResponse:
    """Those of one cluster, and when people work on it; POST plans (`do` window) or ends (`do` end) one."""
    form = WindowForm(cluster=place.cluster)
    if request.method == "POST":
        place.require(Right.EDIT)
        if request.POST.get("do") == "end":
            return _end_window(request, place)
        form = WindowForm(request.POST, cluster=place.cluster)
        if form.is_valid() and _made_window(request, place, form):
            return redirect("cluster_alerts", place.cluster.slug)
    context = {
        "place": place,
        "section": "cluster_alerts",
        "form": form,
        "windows": windows_of(place),
        **_page(request, place.cluster),
    }
    if request.htmx:
        return render(request, "alerts/list.html", context)
    return render(request, "alerts/cluster.html", context, status=422 if form.errors else 200)


def _made_window(request: PageRequest, place: Place, form: WindowForm) -> bool:
    try:
        plan_window(request, place, **form.cleaned_data)
    except BadWindow as error:
        form.add_error(error.field, str(error))
        return False
    messages.success(request, _("Recorded. Nobody is told of what happens then before its end."))
    return True


def _end_window(request: PageRequest, place: Place) -> HttpResponse:
    if end_window(request, place, number_in(request.POST.get("window", ""))):
        messages.success(request, _("Ended. What is still open is told now."))
    return redirect("cluster_alerts", place.cluster.slug)


@require_safe
def vocabulary(request: PageRequest) -> HttpResponse:
    """Every kind: what it means, where it comes from, what to do."""
    rows = [(kind, MEANINGS[kind], MEANINGS[kind].severity.label) for kind in Kind]
    return render(request, "alerts/vocabulary.html", {"section": "alerts", "rows": rows})
