"""How a change is tried on some machines first, as a form."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class CanaryForm(forms.Form):
    """The numbers of `Canary`; which machines is asked beside it."""

    per_group = forms.IntegerField(
        label=_("Machines of each group"),
        min_value=1,
        max_value=100,
        help_text=_("Where no machine is named, so many of each group that the change reaches."),
    )
    minutes = forms.IntegerField(
        label=_("Minutes to watch"),
        min_value=0,
        max_value=1440,
        help_text=_("From the moment at which all of them enforce it."),
    )
    enforce_within = forms.IntegerField(
        label=_("Seconds to enforce it"),
        min_value=10,
        max_value=3600,
        help_text=_("A machine that takes longer stops it."),
    )
    queue_growth = forms.IntegerField(
        label=_("Queue growth"),
        min_value=1,
        max_value=1_000_000,
        help_text=_("So many messages more than before stop it."),
    )
    deferred_share = forms.IntegerField(
        label=_("Deferred percent"),
        min_value=1,
        max_value=100,
        help_text=_("A larger share of its queue that is deferred stops it."),
    )
    bounced_share = forms.IntegerField(
        label=_("Bounced percent"),
        min_value=1,
        max_value=100,
        help_text=_("A larger share of recipients that bounce since then stops it."),
    )
    rejected_rise = forms.IntegerField(
        label=_("Rise of rejected mail"),
        min_value=1,
        max_value=100,
        help_text=_("So many percent points more than before stop it."),
    )
