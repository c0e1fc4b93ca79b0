"""Many rows of a table as lines of text, as spreadsheets and exports have them: all of them, or none.

A line is a row. Its cells are separated by tabs, semicolons or commas and stand in the order of the table, or
of a first line that names the columns. Several values of one cell are separated by spaces; further cells at
the end of a line go on with the last column where that is a list. What does not fit is named by its line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appliances.features.wording import _, say
from clusters.catalogue import Document

Schema = Mapping[str, Any]

MOST_NAMED = 20
"""Lines that are named when many do not fit."""

_YES = {"1", "on", "yes", "true"}
_NO = {"0", "off", "no", "false", ""}
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_WITH_PORT = re.compile(r"(\[[^\]]+\]|[^:\[\]]+):([0-9]{1,5})")
_TELLING = re.compile(r"[0-9.:@/\[]")
_SPACES = re.compile(r"[\s]+")


@dataclass(frozen=True, slots=True)
class BadLine:
    """What does not fit, and in which line, counted from 1."""

    line: int
    message: str

    def __str__(self) -> str:
        return say(_("Line {line}: {what}"), line=self.line, what=self.message)


class UnreadableLines(ValueError):
    """Text of which no line is taken; `problems` is never empty."""

    def __init__(self, problems: Sequence[BadLine]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(str(problem) for problem in problems))


def rows_of(
    part: Schema, text: str, start: int = 0, titles: Callable[[str], str] = lambda title: title
) -> list[Any]:
    """The rows of a table whose items have the schema `part`; a plain list takes every cell as an entry.

    `start` is the column of the first cell, `titles` says the title of a column in the reader's language, so
    that a line of headings is known. Raises UnreadableLines.
    """
    written = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if endless := [n for n, line in written if len(line) > csv.field_size_limit()]:
        raise UnreadableLines([BadLine(n, say(_("is too long for a row"))) for n in endless[:MOST_NAMED]])
    lines = [(n, _cells(line)) for n, line in written]
    if "properties" not in part:
        return [cell for _n, cells in lines for cell in cells if cell]
    columns = [
        _Column(name, field, titles) for name, field in part["properties"].items() if "const" not in field
    ][start:]
    if lines and (named := _headings(columns, lines[0][1])):
        columns, lines = named, lines[1:]
    rows, problems = [], list(_strange_heading(lines))
    for number, cells in lines:
        try:
            rows.append(_row(columns, cells))
        except ValueError as error:
            problems.append(BadLine(number, str(error)))
    if problems:
        raise UnreadableLines(problems[:MOST_NAMED])
    return rows


def _cells(line: str) -> list[str]:
    separator = "\t" if "\t" in line else ";" if ";" in line else ","
    found = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    cells = [cell.strip() for cell in found]
    while len(cells) > 1 and not cells[-1]:
        cells.pop()
    return cells


@dataclass(frozen=True)
class _Column:
    name: str
    part: Schema
    titles: Callable[[str], str]

    @property
    def title(self) -> str:
        return self.titles(str(self.part.get("title", self.name)))

    @property
    def is_list(self) -> bool:
        return self.part.get("type") == "array"

    def words(self) -> set[str]:
        """What a heading may call the column."""
        names = [self.name, self.title, str(self.part.get("title", ""))]
        if self.is_list:
            inner = self.part["items"].get("properties", {})
            names += list(inner) + [str(field.get("title", "")) for field in inner.values()]
        plain = {_plain(name) for name in names}
        return plain | {name.removesuffix("s") for name in plain}


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text.replace("_", " ")).strip().casefold()


def _headings(columns: Sequence[_Column], cells: Sequence[str]) -> list[_Column] | None:
    """The columns in the order in which a line of headings names them; None for a line of values."""
    found: list[_Column] = []
    for cell in cells:
        column = next((each for each in columns if _plain(cell) in each.words()), None)
        if column is None:
            return None
        if column not in found:
            found.append(column)
    return found or None


def _strange_heading(lines: Sequence[tuple[int, list[str]]]) -> Iterator[BadLine]:
    """A first line of mere words above lines of names and addresses is a heading, and would become a row."""
    if len(lines) < 2:
        return
    (number, first), *rest = lines
    if any(map(_tells, first)) or len(first) < 2:
        return
    if all(any(map(_tells, cells)) for _n, cells in rest):
        yield BadLine(
            number,
            say(_("looks like a heading; name the columns as the table does, or leave this line out")),
        )


def _tells(cell: str) -> bool:
    return bool(_TELLING.search(cell)) or cell.upper() in ("ALL", "USEDNS")


def _row(columns: Sequence[_Column], cells: Sequence[str]) -> Document:
    """The row of a line, with the fields that it tells; raises ValueError."""
    if len(cells) > len(columns) and not columns[-1].is_list:
        raise ValueError(
            say(_("has {count} columns, the table has {known}"), count=len(cells), known=len(columns))
        )
    row: Document = {}
    for column, cell in zip(columns, cells, strict=False):
        if cell:
            row[column.name] = _value(column, [cell])
    if len(cells) > len(columns):
        row[columns[-1].name] = _value(columns[-1], cells[len(columns) - 1 :])
    return row


def _value(column: _Column, cells: Sequence[str]) -> Any:
    if column.is_list:
        words = [word for cell in cells for word in _SPACES.split(cell) if word]
        return [_item(column.part["items"], word) for word in words]
    try:
        return _scalar(column.part, cells[0])
    except ValueError as error:
        raise ValueError(f"{column.title}: {error}") from None


def _item(part: Schema, word: str) -> Any:
    """An entry of a list; of one whose entries have a name and a number, `name:number`."""
    if "properties" not in part:
        return word
    names = list(part["properties"])
    number = next((n for n in names[1:] if part["properties"][n].get("type") == "integer"), None)
    told = _WITH_PORT.fullmatch(word) if number else None
    return {names[0]: word} if told is None else {names[0]: told[1], number: int(told[2])}


def _scalar(part: Schema, cell: str) -> Any:
    if part.get("type") == "boolean":
        return _switch(cell)
    if part.get("type") == "integer":
        if not _WHOLE.fullmatch(cell):
            raise ValueError(say(_("{text} is no whole number"), text=f"“{cell[:60]}”"))
        return int(cell)
    if "enum" in part:
        return _choice([str(word) for word in part["enum"]], cell)
    return cell


def _switch(cell: str) -> bool:
    if cell.casefold() in _YES | _NO:
        return cell.casefold() in _YES
    raise ValueError(say(_("{text} is neither yes nor no"), text=f"“{cell[:60]}”"))


def _choice(words: Sequence[str], cell: str) -> str:
    found = next((word for word in words if word.casefold() == cell.casefold()), None)
    if found is None:
        known = ", ".join(words)
        raise ValueError(say(_("{text} is none of {known}"), text=f"“{cell[:60]}”", known=known))
    return found
