"""How entries and moments are called in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from clusters.modes import Level, Mode
from clusters.phrases import Phrase, Text, joined
from clusters.phrases import phrase as _
from clusters.state import ClusterState, UnknownMode
from clusters.versions import Address, Authorship, Kind, Timestamp

SHOWN = 5
"""Names in the middle of a sentence before the rest is a number: a line of twenty names is read by nobody."""

LEVELS = {Level.CLUSTER: _("Cluster"), Level.GROUP: _("Group"), Level.MACHINE: _("Machine")}


def level_word(level: Level) -> str:
    """The level as a word before a name."""
    return str(LEVELS[level])


def mode_label(state: ClusterState, mode: Mode) -> str:
    """`Group Paris`; of a machine that is gone the serial number stands there (TRL-27)."""
    return str(mode_phrase(state, mode))


def mode_phrase(state: ClusterState, mode: Mode) -> Text:
    """The same, to be kept."""
    try:
        name = state.mode_name(mode)
    except UnknownMode:
        if mode.level is Level.GROUP:
            return _("a group that is gone")
        name = mode.id
    return joined(" ", LEVELS[mode.level], name)


def some(names: Iterable[str]) -> str:
    """Names for the middle of a sentence; of many the first ones, and how many more there are."""
    found = list(names)
    if len(found) <= SHOWN + 1:
        return ", ".join(found)
    told = {"names": ", ".join(found[:SHOWN]), "count": len(found) - SHOWN}
    return str(_("%(names)s and %(count)d more") % told)


def mode_labels(state: ClusterState, modes: Iterable[Mode]) -> str:
    """The labels of several modes, for the middle of a sentence."""
    return ", ".join(mode_label(state, mode) for mode in modes)


def entry_label(state: ClusterState, address: Address) -> str:
    """`smtproutes (Group Paris)`, `Machine mx1.example.com`, `Pending join 0A12`."""
    return str(entry_phrase(state, address))


def entry_phrase(state: ClusterState, address: Address) -> Text:
    """The same, to be kept."""
    if address.mode is not None:
        return Phrase("%(name)s (%(mode)s)") % {
            "name": address.name,
            "mode": mode_phrase(state, address.mode),
        }
    if address.kind is Kind.CLUSTER:
        return mode_phrase(state, Mode(Level.CLUSTER))
    if address.kind in (Kind.GROUP, Kind.MACHINE):
        return mode_phrase(state, Mode(Level(address.kind), address.name))
    word = _("Portal") if address.kind is Kind.PORTAL else _("Pending join")
    return joined(" ", word, address.name)


def moment(time: Timestamp) -> datetime:
    """The time of a commit, aware, in UTC."""
    return datetime.fromtimestamp(time.wall / 1000, UTC)


def authorship_label(by: Authorship) -> str:
    """`alice on mx1.example.com at 2031-02-03 04:05:06 UTC: new route`."""
    return str(authorship_phrase(by))


def authorship_phrase(by: Authorship) -> Text:
    """The same, to be kept."""
    text = _("%(user)s on %(host)s at %(time)s UTC") % {
        "user": by.user,
        "host": by.host,
        "time": f"{moment(by.time):%Y-%m-%d %H:%M:%S}",
    }
    return joined(": ", text, by.comment)


def overtaken_phrase(state: ClusterState, found: Iterable[tuple[Address, Authorship]]) -> Text:
    """Who has changed which entries: `smtproutes (Cluster): alice on mx1.example.com at …; …`; CMT-05."""
    return joined(
        "; ", *(joined(": ", entry_phrase(state, entry), authorship_phrase(by)) for entry, by in found)
    )
