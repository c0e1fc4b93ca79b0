"""API tokens: made for a time and a purpose, shown once, revoked here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.pages.access import fresh, number_in
from portal.pages.choosing import ClustersField
from portal.pages.paging import page_of
from portal.people.tokens import make, revoke
from portal.tenants import ManagedCluster, Tenant, account_in

SHOWN = 50
DAYS = [(30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("a year"))]


class TokenForm(forms.Form):
    """A new token."""

    fields: dict[str, Any]

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("What it is for, as you will know it."),
    )
    days = forms.TypedChoiceField(label=gettext_lazy("Works for"), coerce=int, choices=DAYS, initial=90)
    may_write = forms.BooleanField(label=gettext_lazy("It may also change things"), required=False)
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(),
        label=gettext_lazy("Only in this tenant"),
        required=False,
        empty_label=gettext_lazy("all of yours"),
    )
    clusters = ClustersField(
        None,
        label=gettext_lazy("Only in these clusters"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Choose none for all that you may see."),
    )

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tenant"].queryset = Tenant.objects.filter(members__user=person.pk)
        self.fields["clusters"].queryset = ManagedCluster.objects.seen_by(person).select_related("replica")


@fresh
def tokens(request: HttpRequest) -> HttpResponse:
    """The person's tokens; POST makes one and shows it, or revokes one."""
    if request.method == "POST" and request.POST.get("do") == "revoke":
        revoke(request, number_in(request.POST.get("number", "")))
        messages.success(request, _("Revoked. What used it is refused from now on."))
        return redirect("tokens")
    form = TokenForm(request.POST or None, person=request.user)
    made = ""
    if request.method == "POST" and form.is_valid():
        made = make(request, **_told(form.cleaned_data))[1]
        form = TokenForm(person=request.user)
    found = account_in(request).api_tokens.select_related("tenant")
    context = {
        "form": form,
        "made": made,
        "page": page_of(request, found.prefetch_related("clusters__replica"), SHOWN),
        "now": timezone.now(),
        "section": "account",
    }
    return render(request, "people/tokens.html", context, status=422 if form.errors else 200)


def _told(form: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": form["name"],
        "read_only": not form["may_write"],
        "expires": timezone.now() + timedelta(days=form["days"]),
        "tenant": form["tenant"],
        "clusters": form["clusters"],
    }
