"""How entries and moments are called in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from clusters.modes import Level, Mode
from clusters.state import ClusterState, UnknownMode
from clusters.versions import Address, Authorship, Kind, Timestamp


def level_word(level: Level) -> str:
    """The level as a word before a name."""
    words = {Level.CLUSTER: _("Cluster"), Level.GROUP: _("Group"), Level.MACHINE: _("Machine")}
    return words[level]


def mode_label(state: ClusterState, mode: Mode) -> str:
    """`Group Paris`; the id stands for a mode that the cluster does not have (any more)."""
    try:
        name = state.mode_name(mode)
    except UnknownMode:
        name = mode.id
    return f"{level_word(mode.level)} {name}".rstrip()


def mode_labels(state: ClusterState, modes: Iterable[Mode]) -> str:
    """The labels of several modes, for the middle of a sentence."""
    return ", ".join(mode_label(state, mode) for mode in modes)


def entry_label(state: ClusterState, address: Address) -> str:
    """`smtproutes (Group Paris)`, `Machine mx1.example.com`, `Pending join 0A12`."""
    if address.mode is not None:
        return f"{address.name} ({mode_label(state, address.mode)})"
    if address.kind is Kind.CLUSTER:
        return mode_label(state, Mode(Level.CLUSTER))
    if address.kind in (Kind.GROUP, Kind.MACHINE):
        return mode_label(state, Mode(Level(address.kind), address.name))
    word = _("Portal") if address.kind is Kind.PORTAL else _("Pending join")
    return f"{word} {address.name}"


def moment(time: Timestamp) -> datetime:
    """The time of a commit, aware, in UTC."""
    return datetime.fromtimestamp(time.wall / 1000, UTC)


def authorship_label(by: Authorship) -> str:
    """`alice on mx1.example.com at 2031-02-03 04:05:06 UTC: new route`."""
    text = _("%(user)s on %(host)s at %(time)s UTC") % {
        "user": by.user,
        "host": by.host,
        "time": f"{moment(by.time):%Y-%m-%d %H:%M:%S}",
    }
    return f"{text}: {by.comment}" if by.comment else text
