"""The queue and what goes in and out: suspend, resume, deliver now, return, delete (RES-02, RES-03)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from appliances.cli.dialogue import announce, choose, confirm, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.registry import Command, Place, Run
from appliances.cli.session import Right, Session
from appliances.machine.suspension import LISTENERS, Suspension
from appliances.postfix.queue import Queued, QueueError
from appliances.postfix.selecting import alike
from clusters.effective import setting_at
from clusters.installed import catalogue

Selected = Callable[[Queued], bool]

SELECTION = "all | to ADDRESS | to-domain DOMAIN | from ADDRESS | id QUEUE-ID"


def _listeners(session: Session) -> list[str]:
    """The names of this machine's listeners."""
    found = setting_at(session.state, session.own_mode, LISTENERS, catalogue())
    return [each["name"] for each in found.value["listeners"]]


def _named(session: Session, words: list[str], known: Iterable[str]) -> list[str]:
    names = list(known)
    if not names:
        raise CommandError(_("There is no such listener on this machine."))
    if not words and session.dialogue.interactive and len(names) > 1:
        number = choose(session.dialogue, [*names, _("All")], default=len(names) + 1)
        words = [names[number - 1]] if 0 < number <= len(names) else []
    if not words or [word.casefold() for word in words] == ["all"]:
        return names
    if unknown := [word for word in words if word not in names]:
        raise CommandError(
            _("There is no listener {name}; there is: {names}.").format(
                name=unknown[0], names=", ".join(names)
            )
        )
    return words


def _suspendlistener(session: Session, words: list[str]) -> None:
    names = _named(session, words, _listeners(session))
    _suspend_with(session, lambda now: replace(now, listeners=now.listeners | set(names)))
    _say_closed(session, names)


def _say_closed(session: Session, names: list[str]) -> None:
    session.dialogue.say(
        _("Suspended: {names}. Nobody can hand in mail there; `resumelistener` opens it.").format(
            names=", ".join(names)
        )
    )


def _resumelistener(session: Session, words: list[str]) -> None:
    now = session.host.engine.suspension
    if not now.listeners:
        session.dialogue.say(_("No listener is suspended."))
        return
    names = _named(session, words, sorted(now.listeners))
    _suspend_with(session, lambda now: replace(now, listeners=now.listeners - set(names)))
    session.dialogue.say(_("Receiving resumed: {names}.").format(names=", ".join(names)))


def _suspenddel(session: Session, words: list[str]) -> None:
    _suspend_with(session, lambda now: replace(now, deliveries=True))
    session.dialogue.say(_("Deliveries are suspended; mail waits in the queue. `resumedel` resumes them."))


def _resumedel(session: Session, words: list[str]) -> None:
    _suspend_with(session, lambda now: replace(now, deliveries=False))
    _try_what_waits(session)
    session.dialogue.say(_("Deliveries resumed."))


def _suspend_with(session: Session, change: Callable[[Suspension], Suspension]) -> None:
    announce(session.dialogue, _("Bringing the settings into force..."))
    session.host.suspend(change)


def _try_what_waits(session: Session) -> None:
    """What waited is tried at once; if Postfix cannot be told now, it does so by itself later."""
    try:
        session.host.engine.mail_queue.flush()
    except QueueError as error:
        session.dialogue.warn(str(error))


def _suspend(session: Session, words: list[str]) -> None:
    names = _listeners(session)
    question = _("Receiving and deliveries of this machine stop until `resume`. Go on?")
    if "--yes" not in words and not confirm(session.dialogue, question, default=True):
        return
    _suspend_with(session, lambda now: replace(now, listeners=now.listeners | set(names), deliveries=True))
    session.dialogue.say(_("Receiving and deliveries are suspended on this machine."))


def _resume(session: Session, words: list[str]) -> None:
    _suspend_with(session, lambda now: replace(now, listeners=frozenset(), deliveries=False))
    _try_what_waits(session)
    session.dialogue.say(_("Receiving and deliveries resumed."))


def _workqueue(session: Session, words: list[str]) -> None:
    verb = words[0].casefold() if words else "status"
    if verb == "pause":
        return _suspenddel(session, [])
    if verb == "resume":
        return _resumedel(session, [])
    if verb != "status":
        raise UsageError(_("workqueue takes `status`, `pause` or `resume`."))
    counts = session.host.engine.mail_queue.counts()
    paused = session.host.engine.suspension.deliveries
    if session.as_json:
        return say_json(session.dialogue, {"paused": paused, **counts})
    session.dialogue.say(_("The queue is paused.") if paused else _("The queue works."))
    for name, count in counts.items():
        session.dialogue.say(f"{name:<10}{count}")
    return None


