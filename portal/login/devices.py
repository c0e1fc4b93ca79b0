"""What a user agent tells of itself."""

from __future__ import annotations

from django.utils.translation import gettext as _


def device(agent: str) -> str:
    """The browser and system of a user agent, as far as it tells them plainly."""
    products = ("Edg", "OPR", "Firefox", "Chrome", "Safari")
    systems = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")
    names = {"Edg": "Edge", "OPR": "Opera", "Mac OS X": "macOS"}
    found = [next((one for one in known if one in agent), "") for known in (products, systems)]
    return " · ".join(names.get(one, one) for one in found if one) or _("unknown")
