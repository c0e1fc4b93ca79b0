"""The bell and the banner of every page, and how alerts look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import template
from django.utils.translation import ngettext

from portal.alerts.incidents import Alert
from portal.alerts.kinds import Severity
from portal.alerts.looking import open_of

register = template.Library()

TONES = {
    Severity.CRITICAL: ("bad", "cross"),
    Severity.WARNING: ("warn", "warn"),
    Severity.NOTICE: ("calm", "info"),
}


@register.inclusion_tag("alerts/bell.html", takes_context=True)
def bell(context: dict[str, Any]) -> dict[str, Any]:
    """The bell with its count."""
    return {"open": open_of(context["request"]), "section": context.get("section", "")}


@register.inclusion_tag("alerts/banner.html", takes_context=True)
def banner(context: dict[str, Any]) -> dict[str, Any]:
    """The banner while the portal itself has no network; empty otherwise."""
    user = getattr(context["request"], "user", None)
    return {"open": open_of(context["request"]) if user and user.is_authenticated else None}


@register.inclusion_tag("parts/state.html")
def severity_state(alert: Alert) -> dict[str, str]:
    """The severity of an incident that lasts, or that it is over."""
    tone, drawing = TONES[Severity(alert.severity)] if alert.lasts else ("calm", "check")
    return {"tone": tone, "icon": drawing, "label": str(Severity(alert.severity).label)}


@register.filter
def lasted(duration: timedelta) -> str:
    """A length of time in one word and a number."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 60:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    if seconds < 3600:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // 60) % {"n": seconds // 60}
    if seconds < 172_800:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)d day", "%(n)d days", seconds // 86_400) % {"n": seconds // 86_400}
