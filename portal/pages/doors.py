"""Forms for reaching a machine's command line: where, whether it is the right one, and who logs in."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.utils.translation import gettext_lazy

from appliances.following import adopting
from appliances.links.client import Passphrase
from appliances.links.identity import InvalidKey, fingerprint
from portal.guided.running import Door


class PassphraseField(forms.CharField):
    """A passphrase that is used once; never given back to the browser, never stored, never logged."""

    def __init__(self, **kwargs: Any) -> None:
        told = {
            "strip": False,
            "max_length": 1024,
            "widget": forms.PasswordInput(attrs={"autocomplete": "off"}),
        }
        super().__init__(**{**told, **kwargs})


class WhereForm(forms.Form):
    """The SSH service of a machine that is in no cluster."""

    address = forms.CharField(
        label=gettext_lazy("Address of the machine"),
        max_length=255,
        help_text=gettext_lazy("Host name or IP address at which this portal reaches it."),
    )
    port = forms.IntegerField(
        label=gettext_lazy("SSH port"),
        min_value=1,
        max_value=65_535,
        initial=22,
        help_text=gettext_lazy("Of its SSH service, usually 22."),
    )

    def look(self) -> dict[str, Any]:
        """What was told, and the `host_key` that answers there; of a valid form. Raises LinkError."""
        told = self.cleaned_data
        seen = async_to_sync(adopting.look)(told["address"], told["port"])
        return {**told, "host_key": seen.host_key}


class LoginForm(WhereForm):
    """The same, the host key that was accepted, and an administrator of that machine."""

    host_key = forms.CharField(widget=forms.HiddenInput, max_length=4096)
    accepted = forms.BooleanField(label=gettext_lazy("I have compared the fingerprint; it is the same"))
    user = forms.CharField(
        label=gettext_lazy("Administrator of that machine"), max_length=64, initial="admin"
    )
    passphrase = PassphraseField(
        label=gettext_lazy("Passphrase on that machine"),
        help_text=gettext_lazy("Used once over the encrypted link. Never stored, never logged."),
    )

    def door(self) -> Door:
        """The machine as it was accepted, with who logs in; of a valid form."""
        told = self.cleaned_data
        return Door(
            told["address"], told["port"], told["host_key"], Passphrase(told["user"], told["passphrase"])
        )

    @property
    def seen(self) -> str:
        """The fingerprint of the host key that the form carries."""
        try:
            return fingerprint(str(self["host_key"].value() or ""))
        except InvalidKey:
            return ""

    def carried(self) -> list[tuple[str, Any]]:
        """What goes on to the next step unseen: everything but passphrases."""
        found: list[tuple[str, Any]] = []
        for name, field in self.fields.items():
            value = self.cleaned_data.get(name)
            if isinstance(field, forms.MultipleChoiceField):
                found += [(name, each) for each in value or ()]
            elif not isinstance(field, PassphraseField):
                found.append((name, value))
        return found
