"""Lines that are wider than the terminal, wrapped between words; what follows hangs under its text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prompt_toolkit.utils import get_cwidth

_LEAD = re.compile(r" *(?:[-+~!] |\d+\. |\S+ {2,}|\S+ - )?")
"""What stands before the text of a line: an indent, a sign or a number, the first column of a list."""
_PIECE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]|[^ \u3000-\u9fff\uff00-\uffef]+| +")
"""A word, spaces, or one letter of a script that is written without them."""
_NEVER_FIRST = "、。，．・：；！？」』）】ー"


def wrapped(text: str, columns: int) -> list[str]:
    """The lines of a text, each at most `columns` wide where its words let it.

    A line with a word that is wider than the terminal stays as it is: a key or an address is copied whole.
    """
    return [part for line in text.split("\n") for part in _of_line(line, columns)]


def _of_line(line: str, columns: int) -> Iterator[str]:
    if get_cwidth(line) <= columns:
        yield line
        return
    lead = _LEAD.match(line)
    indent = get_cwidth(lead.group()) if lead else 0
    # A first column that leaves no room, and no column at all, hang by two.
    indent = indent if 0 < indent <= columns // 2 else min(2, columns // 4)
    pieces = list(_pieces(line))
    if any(get_cwidth(piece) > columns - indent for piece in pieces):
        yield line
        return
    yield from _filled(pieces, columns, indent)


def _pieces(line: str) -> Iterator[str]:
    """Words and the spaces between; a full stop of Japanese stays with what it ends."""
    held = ""
    for piece in _PIECE.findall(line):
        if held and piece not in _NEVER_FIRST:
            yield held
            held = ""
        held += piece
    if held:
        yield held


def _filled(pieces: list[str], columns: int, indent: int) -> Iterator[str]:
    row, first = "", True
    for piece in pieces:
        if get_cwidth(row + piece.rstrip()) > columns and row.strip():
            yield row.rstrip()
            row, first = " " * indent, False
        if not first and not row.strip() and not piece.strip():
            continue  # spaces at which a line was broken
        row += piece
    if row.strip():
        yield row.rstrip()
