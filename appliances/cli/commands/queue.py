"""`queue`: what waits on a machine, searched, and the verbs upon it (RES-02, RES-03, BP-10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from appliances.cli.dialogue import confirm, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.postfix.queue import Queue, Queued, QueueError
from appliances.postfix.selecting import TERMS, SelectionError, selected

Act = Callable[[Queue, list[str]], int]

SELECTION = f"all | {' '.join(f'{term}=...' for term in TERMS)}"
USAGE = f"""\
queue [status] [--json]                              how much waits, and since when
queue list [SELECTION] [--limit COUNT] [--json]      what waits, the oldest first
queue retry | hold | release SELECTION               try now, keep back, let go
queue delete | bounce SELECTION [--yes]              for ever; bounce: the senders are told
SELECTION: {SELECTION}"""

SHOWN, MOST = 100, 2000
"""Messages in a list: without a limit of the person's own, and at most."""
RECIPIENTS = 20
"""Recipients of one message in a list."""


def _retry(queue: Queue, ids: list[str]) -> int:
    queue.retry(ids)
    return len(ids)


VERBS: dict[str, tuple[Act, tuple[str, ...]]] = {
    "retry": (_retry, ("deferred",)),
    "hold": (Queue.hold, ("incoming", "active", "deferred")),
    "release": (Queue.release, ("hold",)),
    "delete": (Queue.delete, ("incoming", "active", "deferred", "hold")),
    "bounce": (Queue.expire, ("active", "deferred", "hold")),
}
"""What a verb does, and to messages in which states."""


def _queue(session: Session, words: list[str]) -> None:
    verb, rest = (words[0].casefold(), words[1:]) if words else ("status", [])
    try:
        if verb == "status" and not rest:
            _status(session)
        elif verb == "list":
            _require(session, Right.READ)
            _list(session, rest)
        elif verb in VERBS:
            _require(session, Right.EDIT)
            _act(session, verb, rest)
        else:
            raise UsageError(_("Say what to do with the queue; see `help queue`."))
    except SelectionError as error:
        raise UsageError(f"{error}.") from None
    except QueueError as error:
        raise CommandError(str(error)) from None


def _require(session: Session, right: Right) -> None:
    if session.right < right:
        raise CommandError(_("Your role {role} may not do that.").format(role=session.role))


def _status(session: Session) -> None:
    queue = session.host.engine.mail_queue
    counts = queue.counts()
    listed = queue.each() if any(counts.values()) else ()
    oldest = min((message.arrived for message in listed), default=None)
    if session.as_json:
        say_json(session.dialogue, {"counts": counts, "oldest": oldest and _milliseconds(oldest)})
        return
    for name, count in counts.items():
        session.dialogue.say(f"{name:<10}{count}")
    if oldest:
        session.dialogue.say(_("The oldest came {time}.").format(time=_moment(oldest)))


def _list(session: Session, words: list[str]) -> None:
    wanted, limit = _limit(words)
    queue = session.host.engine.mail_queue
    found = queue.messages()
    meant = selected(wanted or ["all"])
    matching = [message for message in found if meant(message)]
    if session.as_json:
        value: dict[str, Any] = {
            "counts": queue.counts(),
            "oldest": _milliseconds(found[0].arrived) if found else None,
            "matching": len(matching),
            "messages": [_as_json(message) for message in matching[:limit]],
        }
        return say_json(session.dialogue, value)
    for message in matching[:limit]:
        for line in _lines(message):
            session.dialogue.say(line)
    session.dialogue.say(
        ngettext("{shown} of {count} message.", "{shown} of {count} messages.", len(matching)).format(
            shown=min(limit, len(matching)), count=len(matching)
        )
    )
    return None


def _limit(words: list[str]) -> tuple[list[str], int]:
    if "--limit" not in words:
        return words, SHOWN
    at = words.index("--limit")
    value = words[at + 1] if len(words) > at + 1 else ""
    if not value.isdecimal() or not 0 < int(value) <= MOST:
        raise UsageError(_("--limit takes a number from 1 to {most}.").format(most=MOST))
    return [*words[:at], *words[at + 2 :]], int(value)


def _as_json(message: Queued) -> dict[str, Any]:
    return {
        "id": message.queue_id,
        "state": message.queue,
        "arrived": _milliseconds(message.arrived),
        "size": message.size,
        "sender": message.sender,
        "recipients": [{"address": r.address, "reason": r.reason} for r in message.recipients[:RECIPIENTS]],
        "more_recipients": max(0, len(message.recipients) - RECIPIENTS),
    }


def _lines(message: Queued) -> list[str]:
    head = f"{message.queue_id}  {message.queue:<9}{_moment(message.arrived)}  {message.size:>9}  "
    rest = [f"    {r.address}  {r.reason}".rstrip() for r in message.recipients[:RECIPIENTS]]
    return [head + (message.sender or "<>"), *rest]


def _act(session: Session, verb: str, words: list[str]) -> None:
    meant = selected(word for word in words if word != "--yes")
    queue = session.host.engine.mail_queue
    act, states = VERBS[verb]
    matching = [message for message in queue.each() if meant(message)]
    ids = [message.queue_id for message in matching if message.queue in states]
    if verb in ("delete", "bounce") and ids:
        _consent(session, verb, len(ids), agreed="--yes" in words)
    done = act(queue, ids) if ids else 0
    if session.as_json:
        return say_json(session.dialogue, {"matching": len(matching), "done": done})
    session.dialogue.say(
        ngettext("{done} of {count} message done.", "{done} of {count} messages done.", len(matching)).format(
            done=done, count=len(matching)
        )
    )
    return None


def _consent(session: Session, verb: str, count: int, *, agreed: bool) -> None:
    question = {
        "delete": _("They are deleted; nobody is told."),
        "bounce": _("They are returned to their senders."),
    }[verb]
    text = ngettext("{count} message.", "{count} messages.", count).format(count=count)
    session.dialogue.warn(f"{text} {question}")
    if not agreed and not session.dialogue.interactive:
        raise CommandError(_("Add --yes to agree to this."))
    if not agreed and not confirm(session.dialogue, _("Go on?"), default=False):
        raise CommandError(_("Nothing was changed."))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


COMMANDS = [
    Command(
        "queue",
        _queue,
        gettext_noop("what waits on a machine: search, try now, hold, release, delete, return"),
        USAGE,
        Place.MACHINE,
        Right.GUEST,
        remote=True,
        completions=("status", "list", *VERBS),
    )
]
