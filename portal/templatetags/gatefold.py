"""What templates of every page need: icons, fingerprints, ages, levels, words of the catalogue."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext

from appliances.following.freshness import Enforcement
from appliances.models import Connection
from clusters.differences import PathChange, differences
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Mode, group, machine
from clusters.naming import entry_label, level_word, mode_label, mode_labels, moment
from clusters.sealing import secrets_of
from clusters.side_by_side import ABSENT, Row
from clusters.versions import settings_at
from portal.login.devices import device
from portal.place import Place
from portal.proposals.proposal import waiting_in

register = template.Library()

BAR = 4
TALL = 16
LONGEST = 160
NAMED_MODES = 3


@register.inclusion_tag("cluster/menu_link.html", takes_context=True)
def menu_link(context: Any, name: str, drawing: str, text: str, count: int = 0) -> dict[str, Any]:
    """A line of a cluster's menu: the page of that name, and how much waits there."""
    here = {"place": context["place"], "section": context.get("section", "")}
    return {"name": name, "drawing": drawing, "text": text, "count": count, **here}


@register.simple_tag
def waiting_proposals(place: Place) -> int:
    """How many proposals of the cluster wait for the person."""
    return waiting_in(place.cluster, place.person, place.role).count()


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A drawing of `icons.svg`; hidden from screen readers, so a word must stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("gatefold/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def to_page(context: Any, number: int, name: str) -> str:
    """The address of another page of a list, `page` where the list has no `name`; all else stays."""
    asked = context["request"].GET.copy()
    asked[name or "page"] = str(number)
    return f"?{asked.urlencode()}"


@register.simple_tag(takes_context=True)
def asking_all_but(context: Any, *names: str) -> str:
    """The address of the page without what is asked for in these names."""
    asked = context["request"].GET.copy()
    for name in names:
        asked.pop(name, None)
    return f"?{asked.urlencode()}"


@register.simple_tag(takes_context=True)
def keep_all_but(context: Any, *names: str) -> SafeString:
    """What else the address asks for, as hidden fields of a form that asks for these names."""
    asked = context["request"].GET.lists()
    kept = ((name, value) for name, values in asked if name not in names for value in values)
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', kept)


@register.simple_tag
def fingerprint(text: str, wanted: str = "", told: bool = True) -> SafeString:
    """A fingerprint as bars and text: equal settings look equal; what is old agrees with nothing."""
    if not text:
        return format_html('<span class="print none">{}</span>', gettext("none reported"))
    kind = "" if not (wanted and told) else ("same" if text == wanted else "other")
    return format_html('<span class="print {}">{}<span>{}</span></span>', kind, _bars(text), text)


@lru_cache(4096)
def _bars(text: str) -> SafeString:
    # Most machines of a cluster run the same settings: a page of a thousand shows few fingerprints.
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="3" height="{}"></rect>',
        (
            (i * BAR, TALL - int(c, 16) - 1, int(c, 16) + 1)
            for i, c in enumerate(text)
            if c in "0123456789abcdef"
        ),
    )
    return format_html('<svg viewBox="0 0 48 16" aria-hidden="true">{}</svg>', bars)


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """An age that keeps counting in the browser; the exact time is in its title."""
    if not moment:
        return gettext("never")
    passed = timesince(moment, timezone.now(), depth=1)
    return _time("age", moment, gettext("%(time)s ago") % {"time": passed})


@register.filter
def until(moment: datetime | None) -> SafeString | str:
    """The time to a moment to come, which keeps counting in the browser; the exact time is in its title."""
    if not moment:
        return ""
    left = timeuntil(moment, timezone.now(), depth=1)
    return _time("until", moment, gettext("in %(time)s") % {"time": left})


def _time(kind: str, moment: datetime, text: str) -> SafeString:
    exact = timezone.localtime(moment)
    return format_html(
        '<time class="{}" datetime="{}" title="{}">{}</time>',
        kind,
        exact.isoformat(),
        f"{exact:%Y-%m-%d %H:%M:%S %Z}",
        text,
    )


@register.filter
def in_its_zone(moment: datetime | None) -> str:
    """A time as the clocks of its own time zone show it, with the zone's name."""
    if not moment:
        return ""
    return f"{date_format(moment.replace(tzinfo=None), 'D Y-m-d H:i')} {moment.tzinfo}"


@register.filter
def of_commit(marks: Any, commit: Any) -> Any:
    """What is kept under a commit's id; None where nothing is."""
    return marks.get(str(commit.id)) if marks else None


@register.filter
def translated(message: str) -> str:
    """A message id of the catalogue in the reader's language."""
    return gettext(message) if message else ""


@register.simple_tag
def mode_name(state: Any, mode: Mode) -> str:
    """`Group Paris`."""
    return mode_label(state, mode)


@register.filter
def level_name(mode: Mode) -> str:
    """The word of the mode's level."""
    return level_word(mode.level)


@register.inclusion_tag("parts/level.html")
def level(state: Any, mode: Mode | None, href: str = "") -> dict[str, Any]:
    """A mode, or the factory default for None, in the colour of its level."""
    if mode is None:
        return {"kind": "factory", "label": gettext("Factory default"), "href": ""}
    return {"kind": str(mode.level), "label": mode_label(state, mode), "href": href}


def feature_path(slug: str, mode: Mode, feature: Any) -> str:
    """The address of a feature's page in a mode (GUI-02)."""
    return reverse("feature", args=[slug, mode, *feature.page.split("/")])


def _at(context: Any) -> str:
    """Keeps to the moment that is shown."""
    place = context.get("place")
    return f"?at={quote(place.at_text)}" if place is not None and place.at else ""


