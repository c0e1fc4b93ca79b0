"""What templates need where machines, links, the matrix and search results are shown."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from appliances.models import Connection
from clusters.matrix import OWN, Cell, Kind
from clusters.modes import Mode, group
from clusters.naming import mode_label
from portal.templatetags.gatefold import CONNECTIONS, feature_path, icon, translated

register = template.Library()


@register.filter
def own_group(member: Any) -> Mode:
    """The mode of the group in which a machine is."""
    return group(member.group)


@register.filter
def as_connection(state: str) -> Connection:
    """A state of a link as a machine reported it; what this release does not know is unknown."""
    return Connection(state) if state in Connection.values else Connection.UNKNOWN


@register.filter
def outcome(name: str) -> str:
    """What became of mail, as a word."""
    words = {
        "accepted": gettext("accepted"),
        "rejected": gettext("rejected"),
        "delivered": gettext("delivered"),
        "deferred": gettext("deferred"),
        "bounced": gettext("bounced"),
        "expired": gettext("expired"),
        "queue": gettext("in queue"),
    }
    return words[name]


@register.simple_tag(takes_context=True)
def matrix_cell(context: Any, cell: Cell, feature: Any) -> SafeString:
    """A cell of the matrix as a link: its look says at one glance what its title says in words."""
    words = _cell_words(cell)
    if cell.kind is Kind.IMPOSSIBLE:
        return format_html('<span class="cell impossible"><span class="unseen">{}</span></span>', words)
    source = cell.mode if cell.kind in OWN else cell.origin
    look = "empty-own" if cell.kind is Kind.EMPTY else str(cell.kind)
    place = context["place"]
    return format_html(
        '<a class="cell {} {}{}" href="{}" title="{} · {}: {}"><span class="unseen">{}</span></a>',
        look,
        source.level if source else "factory",
        " is-pending" if cell.pending else "",
        feature_path(place.cluster.slug, cell.mode, feature),
        gettext(feature.title),
        mode_label(place.draft, cell.mode),
        words,
        words,
    )


def _cell_words(cell: Cell) -> str:
    words = {
        Kind.DEFINED: gettext("defined here"),
        Kind.EMPTY: gettext("defined, and empty"),
        Kind.SAME: gettext("the same as above"),
        Kind.IMPOSSIBLE: gettext("cannot be defined here"),
        Kind.INHERITED: gettext("inherited"),
    }
    pending = gettext("pending change")
    return f"{words[cell.kind]} ({pending})" if cell.pending else words[cell.kind]


@register.simple_tag
def sighting_words(one: Any) -> str:
    """What one end says of the other, in words."""
    said = gettext("%(observer)s sees %(peer)s: %(state)s") % {
        "observer": one.observer.name,
        "peer": one.peer.name,
        "state": one.state.label,
    }
    trip = "" if one.round_trip is None else f"{one.round_trip:.1f} ms"
    return ". ".join(filter(None, (said, trip, one.reason.rstrip("."), translated(one.remedy))))


@register.simple_tag
def sighting_cell(one: Any) -> SafeString:
    """The same as a sign in the colour of the state."""
    tone, drawing = CONNECTIONS[one.state]
    label = str(one.state.label)
    words = sighting_words(one)
    return format_html(
        '<span class="state {}" title="{}">{}<span class="unseen">{}</span></span>',
        tone,
        words,
        icon(drawing),
        words if one.trouble else label,
    )


@register.filter
def minus(value: float, less: float) -> float:
    """A difference, for places in a drawing."""
    return round(value - less, 1)


@register.filter
def marked(text: str, wanted: str) -> SafeString:
    """A text with what was searched for marked in it."""
    lower, sought = text.lower(), wanted.lower()
    if not sought or len(lower) != len(text):
        # Some letters change their length with their case; then places cannot be compared.
        return format_html("{}", text)
    pieces, place = [], 0
    while (found := lower.find(sought, place)) >= 0:
        pieces.append((text[place:found], text[found : found + len(sought)]))
        place = found + len(sought)
    return format_html("{}{}", format_html_join("", "{}<mark>{}</mark>", pieces), text[place:])
