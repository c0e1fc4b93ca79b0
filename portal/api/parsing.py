"""Reads the JSON that callers send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class CarefulJSONParser(JSONParser):
    """Refuses in words what is nested too deeply to be read, and text that no database can keep."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The document; raises ParseError."""
        try:
            found = super().parse(stream, media_type, parser_context)
            readable = all(_keepable(text) for text in _texts(found))
        except RecursionError:
            raise ParseError(_("This is nested too deeply.")) from None
        if not readable:
            raise ParseError(_("This holds characters that cannot be kept."))
        return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _keepable(text: str) -> bool:
    """Half of a surrogate pair is no character, and a NUL ends a text in some databases."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
