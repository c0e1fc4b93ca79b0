"""How a command talks with the person or script that typed it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from django.utils.translation import gettext as _

from appliances.cli.errors import CommandError, Left
from appliances.cli.splitting import split
from clusters.refusals import REFUSALS, refusals_and
from clusters.visible import in_json

T = TypeVar("T")

EXITS = ("exit", "quit")
"""What leaves a menu or a question, beside an empty line where that has no default."""


class Dialogue(Protocol):
    """One side of a conversation. Calls block; they come from the thread of the command.

    `interactive` tells whether a person can be asked. Where not, `ask` answers with its default.
    """

    @property
    def interactive(self) -> bool: ...

    def begin(self, *, paged: bool) -> None:
        """A command begins; its answer stops at each full page if it is `paged` and a person reads it."""
        ...

    def say(self, text: str = "") -> None:
        """One or more lines of answer."""
        ...

    def warn(self, text: str) -> None:
        """Something beside the answer: a notice, a warning, an error."""
        ...

    def ask(self, question: str, default: str = "") -> str:
        """What the person answers; Enter takes the default, which is shown."""
        ...

    def secret(self, question: str) -> str:
        """An answer that is not echoed; empty where nobody can be asked."""
        ...

    def input_text(self) -> str:
        """All of standard input; empty where a person types."""
        ...


def confirm(dialogue: Dialogue, question: str, *, default: bool) -> bool:
    """A question with Y or N as its default; asked again until the answer is one of them. Raises Left."""
    while True:
        answer = dialogue.ask(question, "Y" if default else "N").strip().casefold()
        if answer in ("y", "yes"):
            return True
        if answer in ("n", "no"):
            return False
        if answer in EXITS:
            raise Left(_("Left; nothing more was done."))
        dialogue.warn(_('Please answer "Y" or "N"; `exit` leaves.'))


def choose(dialogue: Dialogue, choices: Iterable[str], *, default: int | None = 1, question: str = "") -> int:
    """A numbered list; the number of the chosen line, from 1; asked again until it is one of them.

    A line is named by its text too. 0 where nobody answers, and for an empty answer without a default.
    Raises Left.
    """
    lines = _say_numbered(dialogue, choices)
    if default is None:
        dialogue.say(_("Enter or `exit` leaves."))
    while True:
        answer = dialogue.ask(question, "" if default is None else str(default)).strip()
        if found := _numbers(answer, lines):
            return found[0]
        if not answer or not dialogue.interactive:
            return 0
        _ask_again(dialogue, answer, lines)


def choose_several(dialogue: Dialogue, choices: Iterable[str], *, question: str) -> list[int]:
    """The same for more than one line, by numbers or texts with commas between; [] for an empty answer."""
    lines = _say_numbered(dialogue, choices)
    dialogue.say(_("Enter or `exit` leaves."))
    while answer := dialogue.ask(question).strip():
        found = [number for part in answer.split(",") for number in _numbers(part.strip(), lines) or (0,)]
        if all(found):
            return found
        _ask_again(dialogue, answer, lines)
    return []


def _say_numbered(dialogue: Dialogue, choices: Iterable[str]) -> list[str]:
    lines = list(choices)
    for number, line in enumerate(lines, 1):
        dialogue.say(f"{number}. {line}")
    return lines


def _numbers(answer: str, lines: list[str]) -> list[int]:
    """The number of the line that an answer names, by number or by its text."""
    if answer.isdecimal() and 1 <= int(answer) <= len(lines):
        return [int(answer)]
    return [number for number, line in enumerate(lines, 1) if line.casefold() == answer.casefold()][:1]


def _ask_again(dialogue: Dialogue, answer: str, lines: list[str]) -> None:
    if answer.casefold() in EXITS:
        raise Left(_("Left; nothing more was done."))
    text = _("Please answer a number from 1 to {count}; `exit` leaves.")
    dialogue.warn(text.format(count=len(lines)))


def operation(dialogue: Dialogue, operations: Mapping[str, str]) -> list[str]:
    """A menu of operations, one a line with its sentence; the words of the chosen one, [] to leave.

    Raises UsageError for a line that ends inside quotes.
    """
    dialogue.say()
    dialogue.say(_("Choose the operation you want to perform (Enter or `exit` leaves):"))
    for name, sentence in operations.items():
        dialogue.say(f"- {name.upper()} - {sentence}")
    lines = split(dialogue.ask(""))
    return [] if not lines or lines[0][0].casefold() in EXITS else lines[0]


def answered(dialogue: Dialogue, question: str, read: Callable[[str], T], default: str = "") -> T:
    """What `read` makes of an answer; a wrong one is told and asked again, and nothing is lost.

    `read` raises a refusal or CommandError for an answer that it does not take; where nobody can be asked
    again, so does this. Raises Left.
    """
    while True:
        answer = dialogue.ask(question, default).strip()
        if dialogue.interactive and (not answer or answer.casefold() in EXITS):
            raise Left(_("Left; nothing more was done."))
        try:
            return read(answer)
        except refusals_and(CommandError) as error:
            if not dialogue.interactive:
                raise
            dialogue.warn(str(error))


def new_secret(
    dialogue: Dialogue, question: str, again: str, require: Callable[[str], None] = lambda text: None
) -> str:
    """A new passphrase, typed twice; asked again while the two differ, or `require` refuses it.

    Raises Left for an empty one.
    """
    while first := dialogue.secret(question):
        try:
            require(first)
        except REFUSALS as error:
            dialogue.warn(str(error))
            continue
        if dialogue.secret(again) == first:
            return first
        dialogue.warn(_("The two differ; type it twice once more, or press Enter to leave."))
    raise Left(_("Left; nothing more was done."))


def announce(dialogue: Dialogue, text: str) -> None:
    """Tells a person what takes a while now; a script only wants the outcome."""
    if dialogue.interactive:
        dialogue.say(text)


def say_json(dialogue: Dialogue, value: Any) -> None:
    """One JSON value, keys in their order, readable by people too."""
    text = _json_text(value)
    if isinstance(dialogue, JsonAnswers):
        dialogue.answer = text
    else:
        dialogue.say(text)


def _json_text(value: Any) -> str:
    """In letters that people read, but for those that hide or steer: a program gets back what was there."""
    return in_json(json.dumps(value, ensure_ascii=False, indent=2))


class JsonAnswers:
    """The dialogue of a command with `--json`: its answer is one JSON value, whatever it says (TRL-23).

    Where it has none of its own, the value has what it said for people under `said`. What it says before a
    question is said at once: it belongs to the question.
    """

    def __init__(self, spoken: Dialogue) -> None:
        self._spoken = spoken
        self._said: list[str] = []
        self.answer = ""

    @property
    def interactive(self) -> bool:
        return self._spoken.interactive

    def begin(self, *, paged: bool) -> None:
        self._spoken.begin(paged=paged)

    def say(self, text: str = "") -> None:
        self._said.append(text)

    def warn(self, text: str) -> None:
        self._spoken.warn(text)

    def _flush(self) -> None:
        if self.interactive:
            for text in self._said:
                self._spoken.say(text)
            self._said.clear()

    def ask(self, question: str, default: str = "") -> str:
        self._flush()
        return self._spoken.ask(question, default)

    def secret(self, question: str) -> str:
        self._flush()
        return self._spoken.secret(question)

    def input_text(self) -> str:
        self._flush()
        return self._spoken.input_text()

    def end(self) -> None:
        """Says the value."""
        self._spoken.say(self.answer or _json_text({"said": self._said}))


@dataclass
class Scripted:
    """A dialogue with prepared answers; keeps what was said. For tests and for commands of other members."""

    answers: list[str] = field(default_factory=list)
    stdin: str = ""
    interactive: bool = False
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    paged: bool = False

    def begin(self, *, paged: bool) -> None:
        self.paged = paged

    def say(self, text: str = "") -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def ask(self, question: str, default: str = "") -> str:
        self.asked.append(f"{question} [{default}]>".strip())
        return (self.answers.pop(0) if self.answers and self.interactive else "") or default

    def secret(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0) if self.answers and self.interactive else ""

    def input_text(self) -> str:
        return self.stdin
