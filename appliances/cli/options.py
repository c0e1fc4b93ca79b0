"""Options of an operation: a mistake is one sentence of ours, in the person's language (TRL-27)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from django.utils.translation import gettext as _

from appliances.cli.errors import UsageError
from appliances.cli.suggesting import suggestion


class Options(argparse.ArgumentParser):
    """The words that a command takes; `command` is how a person calls it. Nothing is ever printed."""

    def __init__(self, command: str) -> None:
        super().__init__(prog=command, add_help=False, allow_abbrev=False, exit_on_error=False)

    def told(self, words: Sequence[str]) -> argparse.Namespace:
        """What the words say; raises UsageError."""
        try:
            found, rest = self.parse_known_args(list(words))
        except argparse.ArgumentError as error:
            raise UsageError(self._lacking(error.argument_name or "")) from None
        if rest:
            raise UsageError(self._unknown(rest[0]))
        return found

    def error(self, message: str) -> NoReturn:
        """What the library has no class for; its words stay with it."""
        text = _("{name} does not understand this line; see `help {command}`.")
        raise UsageError(text.format(name=self.prog, command=self._command))

    def _lacking(self, option: str) -> str:
        action = self._option_string_actions.get(option)
        if action is not None and action.nargs == 0:
            return _("{name} takes no value.").format(name=option)
        text = _("{name} needs a value; see `help {command}`.")
        return text.format(name=option, command=self._command)

    def _unknown(self, word: str) -> str:
        text = _("{name} does not know {word!r}; see `help {command}`.")
        told = text.format(name=self.prog, word=word[:60], command=self._command)
        return told + (suggestion(word, self._option_string_actions) if word.startswith("--") else "")

    @property
    def _command(self) -> str:
        return self.prog.partition(" ")[0]


def port(text: str) -> int:
    """A port number; raises UsageError."""
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:9]) < 65_536:
        raise UsageError(_('"{text}" is no port: it is a number from 1 to 65535.').format(text=text[:60]))
    return int(text)
