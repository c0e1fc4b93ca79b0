"""Who and where am I, and the way out."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli import registry
from appliances.cli.dialogue import confirm, say_json
from appliances.cli.errors import Leave, UsageError
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.cli.suggesting import suggestion
from clusters import drafts


def _help(session: Session, words: list[str]) -> None:
    if words:
        command = registry.find(words[0])
        if command is None:
            text = _("Unknown command {word!r}; `help` lists all.").format(word=words[0][:60])
            raise UsageError(text + suggestion(words[0], registry.words()))
        session.dialogue.say(command.help)
        return
    for command in registry.commands().values():
        if session.right >= command.right:
            session.dialogue.say(f"{command.name:<18} {_(command.summary)}")


def _exit(session: Session, words: list[str]) -> None:
    waiting = len(drafts.pending(session.replica_id, session.user))
    if waiting and session.dialogue.interactive:
        session.dialogue.warn(
            _("You have {count} pending change(s); they stay until you commit or clear them.").format(
                count=waiting
            )
        )
        if not confirm(session.dialogue, _("Leave without committing?"), default=True):
            return
    raise Leave


def _paging(session: Session, words: list[str]) -> None:
    if words not in (["on"], ["off"], []):
        raise UsageError(_("paging takes `on` or `off`."))
    if words:
        session.paging = words == ["on"]
    session.dialogue.say(_("Paging is on.") if session.paging else _("Paging is off."))


def _whoami(session: Session, words: list[str]) -> None:
    value = {"user": session.user, "role": session.role, "mode": str(session.mode), "host": session.host.name}
    if session.as_json:
        say_json(session.dialogue, value)
        return
    where = session.label(session.mode)
    told = {"user": session.user, "role": session.role, "host": session.host.name, "mode": where}
    session.dialogue.say(_("{user} ({role}) on {host}, {mode}").format(**told))


def _version(session: Session, words: list[str]) -> None:
    value = {"release": session.host.release, "name": session.host.name, "serial": session.host.serial}
    if session.as_json:
        say_json(session.dialogue, value)
    else:
        session.dialogue.say(f"Gatefold {value['release']}\n{value['name']} (Serial #: {value['serial']})")


COMMANDS = [
    Command(
        "help",
        _help,
        gettext_noop("list the commands, or explain one"),
        "help [COMMAND]",
        most=1,
        right=Right.GUEST,
    ),
    Command(
        "exit",
        _exit,
        gettext_noop("leave; pending changes stay"),
        right=Right.GUEST,
        aliases=("quit", "logout"),
    ),
    Command(
        "paging",
        _paging,
        gettext_noop("stop long answers at each page; --no-pager on a command turns it off once"),
        "paging [on | off]",
        right=Right.GUEST,
        completions=("on", "off"),
    ),
    Command(
        "whoami",
        _whoami,
        gettext_noop("user, role, host and mode"),
        "whoami [--json]",
        right=Right.GUEST,
    ),
    Command(
        "version",
        _version,
        gettext_noop("release, name and serial number"),
        "version [--json]",
        Place.MACHINE,
        Right.GUEST,
        remote=True,
    ),
]
