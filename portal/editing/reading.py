"""What a person typed into a feature's page, as a document for the feature to check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from argon2 import PasswordHasher
from django.http import QueryDict
from django.utils.translation import gettext

from appliances.features.lines import UnreadableLines, rows_of
from clusters.catalogue import Document, Problem
from portal.editing.fields import (
    AFTER,
    GONE,
    KEPT,
    LIKE,
    LINES,
    NUMBER,
    PART,
    ROOT,
    ROW,
    Schema,
    kind_of,
    plain_schema,
    start_of,
)
from portal.editing.merging import PASTED, Known, Named, Sent, entered, merged
from portal.editing.typed import Typed

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class Reader:
    """Reads one form, field by field along the schema; `typed` tells what came beside the values.

    Rows stand in the order of the form; wrong types stay, for the check to name. `base` is the document that
    the page was made from: secrets that were left alone are taken from it, and of long tables all that the
    form does not name.
    """

    def __init__(self, schema: Schema, post: QueryDict, base: Document) -> None:
        self._schema = schema
        self._post = post
        self._base = base
        self.typed = Typed()

    def read(self) -> Document:
        """The document."""
        return self._object(self._schema, ROOT)

    def _object(self, schema: Schema, path: str) -> Document:
        return {name: self._read(part, f"{path}.{name}") for name, part in schema["properties"].items()}

    def _read(self, schema: Schema, path: str) -> Any:
        plain, nullable = plain_schema(schema)
        kind = kind_of(plain)
        if kind == "object":
            return self._object(plain, path)
        if kind in ("table", "cards") or (kind == "lines" and PART + path in self._post):
            return self._table(plain, path)
        if kind == "fixed":
            return plain["const"]
        if kind == "secret":
            return self._secret(path)
        return self._scalar(kind, plain, path, nullable)

    def _table(self, schema: Schema, path: str) -> list[Any]:
        part, first_match = schema["items"], str(schema.get("x-first-match", ""))
        rows, pasted = self._rows(part, path, first_match), self._pasted(part, path)
        found = entered(rows, [(PASTED, row) for row in pasted], first_match)
        self.typed.names[path] = [name for name, _value in found]
        return [value for _name, value in found]

    def _rows(self, part: Schema, path: str, first_match: str) -> list[Named]:
        names = self._post.getlist(ROW + path)
        rows = {name: self._row(part, f"{path}.{name}") for name in names}
        if PART + path not in self._post:
            return list(rows.items())
        known = self._at(path.split(".")[1:])
        self.typed.parts.add(path)
        shown = Known(known if isinstance(known, list) else [], part, first_match)
        return merged(shown, self._sent(path, rows))

    def _row(self, part: Schema, path: str) -> Any:
        if like := self._post.get(LIKE + path):
            self.typed.likes[path] = like
        return self._object(part, path) if "properties" in part else self._post.get(path, "").strip()

    def _sent(self, path: str, rows: dict[str, Any]) -> Sent:
        gone = self.typed.gone[path] = self._post.getlist(GONE + path)
        after: dict[str, str] = {}
        numbers: dict[str, int] = {}
        for name in rows:
            row = f"{path}.{name}"
            if AFTER + row in self._post:
                after[name] = self.typed.after[row] = str(self._post[AFTER + row])
            number = self._post.get(NUMBER + row, "").strip()
            if _WHOLE.fullmatch(number):
                numbers[name], self.typed.numbers[row] = int(number), number
        return Sent(rows, gone, after, numbers)

    def _pasted(self, part: Schema, path: str) -> Iterator[Any]:
        """The rows of texts of many lines; also of lines that nobody added yet."""
        for text in filter(str.strip, self._post.getlist(LINES + path)):
            self.typed.lines.setdefault(path, []).append(text)
            try:
                rows = rows_of(part, text, titles=gettext)
            except UnreadableLines as error:
                self.typed.problems += [Problem("", str(problem)) for problem in error.problems]
                continue
            start = start_of(part)
            yield from ({**start, **row} if isinstance(row, dict) else row for row in rows)

    def _scalar(self, kind: str, schema: Schema, path: str, nullable: bool) -> Any:
        # Files that are pasted whole may begin with a byte order mark.
        text = self._post.get(path, "").removeprefix("\ufeff")
        if kind == "switch":
            return path in self._post
        if kind == "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        if kind == "prose":
            return text.replace("\r\n", "\n")
        text = text.strip()
        if not text and nullable:
            return None
        if kind == "number":
            return _number(text, schema)
        return text

    def _secret(self, path: str) -> str:
        typed = self._post.get(path, "")
        if typed:
            return PasswordHasher().hash(typed) if path.endswith("_hash") else typed
        return str(self._at(path.split(".")[1:]) or "") if KEPT + path in self._post else ""

    def _at(self, steps: list[str]) -> Any:
        """What stands at that place of the page's own document; a copy of a row has what that one has."""
        here: Any = self._base
        schema, path = self._schema, ROOT
        for step in steps:
            path = f"{path}.{step}"
            if isinstance(here, list):
                schema = schema.get("items", {})
                place = Known(here, schema).place(self._post.get(LIKE + path, step))
                here = None if place is None else here[place]
            else:
                schema = plain_schema(schema.get("properties", {}).get(step, {}))[0]
                here = here.get(step) if isinstance(here, dict) else None
        return here


def _number(text: str, schema: Schema) -> Any:
    if not text and "default" in schema:
        return schema["default"]
    return int(text) if _WHOLE.fullmatch(text) else text