def _selection(words: list[str]) -> Selected:
    """Which messages are meant; raises UsageError."""
    match [words[0].casefold(), *words[1:]] if words else []:
        case ["all"]:
            return lambda message: True
        case ["to", address]:
            return lambda message: any(alike(r.address) == alike(address) for r in message.recipients)
        case ["to-domain", domain]:
            end = alike(f"@{domain}")
            return lambda message: any(alike(r.address).endswith(end) for r in message.recipients)
        case ["from", sender]:
            return lambda message: alike(message.sender) == alike(sender)
        case ["id", queue_id]:
            return lambda message: message.queue_id == queue_id
    raise UsageError(_("Say which messages: {forms}.").format(forms=SELECTION))


def _chosen(session: Session, words: list[str]) -> tuple[list[str], bool]:
    """The ids of the messages, and whether the person has agreed already."""
    agreed = "--yes" in words
    wanted = [word for word in words if word != "--yes"]
    if not wanted and session.dialogue.interactive:
        wanted = session.dialogue.ask(_("Which messages? {forms}").format(forms=SELECTION)).split()
    found = _selection(wanted)
    return [message.queue_id for message in session.host.engine.mail_queue.each() if found(message)], agreed


def _act(session: Session, words: list[str], question: str, act: Callable[[list[str]], int]) -> None:
    try:
        ids, agreed = _chosen(session, words)
        if not ids:
            session.dialogue.say(_("No message in the queue is meant."))
            return
        text = ngettext("{count} message.", "{count} messages.", len(ids)).format(count=len(ids))
        session.dialogue.warn(f"{text} {question}")
        if not agreed and not session.dialogue.interactive:
            raise CommandError(_("Add --yes to agree to this."))
        if not agreed and not confirm(session.dialogue, _("Go on?"), default=False):
            return
        count = act(ids)
    except QueueError as error:
        raise CommandError(str(error)) from None
    session.dialogue.say(
        ngettext("{count} message done.", "{count} messages done.", count).format(count=count)
    )


def _bouncerecipients(session: Session, words: list[str]) -> None:
    _act(session, words, _("They are returned to their senders."), session.host.engine.mail_queue.expire)


def _deleterecipients(session: Session, words: list[str]) -> None:
    _act(
        session,
        words,
        _("They are deleted; nobody is told."),
        session.host.engine.mail_queue.delete,
    )


def _delivernow(session: Session, words: list[str]) -> None:
    queue = session.host.engine.mail_queue
    try:
        if not words or words == ["all"]:
            queue.flush()
            session.dialogue.say(_("Postfix tries everything that waits now."))
            return
        found = _selection(words if words[0] in ("to", "to-domain", "from", "id") else ["to-domain", *words])
        ids = [message.queue_id for message in queue.each() if found(message)]
        queue.retry(ids)
    except QueueError as error:
        raise CommandError(str(error)) from None
    session.dialogue.say(
        ngettext(
            "Postfix tries {count} message now.", "Postfix tries {count} messages now.", len(ids)
        ).format(count=len(ids))
    )


def _command(
    name: str, run: Run, summary: str, usage: str = "", *aliases: str, completions: tuple[str, ...] = ()
) -> Command:
    told: dict[str, Any] = {"aliases": aliases, "completions": completions, "remote": True}
    return Command(name, run, summary, usage or name, Place.MACHINE, Right.EDIT, **told)


COMMANDS = [
    _command(
        "suspendlistener",
        _suspendlistener,
        gettext_noop("close listeners of a machine for a while"),
        "suspendlistener [NAME... | all]",
    ),
    _command(
        "resumelistener",
        _resumelistener,
        gettext_noop("open suspended listeners again"),
        "resumelistener [NAME... | all]",
        "resumelister",
    ),
    _command("suspenddel", _suspenddel, gettext_noop("stop deliveries of a machine; mail waits")),
    _command("resumedel", _resumedel, gettext_noop("go on with deliveries")),
    _command(
        "suspend", _suspend, gettext_noop("stop receiving and deliveries of a machine"), "suspend [--yes]"
    ),
    _command("resume", _resume, gettext_noop("go on with receiving and deliveries")),
    _command(
        "workqueue",
        _workqueue,
        gettext_noop("what waits in a machine's queue; pause and resume it"),
        "workqueue [status [--json] | pause | resume]\n"
        "Postfix has one queue: pausing it holds deliveries, as `suspenddel` does.",
        completions=("status", "pause", "resume"),
    ),
    _command(
        "bouncerecipients",
        _bouncerecipients,
        gettext_noop("return queued messages to their senders"),
        f"bouncerecipients {SELECTION} [--yes]",
    ),
    _command(
        "deleterecipients",
        _deleterecipients,
        gettext_noop("delete queued messages"),
        f"deleterecipients {SELECTION} [--yes]",
    ),
    _command(
        "delivernow",
        _delivernow,
        gettext_noop("try to deliver what waits, now"),
        "delivernow [all | DOMAIN | to ADDRESS | from ADDRESS | id QUEUE-ID]",
    ),
]
