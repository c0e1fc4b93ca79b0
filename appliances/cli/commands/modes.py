"""`clustermode`: which level and member the session edits (CLI-02..CLI-06, CLI-10)."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import choose, confirm, say_json
from appliances.cli.errors import CommandError
from appliances.cli.registry import Command
from appliances.cli.session import Right, Session
from clusters.modes import CLUSTER, Level, Mode


def _clustermode(session: Session, words: list[str]) -> None:
    if session.state.standalone:
        raise CommandError(_("This machine is in no cluster."))
    if words:
        session.mode = session.named_mode(words)
    elif session.dialogue.interactive:
        _ask(session)
    if session.as_json:
        say_json(session.dialogue, {"mode": str(session.mode), "label": session.label(session.mode)})
    elif not session.dialogue.interactive and not words:
        session.dialogue.say(session.label(session.mode))


def _ask(session: Session) -> None:
    away = session.mode != CLUSTER
    if away and confirm(session.dialogue, _("Would you like to switch to cluster mode?"), default=True):
        session.mode = CLUSTER
        return
    question = _("Switch to which mode?")
    number = choose(session.dialogue, [_("Cluster"), _("Group"), _("Machine")], question=question)
    if number == 1:
        session.mode = CLUSTER
    elif number:
        _ask_member(session, (Level.GROUP, Level.MACHINE)[number - 2])


def _ask_member(session: Session, level: Level) -> None:
    state = session.state
    known = state.groups if level is Level.GROUP else state.machines
    modes = [Mode(level, ident) for ident in known]
    number = choose(session.dialogue, [state.mode_name(mode) for mode in modes])
    if number:
        session.mode = modes[number - 1]


COMMANDS = [
    Command(
        "clustermode",
        _clustermode,
        gettext_noop("switch the mode: cluster, a group or a machine"),
        "clustermode [cluster | group NAME | machine FQDN]",
        right=Right.GUEST,
        completions=("cluster", "group", "machine"),
    )
]
