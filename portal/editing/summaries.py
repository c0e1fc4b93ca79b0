"""A feature's settings in one line, for lists in which many stand below one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from clusters.catalogue import Document
from clusters.differences import HIDDEN, item_key, masked
from portal.editing.fields import plain_schema

NAMED = 3
PARTS = 4
LONGEST = 60


def in_short(feature: Any, document: Document) -> str:
    """The first fields of a document with their values; secrets stay hidden."""
    shown = masked(document, feature.secrets)
    parts = list(_parts(feature.schema, shown))
    text = " · ".join(parts[:PARTS])
    return f"{text} …" if len(parts) > PARTS else text


def _parts(schema: Mapping[str, Any], document: Document) -> Iterator[str]:
    for name, part in schema["properties"].items():
        plain, _nullable = plain_schema(part)
        value = document.get(name)
        if value in (None, "") or isinstance(value, dict):
            continue
        title = str(plain.get("title", ""))
        said = _said(value)
        yield f"{_(title) if title else name}: {said}"


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, list):
        return _list(value)
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _list(items: list[Any]) -> str:
    if not items:
        return _("empty")
    key = item_key(items)
    names = [str(item[key]) if key else str(item) for item in items[:NAMED] if key or isinstance(item, str)]
    named = ", ".join(name for name in names if name != HIDDEN)
    if not named:
        return str(len(items))
    return f"{named} …({len(items)})" if len(items) > NAMED else named
