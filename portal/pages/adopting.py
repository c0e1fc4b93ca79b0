"""The guided adoption: where, is this the right machine, and the passphrase once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from appliances.links.errors import LinkError
from clusters.refusals import Refused
from portal.guided import adoption
from portal.pages import doors
from portal.pages.access import fresh_page
from portal.tenants import Right, Tenant, tenants_with


class WhereForm(doors.WhereForm):
    """Any machine of the cluster, and the tenant that will see it."""

    fields: dict[str, Any]

    field_order = ("tenant", "address", "port")
    tenant = forms.ModelChoiceField(Tenant.objects.none(), label=gettext_lazy("Tenant"), empty_label=None)
    address = forms.CharField(
        label=gettext_lazy("Address of a machine"),
        max_length=255,
        help_text=gettext_lazy("Host name or IP address of any machine of the cluster."),
    )

    def __init__(self, *args: Any, tenants: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tenant"].queryset = tenants


class WhoForm(WhereForm, doors.LoginForm):
    """The same, the host key that was accepted, and an administrator of the cluster."""

    user = forms.CharField(label=gettext_lazy("User of the cluster"), max_length=64, initial="admin")
    passphrase = doors.PassphraseField(
        label=gettext_lazy("Passphrase"),
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
    try:
        initial = form.look()
    except LinkError as error:
        return _show(request, form, 422, trouble=error)
    return _show(request, WhoForm(tenants=form.fields["tenant"].queryset, initial=initial))


def _adopt(request: HttpRequest, form: WhoForm) -> HttpResponse:
    if not form.is_valid():
        return _show(request, form, 422)
    door = form.door()
    try:
        cluster = adoption.adopt(
            form.cleaned_data["tenant"], request.user, door.address, door.port, door.who, door.host_key
        )
    except (LinkError, Refused) as error:
        return _show(request, form, 422, trouble=error)
    messages.success(request, _("The portal follows %(name)s now.") % {"name": cluster})
    return redirect("cluster", cluster.slug)
