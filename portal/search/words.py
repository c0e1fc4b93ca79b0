"""What features and their fields are called, in every language of the portal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from clusters.installed import catalogue


@dataclass(frozen=True, slots=True)
class Named:
    """A feature, or a field of it, by its message id; `names` are all that a person may call it."""

    feature: str
    message: str
    field: bool
    names: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name in the reader's language."""
        return _(self.message)


@cache
def names() -> tuple[Named, ...]:
    """Every feature, and every field with a title; the fields of a feature once each."""
    return tuple(_names())


def _names() -> Iterator[Named]:
    for feature in catalogue():
        called = (feature.name, *_in_all_languages(feature.title))
        yield Named(feature.name, feature.title, False, called)
        # The catalogue's protocol does not promise a schema; what has none has no fields to find.
        schema = getattr(feature, "schema", {})
        for title in dict.fromkeys(_titles(schema)):
            yield Named(feature.name, title, True, _in_all_languages(title))


def _in_all_languages(message: str) -> tuple[str, ...]:
    found = []
    for code, _name in settings.LANGUAGES:
        with override(code):
            found.append(_(message))
    return tuple(found)


def _titles(schema: Mapping[str, Any], inside: bool = False) -> Iterator[str]:
    if inside and schema.get("title"):
        yield str(schema["title"])
    for part in schema.get("properties", {}).values():
        yield from _titles(part, True)
    if isinstance(schema.get("items"), Mapping):
        # A part of a list is named like its class, which no person ever sees.
        yield from _titles(schema["items"])
    for part in schema.get("anyOf", ()):
        yield from _titles(part)


def called(text: str) -> list[Named]:
    """The features and fields in whose names the text stands, case ignored."""
    wanted = text.casefold()
    return [named for named in names() if any(wanted in name.casefold() for name in named.names)]
