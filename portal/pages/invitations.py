"""The door of an invitation: join with the account one has, or make one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from portal.login import policy
from portal.people.invitations import Closed, Invitation, MemberAlready, accept, found


class AccountForm(forms.ModelForm):
    """A new account."""

    passphrase = forms.CharField(
        label=gettext_lazy("Passphrase"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 12 characters. Several words are easy to keep and hard to guess."),
    )

    class Meta:
        model = get_user_model()
        fields = ("username", "first_name", "last_name")
        labels = {
            "username": gettext_lazy("User name"),
            "first_name": gettext_lazy("First name"),
            "last_name": gettext_lazy("Last name"),
        }
        help_texts = {"username": ""}

    def clean_passphrase(self) -> str:
        told: str = self.cleaned_data["passphrase"]
        validate_password(told, self.instance)
        return told


@login_not_required
@sensitive_post_parameters("passphrase")
def invitation(request: HttpRequest, word: str) -> HttpResponse:
    """What it offers (GET); POST accepts, with a new account where nobody is logged in."""
    try:
        one = found(word)
        if request.method == "POST":
            return _accept(request, one, word)
    except (Closed, MemberAlready) as error:
        return render(request, "people/invitation.html", {"trouble": error}, status=410)
    return _show(request, one, AccountForm())


def _show(request: HttpRequest, one: Invitation, form: AccountForm, status: int = 200) -> HttpResponse:
    context = {"invitation": one, "form": form, "clusters": one.clusters.select_related("replica")}
    return render(request, "people/invitation.html", context, status=status)


def _accept(request: HttpRequest, one: Invitation, word: str) -> HttpResponse:
    if request.user.is_authenticated:
        accept(word, request.user)
        policy.check(request, request.user)
        messages.success(request, _("You are a member of %(tenant)s now.") % {"tenant": one.tenant})
        return redirect("fleet")
    form = AccountForm(request.POST)
    if not form.is_valid() or not _make(form, one, word):
        return _show(request, one, form, 422)
    messages.success(request, _("Your account is made. Log in with it."))
    return redirect("account_login")


@transaction.atomic
def _make(form: AccountForm, one: Invitation, word: str) -> Any:
    """The account with its role, both or neither; None where the name was taken meanwhile."""
    user = form.save(commit=False)
    user.email = one.email
    user.set_password(form.cleaned_data["passphrase"])
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        form.add_error("username", _("This user name is taken. Choose another."))
        return None
    accept(word, user)
    return user
