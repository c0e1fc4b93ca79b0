"""The commit policy of a cluster: everybody reads it, an administrator sets it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.pages.access import cluster_page
from portal.pages.canary_form import CanaryForm
from portal.place import Place
from portal.proposals.policy import change, check_windows, check_zone, policy_of
from portal.proposals.stop_rule import Canary
from portal.tenants import Right

DAYS = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
SPARE_ROWS = 3


class PolicyForm(CanaryForm):
    """All of a policy but its windows, which are rows of a table."""

    approval = forms.BooleanField(label=gettext_lazy("A second person must approve"), required=False)
    try_first = forms.BooleanField(label=gettext_lazy("Some machines try every change first"), required=False)
    zone = forms.CharField(label=gettext_lazy("Time zone"), max_length=64, validators=[check_zone])


def _windows(request: HttpRequest) -> list[dict[str, Any]]:
    columns = (request.POST.getlist(name) for name in ("day", "start", "end"))
    rows = zip(*columns, strict=False)
    return [
        {"day": int(day) if day.isdecimal() else -1, "start": start[:5], "end": end[:5]}
        for day, start, end in rows
        if day or start or end
    ]


def _save(request: HttpRequest, place: Place, form: PolicyForm, windows: list[dict[str, Any]]) -> None:
    said = dict(form.cleaned_data)
    columns = {name: said.pop(name) for name in ("approval", "try_first", "zone")}
    columns |= {"windows": windows, "canary": Canary(**said).model_dump(mode="json", exclude={"machines"})}
    change(request, place, columns)


@cluster_page(Right.SEE_SETTINGS)
def policy(request: HttpRequest, place: Place) -> HttpResponse:
    """What the cluster asks of commits made here; POST sets it."""
    found, now = policy_of(place.cluster), timezone.now()
    flags = {name: getattr(found, name) for name in ("approval", "try_first", "zone")}
    form = PolicyForm(initial={**flags, **found.defaults.model_dump()})
    windows, trouble = found.windows, ""
    if request.method == "POST":
        place.require(Right.ADMINISTER)
        form, windows = PolicyForm(request.POST), _windows(request)
        trouble = _trouble(windows)
        if form.is_valid() and not trouble:
            _save(request, place, form, windows)
            messages.success(request, _("Saved. It holds for every commit from now on."))
            return redirect("policy", place.cluster.slug)
    context = {
        "place": place,
        "section": "policy",
        "policy": found,
        "form": form,
        "rows": [*windows, *({"day": "", "start": "", "end": ""} for _n in range(SPARE_ROWS))],
        "trouble": trouble,
        "days": list(enumerate(DAYS)),
        "window_open": found.is_open(now),
        "opens": found.opens(now),
    }
    return render(request, "proposals/policy.html", context, status=422 if form.errors or trouble else 200)


def _trouble(windows: list[dict[str, Any]]) -> str:
    try:
        check_windows(windows)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""
