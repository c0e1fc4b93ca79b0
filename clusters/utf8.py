"""Text that came as bytes, from a file, a pipe or a call: UTF-8, or refused in one sentence with its line."""

from __future__ import annotations

import codecs

from django.utils.translation import gettext as _

from clusters.refusals import Refused

WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotUtf8(Refused):
    """Bytes that are no UTF-8; `reason` says without the line what they are instead."""

    def __init__(self, line: int, *, wide: bool) -> None:
        self.line = line
        self.reason = _("this is UTF-16, not UTF-8") if wide else _("this is not UTF-8")
        told = {"line": line, "reason": self.reason}
        super().__init__(_("Line %(line)d: %(reason)s. Save the text as UTF-8 and try again.") % told)


def read_utf8(raw: bytes, first: int = 1) -> str:
    """The text without its byte order mark; raises NotUtf8 with the first line that is none (TRL-26).

    `first` is the number of its first line. A NUL is refused too: no text holds one, and UTF-16 without a
    mark is full of them.
    """
    if raw.startswith(WIDE_MARKS):
        raise NotUtf8(first, wide=True)
    wide = raw.find(b"\0")
    if wide >= 0:
        raise NotUtf8(raw.count(b"\n", 0, wide) + first, wide=True)
    unmarked = raw.removeprefix(codecs.BOM_UTF8)
    try:
        return unmarked.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8(unmarked.count(b"\n", 0, error.start) + first, wide=False) from None


def read_escaped(text: str, first: int = 1) -> str:
    """The same of a text that was decoded with `surrogateescape`."""
    return read_utf8(text.encode("utf-8", "surrogateescape"), first)
