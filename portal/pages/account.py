"""One's own account: name, language, time zone, theme, sessions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from portal.login import display
from portal.login.display import Profile
from portal.login.naming import rename
from portal.login.policy import second_factors
from portal.login.sessions import end, end_others, living
from portal.pages.access import fresh, number_in
from portal.pages.paging import page_of
from portal.tenants import Right, account_in, tenants_with

SHOWN = 50
"""Sessions on one page."""


class AccountForm(forms.ModelForm):
    """Names, and what one likes."""

    fields: dict[str, Any]

    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        help_text=gettext_lazy("Times on all pages are shown in it."),
    )
    theme = forms.ChoiceField(label=gettext_lazy("Theme"), required=False, choices=Profile.Theme.choices)

    class Meta:
        model = get_user_model()
        fields = ("first_name", "last_name", "email")
        labels = {
            "first_name": gettext_lazy("First name"),
            "last_name": gettext_lazy("Last name"),
            "email": gettext_lazy("E-mail address"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [
            (code, translation.get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES
        ]
        self.fields["language"].choices = [("", _("As the browser")), *names]
        zones = [(name, name.replace("_", " ")) for name in display.zones()]
        self.fields["time_zone"].choices = [("", _("UTC, as the machines")), *zones]
        likes = display.profile_of(self.instance)
        self.initial.update({name: getattr(likes, name) for name in ("language", "time_zone", "theme")})


def account(request: HttpRequest) -> HttpResponse:
    """Look (GET) or change (POST)."""
    form = AccountForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        rename(request, form.instance)
        display.keep(
            request, request.user, **{name: told[name] for name in ("language", "time_zone", "theme")}
        )
        messages.success(request, _("Kept."))
        return redirect("account")
    context = {
        "form": form,
        "now": timezone.now(),
        "second_factors": second_factors(request.user.pk).count(),
        "memberships": account_in(request)
        .memberships.select_related("tenant")
        .prefetch_related("clusters__cluster__replica"),
        "may_adopt": tenants_with(request.user, Right.ADMINISTER).exists(),
        "section": "account",
    }
    return render(request, "people/account.html", context, status=422 if form.errors else 200)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme that was chosen in the menu, for all browsers of the person."""
    chosen = request.POST.get("theme", "")
    if chosen in Profile.Theme.values:
        display.keep(request, request.user, theme=chosen)
    return HttpResponse(status=204)


@login_not_required
def language(request: HttpRequest) -> HttpResponseBase:
    """Django's, and kept for a person who is logged in."""
    chosen = request.POST.get("language", "")
    if request.method == "POST" and request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        display.keep(request, request.user, language=chosen)
    return set_language(request)


@fresh
def sessions(request: HttpRequest) -> HttpResponse:
    """Where one is logged in; POST ends one session, or all others."""
    if request.method == "POST":
        if request.POST.get("do") == "others":
            end_others(request)
        else:
            end(request, request.user, number_in(request.POST.get("number", "")))
        messages.success(request, _("Ended."))
        return redirect("sessions")
    context = {
        "page": page_of(request, living(request.user), SHOWN),
        "here": request.session.session_key,
        "section": "account",
    }
    return render(request, "people/sessions.html", context)
