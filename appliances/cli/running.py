"""Runs what a person typed: finds the command, sees that it may run here, and turns faults into one line."""

from __future__ import annotations

import logging

from django.db import DatabaseError, close_old_connections
from django.utils.translation import gettext as _

from appliances.cli import registry
from appliances.cli.dialogue import JsonAnswers, choose, confirm
from appliances.cli.errors import CommandError, ConflictError, Leave, UsageError
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.cli.splitting import split
from appliances.cli.suggesting import suggestion
from appliances.links.errors import LinkError
from appliances.releases.artifact import ReleaseError
from clusters.modes import CLUSTER, Level, machine
from clusters.refusals import REFUSALS
from clusters.replication import StaleDraft

logger = logging.getLogger(__name__)

HELP = "--help"
RIGHT_WORDS = {
    Right.READ: "readonly, operator or administrator",
    Right.EDIT: "operator or administrator",
    Right.ADMINISTER: "administrator",
}


def run_text(session: Session, text: str) -> int:
    """Runs the commands of a text up to the first that fails; returns the exit code of the last one run.

    0 done, 1 refused or failed, 2 not understood, 3 conflict. Raises Leave.
    """
    try:
        commands = split(text)
    except UsageError as error:
        session.dialogue.warn(str(error))
        return error.code
    for words in commands:
        if code := run_words(session, words):
            return code
    return 0


def run_words(session: Session, words: list[str]) -> int:
    """Runs one command; returns its exit code, and says in one line why it is not 0. Raises Leave."""
    session.as_json = "--json" in words[1:]
    session.dialogue.begin(paged=session.paging and "--no-pager" not in words[1:])
    try:
        session.settle()
        command = _found(words[0])
        if HELP in words[1:]:
            session.dialogue.say(command.help)
            return 0
        words = command.in_order(words)
        _require_right(session, command)
        if not _placed(session, command):
            return 0
        if command.remote and session.mode != session.own_mode and not session.state.standalone:
            return _run_there(session, command, words)
        return _run_here(session, command, words)
    except CommandError as error:
        return _refused(session, str(error), error.code)
    except StaleDraft as error:
        return _refused(session, str(error), ConflictError.code)
    except (*REFUSALS, LinkError, ReleaseError) as error:
        return _refused(session, str(error), CommandError.code)
    except (DatabaseError, OSError) as error:
        logger.warning("%s failed: %s", words[0], error)
        return _refused(session, _("Could not be stored: {error}.").format(error=error), CommandError.code)
    except Leave:
        raise
    except Exception as error:
        # A mistake of ours must not throw the person out; the log has all of it.
        logger.exception("%s failed", words[0])
        text = _("Internal error: {error}. The log of this machine has more.")
        return _refused(session, text.format(error=error), CommandError.code)
    finally:
        close_old_connections()


def _run_here(session: Session, command: Command, words: list[str]) -> int:
    rest = [word for word in words[1:] if word not in ("--json", "--no-pager")]
    if rest and not command.takes_words:
        raise UsageError(_not_taken(command, rest[0]))
    if rest and command.completions and rest[0].casefold() not in command.completions:
        return _run_mistyped(session, command, rest)
    return _run_and_answer(session, command, rest)


def _run_mistyped(session: Session, command: Command, rest: list[str]) -> int:
    """Runs what has no operation where one may stand; where that is a mistake, what was meant is said."""
    try:
        return _run_and_answer(session, command, rest)
    except UsageError as error:
        meant = suggestion(rest[0], command.completions)
        raise UsageError(str(error) if meant in str(error) else f"{error}{meant}") from None


def _run_and_answer(session: Session, command: Command, rest: list[str]) -> int:
    if not session.as_json:
        command.run(session, rest)
        return 0
    spoken = session.dialogue
    session.dialogue = answers = JsonAnswers(spoken)
    try:
        command.run(session, rest)
    finally:
        session.dialogue = spoken
    answers.end()
    return 0


def _not_taken(command: Command, word: str) -> str:
    if word in ("|", ">", ">>", "<"):
        text = _("There is no shell here, hence no {word}: put it behind the ssh command on your side.")
        return text.format(word=word)
    return _("{name} takes no words; it does not know {word!r}.").format(name=command.name, word=word[:60])


def _run_there(session: Session, command: Command, words: list[str]) -> int:
    """Runs the command on the machine of the present mode; raises LinkError."""
    try:
        pieces = session.host.run_on(session.mode.id, words, session.user, session.role)
    except LinkError as error:
        if not command.last_known:
            raise
        session.dialogue.warn(str(error))
        return _run_here(session, command, words)
    code = 0
    for piece in pieces:
        for line in piece["said"]:
            session.dialogue.say(line)
        for line in piece["warned"]:
            session.dialogue.warn(line)
        code = int(piece["code"])
    return code


def _refused(session: Session, text: str, code: int) -> int:
    for line in text.splitlines() or [""]:
        session.dialogue.warn(line)
    return code


def _found(word: str) -> Command:
    command = registry.find(word)
    if command is not None:
        return command
    text = _("Unknown command {word!r}; `help` lists all.").format(word=word[:60])
    raise UsageError(text + suggestion(word, registry.words()))


def _require_right(session: Session, command: Command) -> None:
    if session.right < command.right:
        raise CommandError(
            _("{command} needs the role {role}; you are {own}.").format(
                command=command.name, role=RIGHT_WORDS[command.right], own=session.role
            )
        )


def _placed(session: Session, command: Command) -> bool:
    """Brings the session to a mode in which the command may run (RES-01..RES-03), if the person agrees.

    Who cannot be asked agrees, and is told of the switch.
    """
    if session.state.standalone or command.place is Place.ANYWHERE:
        return True
    level = session.mode.level
    if command.place is Place.CLUSTER and level is not Level.CLUSTER:
        return _switch_to_cluster(session, command)
    if command.place is Place.MACHINE and level is not Level.MACHINE:
        return _switch_to_machine(session, command)
    if command.place is Place.LOGIN_HOST and session.mode != session.own_mode:
        return _switch_to_login_host(session, command)
    return True


def _switch_to_cluster(session: Session, command: Command) -> bool:
    # A guest's `passwd` acts on the cluster without a word, and the mode stays (RES-04).
    if command.name == "passwd" and session.right is Right.GUEST:
        return True
    session.dialogue.warn(_("{name} is restricted to cluster mode.").format(name=command.name))
    if not confirm(session.dialogue, _("Switch to cluster mode?"), default=True):
        return False
    session.mode = CLUSTER
    return True


def _switch_to_machine(session: Session, command: Command) -> bool:
    dialogue = session.dialogue
    dialogue.warn(_("{name} is restricted to machine mode.").format(name=command.name))
    if not confirm(dialogue, _("Switch to machine mode?"), default=True):
        return False
    others = [serial for serial in session.state.machines if serial != session.host.serial]
    serials = [session.host.serial, *others]
    if dialogue.interactive and others:
        number = choose(dialogue, [session.label(machine(s)) for s in serials], question=_("Which machine?"))
        session.mode = machine(serials[number - 1])
    else:
        session.mode = session.own_mode
    return True


def _switch_to_login_host(session: Session, command: Command) -> bool:
    own = session.label(session.own_mode)
    session.dialogue.warn(_("{name} runs only on the login host, {own}.").format(name=command.name, own=own))
    if not confirm(session.dialogue, _("Switch to its mode?"), default=True):
        return False
    session.mode = session.own_mode
    return True
