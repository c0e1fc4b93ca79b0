"""Reads the JSON that callers send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from clusters.json_text import read_json
from clusters.refusals import Refused
from clusters.utf8 import read_utf8


class CarefulJSONParser(JSONParser):
    """Refuses in words what is no UTF-8, no JSON, or text that no database can keep.

    A `charset` beside the media type is not followed: JSON is UTF-8.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The document; raises ParseError."""
        try:
            found = read_json(read_utf8(stream.read()))
        except Refused as error:
            raise ParseError(str(error)) from None
        if not all(_keepable(text) for text in _texts(found)):
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
