"""Notifications: channels, subscriptions, digests and deliveries of the tenants that one administers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from portal.alerts.administering import administered
from portal.alerts.arranging import keep, remove, send_test
from portal.alerts.channels.base import BadChannel
from portal.alerts.channels.ways import ENTERED, WayName
from portal.alerts.deliveries import Delivery
from portal.alerts.kinds import Kind
from portal.alerts.routing import Channel, Digest, Subscription
from portal.pages.access import PageRequest, number_in
from portal.pages.paging import page_of
from portal.tenants import ManagedCluster, Right, tenants_with

SHOWN = 30
SECRETS = ("url", "signing_key")
FIELDS = {
    "recipients": forms.CharField(
        label=gettext_lazy("Addresses"),
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("One per line, or separated by commas."),
    ),
    "url": forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2000,
        widget=forms.PasswordInput({"autocomplete": "off"}),
    ),
    "signing_key": forms.CharField(
        label=gettext_lazy("Signing key"),
        max_length=200,
        widget=forms.PasswordInput({"autocomplete": "off"}),
        help_text=gettext_lazy("Leave it empty for a new one, which is shown once."),
    ),
}
HELP = {
    WayName.WEBHOOK: gettext_lazy("https://… JSON is sent there, signed. Never shown again."),
    WayName.SERVICE: gettext_lazy("As Apprise writes it, such as slack://A/B/C/#channel. Never shown again."),
}


class ChannelForm(forms.ModelForm):
    """A channel; what is secret is entered and never shown. Empty at a channel that exists: as it is."""

    fields: dict[str, Any]

    class Meta:
        model = Channel
        fields = ("tenant", "name", "language", "enabled")

    def __init__(self, *args: Any, tenants: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenant = self.fields["tenant"]
        tenant.queryset, tenant.empty_label, tenant.label = tenants, None, _("Tenant")
        if self.instance.pk:
            del self.fields["tenant"]
        for name in ENTERED[self.instance.way]:
            field = self.fields[name] = _copy(FIELDS[name])
            field.required = not self.instance.pk and name != "signing_key"
            field.help_text = HELP.get(WayName(self.instance.way), "") if name == "url" else field.help_text
        if self.instance.pk and self.instance.way == WayName.MAIL:
            self.initial["recipients"] = self.instance.shown

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        entered = {name: told.get(name, "") for name in ENTERED[self.instance.way]}
        if self.errors or (self.instance.pk and not any(entered.values())):
            return told
        try:
            self.kept = self.instance.enter(entered)
        except BadChannel as error:
            self.add_error(error.field, str(error))
        return told


def _copy(field: forms.Field) -> forms.Field:
    return field.__deepcopy__({})


class SubscriptionForm(forms.ModelForm):
    """Which channel is told of what."""

    fields: dict[str, Any]

    class Meta:
        model = Subscription
        fields = ("channel", "cluster", "minimum", "kinds", "reminders", "recovery")

    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Kinds"),
        choices=Kind.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None: all."),
    )

    def __init__(self, *args: Any, tenants: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].queryset = Channel.objects.among(tenants)
        self.fields["channel"].empty_label = None
        self.fields["cluster"].queryset = ManagedCluster.objects.among(tenants).select_related("replica")
        self.fields["cluster"].empty_label = _("All clusters")

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        channel, cluster = told.get("channel"), told.get("cluster")
        if channel and cluster and channel.tenant_id != cluster.tenant_id:
            self.add_error("cluster", _("The channel belongs to another tenant."))
        return told


class DigestForm(forms.ModelForm):
    """When which channel gets the daily digest."""

    fields: dict[str, Any]

    class Meta:
        model = Digest
        fields = ("channel", "hour", "zone")

    def __init__(self, *args: Any, tenants: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].queryset = Channel.objects.among(tenants)
        self.fields["channel"].empty_label = None


FORMS = {"subscription": SubscriptionForm, "digest": DigestForm}


def administers(person: Any) -> bool:
    """Whether the person keeps the notifications of any tenant."""
    return tenants_with(person, Right.ADMINISTER).exists()


def notifications(request: PageRequest) -> HttpResponse:
    """All of it; POST adds (`do` subscription, digest) or removes (`do` remove_...) one."""
    tenants = administered(request.user)
    do = request.POST.get("do", "")
    if request.method != "POST":
        return _show(request, tenants)
    if do.startswith("remove_"):
        _remove(request, tenants, do.removeprefix("remove_"))
        return redirect("notifications")
    if do not in FORMS:
        raise Http404
    form = FORMS[do](request.POST, tenants=tenants)
    if not form.is_valid():
        return _show(request, tenants, {do: form}, 422)
    form.instance.tenant = form.cleaned_data["channel"].tenant
    keep(request, form.instance)
    messages.success(request, _("Saved."))
    return redirect("notifications")


def _show(
    request: PageRequest, tenants: Any, entered: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    sent, asked = Delivery.objects.among(tenants).select_related("channel", "tenant"), request.GET
    if asked.get("state") in Delivery.State.values:
        sent = sent.filter(state=asked["state"])
    if number := number_in(asked.get("channel", "")):
        sent = sent.filter(channel=number)
    context: dict[str, Any] = {
        "section": "notifications",
        "page": page_of(request, sent, SHOWN),
        "channels": Channel.objects.among(tenants).select_related("tenant"),
        "states": Delivery.State.choices,
        "asked": asked,
        "narrowed": any(asked.get(name) for name in ("state", "channel")),
        "now": timezone.now(),
    }
    if request.htmx:
        return render(request, "notifications/deliveries.html", context)
    context |= {
        "subscriptions": Subscription.objects.among(tenants).select_related(
            "channel", "cluster__replica", "tenant"
        ),
        "digests": Digest.objects.among(tenants).select_related("channel"),
        "ways": WayName.choices,
        "forms": {name: (entered or {}).get(name) or form(tenants=tenants) for name, form in FORMS.items()},
        "entered": entered,
    }
    return render(request, "notifications/notifications.html", context, status=status)


def _remove(request: PageRequest, tenants: Any, what: str) -> None:
    number = request.POST.get("number", "")
    model: Any = {"subscription": Subscription, "digest": Digest}.get(what)
    if model is None:
        raise Http404
    remove(request, get_object_or_404(model.objects.among(tenants), pk=number_in(number)))
    messages.success(request, _("Removed."))


@sensitive_post_parameters(*SECRETS)
def new_channel(request: PageRequest, way: str) -> HttpResponse:
    """A new channel of that way."""
    tenants = administered(request.user)
    if way not in WayName.values:
        raise Http404
    first = Channel(way=way, language=get_language() or "en", tenant=tenants.first())
    return _edit(request, first, tenants)


@sensitive_post_parameters(*SECRETS)
def channel(request: PageRequest, number: int) -> HttpResponse:
    """One channel; POST saves it, removes it (`do` remove), or sends a test (`do` test)."""
    tenants = administered(request.user)
    one = get_object_or_404(Channel.objects.among(tenants), pk=number)
    if request.POST.get("do") == "test":
        send_test(request, one)
        messages.success(request, _("A test is on its way. Below stands what becomes of it."))
        return redirect("notifications")
    if request.POST.get("do") == "remove":
        remove(request, one)
        messages.success(request, _("Removed."))
        return redirect("notifications")
    return _edit(request, one, tenants)


def _edit(request: PageRequest, one: Channel, tenants: Any) -> HttpResponse:
    form = ChannelForm(request.POST or None, instance=one, tenants=tenants)
    if request.method == "POST" and form.is_valid():
        keep(request, form.instance)
        messages.success(request, _("Saved."))
        key = getattr(form, "kept", {}).get("signing_key")
        if key and not form.cleaned_data.get("signing_key"):
            messages.warning(request, _("Signing key, shown this once: %(key)s") % {"key": key})
        return redirect("notifications")
    context = {"section": "notifications", "form": form, "channel": one}
    return render(request, "notifications/channel.html", context, status=422 if form.errors else 200)
