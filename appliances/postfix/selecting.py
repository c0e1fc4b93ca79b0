"""Which queued messages are meant: words such as `sender=@example.com state=hold`, all of which must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from appliances.postfix.queue import QUEUES, Queued
from clusters.domains import understood

Test = Callable[[Queued], bool]

TERMS = ("sender", "recipient", "host", "id", "reason", "state", "older")
"""What can be asked for. Texts match anywhere, case does not count; `host` is a recipient's whole domain."""

EVERYTHING = "all"


class SelectionError(ValueError):
    """Words that select nothing; the message says what they may be."""


def alike(address: str) -> str:
    """The form in which addresses of a queue are compared: without case, the domain in its one form."""
    local, at, domain = address.rpartition("@")
    return f"{local.lower()}{at}{understood(domain).lower()}"


def selected(words: Iterable[str]) -> Test:
    """Whether a message is meant; raises SelectionError for no words and for wrong ones."""
    given = list(words)
    if not given:
        raise SelectionError(f"say which messages: {EVERYTHING}, or {' '.join(f'{t}=...' for t in TERMS)}")
    tests = [_test(word) for word in given if word.casefold() != EVERYTHING]
    return lambda message: all(test(message) for test in tests)


def _test(word: str) -> Test:
    term, equals, value = word.partition("=")
    wanted = value.casefold()
    if term not in TERMS or not equals or not value:
        raise SelectionError(f"{word[:60]!r} selects nothing; use {' '.join(f'{t}=...' for t in TERMS)}")
    match term:
        case "sender":
            # The null sender of bounces is written as people know it.
            return lambda m: wanted in (m.sender.casefold() or "<>")
        case "recipient":
            return lambda m: any(wanted in r.address.casefold() for r in m.recipients)
        case "host":
            domain = alike(f"@{value}")
            return lambda m: any(alike(r.address).endswith(domain) for r in m.recipients)
        case "id":
            ids = frozenset(value.split(","))
            return lambda m: m.queue_id in ids
        case "reason":
            return lambda m: any(wanted in r.reason.casefold() for r in m.recipients)
        case "state":
            if wanted not in QUEUES:
                raise SelectionError(f"{value[:60]!r} is no state; there is: {', '.join(QUEUES)}")
            return lambda m: m.queue == wanted
    return _older(value)


def _older(value: str) -> Test:
    if not value.isdecimal() or len(value) > 9:
        raise SelectionError(f"older={value[:60]} is no number of seconds")
    before = datetime.now(UTC) - timedelta(seconds=int(value))
    return lambda m: m.arrived < before