@register.simple_tag(takes_context=True)
def feature_url(context: Any, slug: str, mode: Mode, feature: Any) -> str:
    """The address of a feature's page in a mode, at the moment that is shown."""
    return feature_path(slug, mode, feature) + _at(context)


@register.simple_tag(takes_context=True)
def mode_url(context: Any, slug: str, mode: Mode) -> str:
    """The address of a mode's page, at the moment that is shown."""
    return reverse("mode", args=[slug, mode]) + _at(context)


@register.simple_tag
def mode_page(slug: str, mode: Mode, name: str) -> str:
    """The page of a feature, by its name, in a mode; the mode's page where there is none."""
    page = feature_page(name)
    return (
        reverse("feature", args=[slug, mode, *page.split("/")])
        if page
        else reverse("mode", args=[slug, mode])
    )


@register.filter
def machine_mode(found: Any) -> Mode:
    """The mode of a machine: of a member, or of a row about one."""
    return machine(found.serial)


@register.filter
def mode_text(mode: Mode, state: Any) -> str:
    """`Group Paris`, within a sentence."""
    return mode_label(state, mode)


@register.filter
def mode_texts(modes: Any, state: Any) -> str:
    """The labels of some modes, the first few of them."""
    return mode_labels(state, modes[:NAMED_MODES]) + ("…" if len(modes) > NAMED_MODES else "")


CONNECTIONS = {
    Connection.CONNECTED: ("ok", "check"),
    Connection.SUSPECT: ("warn", "question"),
    Connection.DOWN: ("bad", "cross"),
    Connection.DISCONNECTED: ("calm", "pause"),
    Connection.REMOVED: ("calm", "trash"),
    Connection.UNKNOWN: ("calm", "question"),
}
ENFORCEMENTS = {
    Enforcement.ENFORCED: ("ok", "check"),
    Enforcement.LAST_HEARD: ("calm", "question"),
    Enforcement.APPLYING: ("warn", "wait"),
    Enforcement.LATE: ("warn", "warn"),
    Enforcement.FAILED: ("bad", "cross"),
    Enforcement.UNKNOWN: ("calm", "question"),
}


@register.filter
def enforcement_word(kind: Enforcement) -> str:
    """An enforcement state in words."""
    words = {
        Enforcement.ENFORCED: gettext("enforced"),
        Enforcement.LAST_HEARD: gettext("enforced, as last heard"),
        Enforcement.APPLYING: gettext("being applied"),
        Enforcement.LATE: gettext("not enforced yet"),
        Enforcement.FAILED: gettext("refused"),
        Enforcement.UNKNOWN: gettext("not reported"),
    }
    return words[kind]


@register.inclusion_tag("parts/state.html")
def connection_state(kind: Connection) -> dict[str, str]:
    """A connection state: colour, shape and word."""
    tone, drawing = CONNECTIONS[kind]
    return {"tone": tone, "icon": drawing, "label": str(kind.label)}


@register.inclusion_tag("parts/state.html")
def enforcement_state(kind: Enforcement) -> dict[str, str]:
    """An enforcement state: colour, shape and word."""
    tone, drawing = ENFORCEMENTS[kind]
    return {"tone": tone, "icon": drawing, "label": enforcement_word(kind)}


@register.filter
def made(by: Any) -> datetime:
    """When a commit or version was made."""
    return moment(by.time)


@register.filter
def shown(value: Any) -> str:
    """A value of a document in one short line."""
    if value is None:
        return "–"
    if value == "":
        return gettext("empty")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@register.filter
def shown_or_absent(value: Any) -> str:
    """A value of `side_by_side` in one short line."""
    return gettext("not there") if value is ABSENT else shown(value)


@register.filter
def cells(row: Row) -> list[tuple[Any, str]]:
    """The values of a row, each with how it stands to the first."""
    return list(zip(row.values, row.kinds, strict=True))


@register.filter
def entry_name(address: Any, state: Any) -> str:
    """How people call an entry."""
    return entry_label(state, address)


@register.filter
def feature_title(name: str) -> str:
    """The title of a feature in the reader's language; its name where this release does not know it."""
    known = catalogue()
    return gettext(known[name].title) if name in known else name


@register.filter
def feature_page(name: str) -> str:
    """The last part of a feature's address, to be put behind a mode's."""
    known = catalogue()
    return str(getattr(known[name], "page", "")) if name in known else ""


@register.filter
def value_paths(found: Any) -> list[PathChange]:
    """What changes between two effective values, secrets hidden."""
    return differences(found.before.value, found.after.value, secrets_of(settings_at(CLUSTER, found.feature)))


@register.filter
def group_mode(found: Any) -> Mode:
    """The mode of a group."""
    return group(found.id)


@register.filter
def styled(field: Any) -> SafeString:
    """A form's field in the look of the product."""
    attributes = {"class": "input", "aria-invalid": "true"} if field.errors else {"class": "input"}
    return field.as_widget(attrs=attributes)


@register.simple_tag
def plain_name(state: Any, mode: Mode) -> str:
    """The mode's name without the word of its level."""
    return str(state.mode_name(mode))


@register.filter
def of(short: dict[str, str], name: str) -> str:
    """The short name, where there is one."""
    return short.get(name, name)


@register.filter
def browser(agent: str) -> str:
    """The browser and system of a user agent, as far as it tells them plainly."""
    return device(agent)


@register.filter
def lines_in(text: str) -> int:
    """How many lines of a text say something."""
    return sum(1 for line in text.splitlines() if line.strip())
