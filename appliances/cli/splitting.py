"""Cuts what a person typed into commands and words: `;` between commands, quotes around words."""

from __future__ import annotations

from django.utils.translation import gettext as _

from appliances.cli.errors import UsageError

MAX_LINE = 1_000_000


def split(text: str) -> list[list[str]]:
    """The commands of a text, each a list of words; empty ones are left out.

    Single quotes keep everything, double quotes all but a backslash before a quote or a backslash; outside
    quotes a backslash keeps the next character. Raises UsageError for an open quote.
    """
    if len(text) > MAX_LINE:
        text = _("A line has at most {count} characters; use `load` with standard input.")
        raise UsageError(text.format(count=MAX_LINE))
    cutter = _Cutter()
    for character in text:
        cutter.take(character)
    return cutter.end()


class _Cutter:
    def __init__(self) -> None:
        self.commands: list[list[str]] = [[]]
        self.word: str | None = None
        self.quote = ""
        self.escaped = False

    def take(self, character: str) -> None:
        if self.escaped:
            self._escape(character)
        elif character == "\\" and self.quote != "'":
            self.escaped = True
        elif self.quote:
            self._quoted(character)
        else:
            self._plain(character)

    def _escape(self, character: str) -> None:
        self.escaped = False
        kept = "\\" if self.quote and character not in ('"', "\\") else ""
        self._add(kept + character)

    def _quoted(self, character: str) -> None:
        if character == self.quote:
            self.quote = ""
        else:
            self._add(character)

    def _plain(self, character: str) -> None:
        if character in "'\"":
            self.quote = character
            self._add("")
        elif character in ";\n":
            self._end_word()
            self.commands.append([])
        elif character.isspace():
            self._end_word()
        else:
            self._add(character)

    def _add(self, text: str) -> None:
        self.word = (self.word or "") + text

    def _end_word(self) -> None:
        if self.word is not None:
            self.commands[-1].append(self.word)
        self.word = None

    def end(self) -> list[list[str]]:
        if self.quote or self.escaped:
            raise UsageError(_("The line ends inside quotes; close them."))
        self._end_word()
        return [command for command in self.commands if command]
