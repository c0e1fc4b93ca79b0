"""What a person typed into a feature's page, as a document for the feature to check."""

from __future__ import annotations

import re
from typing import Any

from argon2 import PasswordHasher
from django.http import QueryDict

from clusters.catalogue import Document
from portal.editing.fields import KEPT, ROOT, ROW, Schema, kind_of, plain_schema

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def document_of(schema: Schema, post: QueryDict, base: Document) -> Document:
    """The document in the form. Rows stand in the order of the form; wrong types stay, for the check to name.

    `base` is the document that the page was made from: secrets that were left alone are taken from it.
    """
    return Reader(post, base).read_object(schema, ROOT)


class Reader:
    """Reads one form, field by field along the schema."""

    def __init__(self, post: QueryDict, base: Document) -> None:
        self._post = post
        self._base = base

    def read_object(self, schema: Schema, path: str) -> Document:
        """The fields of an object."""
        return {name: self._read(part, f"{path}.{name}") for name, part in schema["properties"].items()}

    def _read(self, schema: Schema, path: str) -> Any:
        plain, nullable = plain_schema(schema)
        kind = kind_of(plain)
        if kind == "object":
            return self.read_object(plain, path)
        if kind in ("table", "cards"):
            return [
                self.read_object(plain["items"], f"{path}.{row}") for row in self._post.getlist(ROW + path)
            ]
        if kind == "fixed":
            return plain["const"]
        if kind == "secret":
            return self._secret(path)
        return self._scalar(kind, plain, path, nullable)

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
        return str(_found(self._base, path.split(".")[1:]) or "") if KEPT + path in self._post else ""


def _number(text: str, schema: Schema) -> Any:
    if not text and "default" in schema:
        return schema["default"]
    return int(text) if _WHOLE.fullmatch(text) else text


def _found(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(value, list):
            value = value[int(step)] if step.isdecimal() and int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
