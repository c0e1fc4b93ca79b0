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
from clusters import naming
from clusters.modes import CLUSTER, Level, Mode, machine
from clusters.refusals import refusals_and
from clusters.replication import StaleDraft
from clusters.system_words import reason

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
        mode = _mode_for(session, command)
        return 0 if mode is None else _run_in(session, command, words, mode)
    except CommandError as error:
        return _refused(session, str(error), error.code)
    except StaleDraft:
        text = _("Somebody else has changed this meanwhile; nothing was done. Look again.")
        return _refused(session, text, ConflictError.code)
    except refusals_and(LinkError, ReleaseError) as error:
        return _refused(session, str(error), CommandError.code)
    except (DatabaseError, OSError) as error:
        logger.warning("%s failed: %s", words[0], error)
        text = _("Not done: {reason}.").format(reason=_(reason(error)))
        return _refused(session, text, CommandError.code)
    except Leave:
        raise
    except Exception:
        # A mistake of ours must not throw the person out; the log has all of it.
        logger.exception("%s failed", words[0])
        text = _(
            "{name} failed by a fault of this program, not by what you typed. See with `showchanges` what is "
            "pending; the log of this machine has what a report needs."
        )
        return _refused(session, text.format(name=words[0]), CommandError.code)
    finally:
        close_old_connections()


def _run_in(session: Session, command: Command, words: list[str], mode: Mode) -> int:
    """Runs the command in that mode; a script is in its own again afterwards (RES-01..RES-03)."""
    before, session.mode = session.mode, mode
    try:
        if command.remote and mode != session.own_mode and not session.state.standalone:
            return _run_there(session, command, words)
        return _run_here(session, command, words)
    finally:
        # What was lent to this command alone; one that switches by itself, as `clustermode`, has its way.
        if not session.dialogue.interactive and session.mode == mode:
            session.mode = before


def _run_here(session: Session, command: Command, words: list[str]) -> int:
    rest = [word for word in words[1:] if word not in ("--json", "--no-pager")]
    if word := command.surplus(rest):
        raise UsageError(_not_taken(command, word))
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
    if session.as_json:
        _run_as_json(session, command, rest)
    else:
        command.run(session, rest)
    session.remember()
    return 0


def _run_as_json(session: Session, command: Command, rest: list[str]) -> None:
    spoken = session.dialogue
    session.dialogue = answers = JsonAnswers(spoken)
    try:
        command.run(session, rest)
    except CommandError:
        # Some say how things stand and fail for it, as `commit --wait` does: a script needs both.
        if answers.answer:
            answers.end()
        raise
    finally:
        session.dialogue = spoken
    answers.end()


def _not_taken(command: Command, word: str) -> str:
    if word in ("|", ">", ">>", "<"):
        text = _("There is no shell here, hence no {word}: put it behind the ssh command on your side.")
        return text.format(word=word)
    if command.takes_words:
        text = _("{name} does not know {word!r}; see `help {name}`.")
    else:
        text = _("{name} takes no words; it does not know {word!r}.")
    return text.format(name=command.name, word=word[:60])


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


def _mode_for(session: Session, command: Command) -> Mode | None:
    """The mode in which the command runs (RES-01..RES-04); None for a person who does not agree to switch.

    Who can be asked is, and stays there. A script is never switched: the command runs in its mode for itself
    alone. Raises CommandError for a script's command that another machine's mode does not take.
    """
    if session.state.standalone or _fits(session, command):
        return session.mode
    # A guest's `passwd` acts on the cluster without a word, and the mode stays (RES-04).
    if command.name == "passwd" and session.right is Right.GUEST:
        return session.mode
    return _asked_mode(session, command) if session.dialogue.interactive else _lent_mode(session, command)


def _fits(session: Session, command: Command) -> bool:
    return {
        Place.ANYWHERE: True,
        Place.CLUSTER: session.mode.level is Level.CLUSTER,
        Place.MACHINE: session.mode.level is Level.MACHINE,
        Place.LOGIN_HOST: session.mode == session.own_mode,
    }[command.place]


def _lent_mode(session: Session, command: Command) -> Mode:
    if command.place is Place.LOGIN_HOST and session.mode.level is Level.MACHINE:
        # Elsewhere it would tell of the wrong machine, and nobody reads that in a script.
        text = _(
            "{name} runs only on the login host, {own}, and the mode is {mode}. "
            "Log in there, or switch with `clustermode`."
        )
        raise CommandError(text.format(name=command.name, **_labels(session)))
    mode = CLUSTER if command.place is Place.CLUSTER else session.own_mode
    text = _("Note: {name} is restricted to {level} mode; it runs at {there}, the mode stays {mode}.")
    level = naming.level_word(mode.level).lower()
    told = {"level": level, "there": session.label(mode), **_labels(session)}
    session.dialogue.warn(text.format(name=command.name, **told))
    return mode


def _labels(session: Session) -> dict[str, str]:
    return {"own": session.label(session.own_mode), "mode": session.label(session.mode)}


def _asked_mode(session: Session, command: Command) -> Mode | None:
    """The mode to which the person agrees to switch, offered where the command may run."""
    if command.place is Place.CLUSTER:
        return _switch_to_cluster(session, command)
    if command.place is Place.MACHINE:
        return _switch_to_machine(session, command)
    return _switch_to_login_host(session, command)


def _switch_to_cluster(session: Session, command: Command) -> Mode | None:
    session.dialogue.warn(_("{name} is restricted to cluster mode.").format(name=command.name))
    return (
        CLUSTER
        if confirm(session.dialogue, _("Would you like to switch to cluster mode?"), default=True)
        else None
    )


def _switch_to_machine(session: Session, command: Command) -> Mode | None:
    dialogue = session.dialogue
    dialogue.warn(_("{name} is restricted to machine mode.").format(name=command.name))
    if not confirm(dialogue, _("Would you like to switch to machine mode?"), default=True):
        return None
    others = [serial for serial in session.state.machines if serial != session.host.serial]
    if not others:
        return session.own_mode
    serials = [session.host.serial, *others]
    number = choose(dialogue, [session.label(machine(s)) for s in serials], question=_("Which machine?"))
    return machine(serials[max(number, 1) - 1])


def _switch_to_login_host(session: Session, command: Command) -> Mode | None:
    own = session.label(session.own_mode)
    session.dialogue.warn(_("{name} runs only on the login host, {own}.").format(name=command.name, own=own))
    return session.own_mode if confirm(session.dialogue, _("Switch to its mode?"), default=True) else None
