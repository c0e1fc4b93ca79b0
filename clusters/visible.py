"""Text that others wrote, as it is shown: what steers a terminal, turns or hides it, stands there in letters.

Senders, comments, host names, headers and lines of logs come from anybody. One function for each form in
which text leaves: `shown` for people; `in_json` and `in_xml` for what programs read, where nothing is lost.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters by their category which no font shows: fillers of Hangul and the like."""

_LINE_ENDS = re.compile(r"(\r?\n)")


def invisible(character: str) -> bool:
    """Whether it is a control, a format character (direction, zero width), half of one, or none at all."""
    return unicodedata.category(character) in _UNSEEN or character in _BLANK_LETTERS


def first_invisible(text: str, keep: str = "") -> str:
    """The first such character but those of `keep`; empty where there is none."""
    if _is_plain(text):
        return ""
    return next((each for each in text if each not in keep and invisible(each)), "")


def _is_plain(text: str) -> bool:
    """Whether nothing in it is invisible: true of most texts, and known without a look at each letter."""
    return text.isprintable() and (text.isascii() or _BLANK_LETTERS.isdisjoint(text))


def shown(text: str) -> str:
    r"""The text for a terminal: lines and tabs stay, what else is invisible is written as \x1b or \u202e."""
    return _written(text, _escape)


def hanging(text: str) -> str:
    """The text with every further line set in: none of them passes for a line of ours."""
    return text.replace("\n", "\n    ")


def in_json(text: str) -> str:
    """A JSON text, as it was, with its invisible characters in JSON's own escapes."""
    return _written(text, _json_escape)


def in_xml(text: str) -> str:
    """An XML text, as it was, with its invisible characters as references."""
    return _written(text, lambda character: f"&#x{ord(character):x};")


def _written(text: str, escape: Callable[[str], str]) -> str:
    """By line: most lines hold nothing of that kind."""
    if _is_plain(text):
        return text
    return "".join(part if _is_plain(part) else _line(part, escape) for part in _LINE_ENDS.split(text))


def _line(part: str, escape: Callable[[str], str]) -> str:
    if part in ("\n", "\r\n"):
        return part
    return "".join(escape(each) if each != "\t" and invisible(each) else each for each in part)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    halves = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(halves[at : at + 2], 'big'):04x}" for at in range(0, len(halves), 2))


class ShownLines(logging.Formatter):
    """Lines of a log that is read in a terminal: `formatters` of LOGGING names it."""

    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))
