"""Whom a change reaches at once, and who gets it later: what is said after each commit (UPG-06)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from appliances.cli.session import Session


def is_apart(session: Session) -> bool:
    """Whether this machine is disconnected on purpose, so that no other one hears of what is done here."""
    own = session.state.machines.get(session.host.serial)
    return own is not None and own.disconnected


def when_others_follow(session: Session) -> str:
    """Who gets a change later and when, in a sentence; empty where everybody gets it now."""
    if is_apart(session):
        return _("The others get it when this machine is reconnected.")
    # Nobody here reaches them: neither over a link nor by way of others.
    machines = [link for link in session.host.links() if link.kind == "machine"]
    gone = [link.name for link in machines if link.state != "connected" and not link.via]
    return (
        _("Away now; they follow when they are back: {names}").format(names=", ".join(gone)) if gone else ""
    )
