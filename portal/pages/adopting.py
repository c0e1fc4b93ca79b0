"""The guided adoption: where, is this the right machine, and the passphrase once."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from appliances.following import adopting
from appliances.links.client import Passphrase
from appliances.links.errors import LinkError
from appliances.links.identity import InvalidKey, fingerprint
from clusters.refusals import Refused
from portal.adoption import adopt as adopt_cluster
from portal.pages.access import fresh_page
from portal.tenants import Right, Tenant, tenants_with


class WhereForm(forms.Form):
    """Any machine of the cluster, and the tenant that will see it."""

    tenant = forms.ModelChoiceField(Tenant.objects.none(), label=gettext_lazy("Tenant"), empty_label=None)
    address = forms.CharField(
        label=gettext_lazy("Address of a machine"),
        max_length=255,
        help_text=gettext_lazy("Host name or IP address of any machine of the cluster."),
    )
    port = forms.IntegerField(
        label=gettext_lazy("SSH port"),
        min_value=1,
        max_value=65_535,
        initial=22,
        help_text=gettext_lazy("Of its SSH service, usually 22."),
    )

    def __init__(self, *args: Any, tenants: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tenant"].queryset = tenants


class WhoForm(WhereForm):
    """The same, the host key that was accepted, and the admin's passphrase."""

    host_key = forms.CharField(widget=forms.HiddenInput, max_length=4096)
    accepted = forms.BooleanField(label=gettext_lazy("I have compared the fingerprint; it is the same"))
    user = forms.CharField(label=gettext_lazy("User of the cluster"), max_length=64, initial="admin")
    passphrase = forms.CharField(
        label=gettext_lazy("Passphrase"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Sent once over the encrypted link. Never stored, never logged."),
    )


@sensitive_post_parameters("passphrase")
@fresh_page
def adopt(request: HttpRequest) -> HttpResponse:
    """Ask where (GET), show the fingerprint (`step` look), and adopt (`step` adopt)."""
    mine = tenants_with(request.user, Right.ADMINISTER)
    if not mine.exists():
        raise PermissionDenied
    step = request.POST.get("step", "")
    if step == "adopt":
        return _adopt(request, WhoForm(request.POST, tenants=mine))
    if step == "look":
        return _look(request, WhereForm(request.POST, tenants=mine))
    given = {name: request.GET[name] for name in ("address", "port") if name in request.GET}
    return _show(request, WhereForm(tenants=mine, initial={"tenant": mine.first(), "port": 22, **given}))


def _show(request: HttpRequest, form: WhereForm, status: int = 200, **more: Any) -> HttpResponse:
    context = {"form": form, "section": "adopt", "confirming": isinstance(form, WhoForm), **more}
    return render(request, "adopt/adopt.html", context, status=status)


def _look(request: HttpRequest, form: WhereForm) -> HttpResponse:
    if not form.is_valid():
        return _show(request, form, 422)
    where = form.cleaned_data
    try:
        seen = async_to_sync(adopting.look)(where["address"], where["port"])
    except LinkError as error:
        return _show(request, form, 422, trouble=error)
    initial = {**where, "host_key": seen.host_key, "user": "admin"}
    return _show(
        request, WhoForm(tenants=form.fields["tenant"].queryset, initial=initial), seen=seen.fingerprint
    )


def _adopt(request: HttpRequest, form: WhoForm) -> HttpResponse:
    if not form.is_valid():
        return _show(request, form, 422, seen=_fingerprint(form))
    told = form.cleaned_data
    passphrase = Passphrase(told["user"], told["passphrase"])
    try:
        cluster = adopt_cluster(
            told["tenant"], request.user, told["address"], told["port"], passphrase, told["host_key"]
        )
    except (LinkError, Refused) as error:
        return _show(request, form, 422, seen=_fingerprint(form), trouble=error)
    messages.success(request, _("The portal follows %(name)s now.") % {"name": cluster})
    return redirect("cluster", cluster.slug)


def _fingerprint(form: WhoForm) -> str:
    try:
        return fingerprint(str(form.data.get("host_key", "")))
    except InvalidKey:
        return ""
