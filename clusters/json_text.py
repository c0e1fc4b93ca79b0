"""JSON that a person or a program has written."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from clusters.refusals import Refused

BYTE_ORDER_MARK = "\ufeff"

REASONS = {
    "Expecting value": gettext_noop("a value is missing"),
    "Expecting property name enclosed in double quotes": gettext_noop("a name in double quotes is missing"),
    "Expecting ':' delimiter": gettext_noop("a : is missing"),
    "Expecting ',' delimiter": gettext_noop("a , is missing"),
    "Unterminated string starting at": gettext_noop("a text has no closing quote"),
    "Invalid control character at": gettext_noop("a text goes over the end of the line, or holds a tab"),
    "Invalid \\escape": gettext_noop("what follows the \\ is unknown"),
    "Invalid \\uXXXX escape": gettext_noop("a \\u needs four digits"),
    "Extra data": gettext_noop("something follows the end"),
}
"""What the decoder says, in our words: its own are for programmers, and in English only."""


class NotJson(Refused):
    """A text that is no JSON; the sentence names line and column."""


def read_json(text: str) -> Any:
    """The value, a byte order mark before it skipped; raises NotJson (TRL-26, TRL-27)."""
    try:
        return json.loads(text.removeprefix(BYTE_ORDER_MARK), parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise NotJson(_sentence(error)) from None
    except RecursionError:
        raise NotJson(_("This is no JSON that can be read: it is nested too deeply.")) from None
    except ValueError:
        # The one other thing that json refuses: Python counts the digits of a number.
        raise NotJson(_("This is no JSON that can be read: a number has too many digits.")) from None


def _sentence(error: json.JSONDecodeError) -> str:
    reason = REASONS.get(error.msg.rstrip(": "))
    told = {
        "line": error.lineno,
        "column": error.colno,
        "reason": _(reason) if reason else _("this cannot be read"),
    }
    return _("This is no JSON: line %(line)d, column %(column)d: %(reason)s.") % told


def _no_number(word: str) -> NoReturn:
    raise NotJson(_("This is no JSON: %(word)s is no number.") % {"word": word})


class CarefulDecoder(json.JSONDecoder):
    """Says of a text that is nested too deeply that it is no JSON it can read; forms tell people so."""

    def decode(self, s: str, *more: Any) -> Any:
        """The value; raises JSONDecodeError."""
        try:
            return super().decode(s, *more)
        except RecursionError:
            raise json.JSONDecodeError("nested too deeply", s[:80], 0) from None
