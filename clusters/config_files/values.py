"""A JSON document as XML elements and back, without loss; secrets masked or encrypted on the way.

A field is an element of its name, an item of a list an `item`. `type` says what is no text: map, list,
integer, number, boolean, null. A text that XML cannot carry as it is has `encoding="base64"`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection
from typing import Any, NoReturn, TypeAlias

from lxml import etree

from clusters.catalogue import XML_NAME
from clusters.config_files.errors import BadFile, MaskedSecret
from clusters.differences import HIDDEN

Element: TypeAlias = etree._Element
Seal = Callable[[str], str]

_PLAIN = re.compile(r"[\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_KEY = "key"


def write(parent: Element, document: Any, secrets: Collection[str], seal: Seal | None) -> None:
    """Add the fields of a document to an element. `seal` encrypts a secret; None masks it."""
    patterns = [tuple(pattern.split(".")) for pattern in secrets]
    for name, value in document.items():
        _write(parent, name, value, (name,), patterns, seal)


def _write(
    parent: Element,
    name: str,
    value: Any,
    path: tuple[str, ...],
    patterns: Collection[tuple[str, ...]],
    seal: Seal | None,
) -> None:
    element = etree.SubElement(parent, name if XML_NAME.fullmatch(name) else "entry")
    if element.tag == "entry":
        element.set(_KEY, _base64(name))
    if value is None:
        element.set("type", "null")
    elif isinstance(value, bool):
        element.set("type", "boolean")
        element.text = "true" if value else "false"
    elif isinstance(value, int):
        element.set("type", "integer")
        element.text = str(value)
    elif isinstance(value, float):
        element.set("type", "number")
        element.text = repr(value)
    elif isinstance(value, str):
        _write_text(element, value, path in patterns, seal)
    elif isinstance(value, list):
        element.set("type", "list")
        for item in value:
            _write(element, "item", item, (*path, "*"), patterns, seal)
    else:
        element.set("type", "map")
        for key, inner in value.items():
            _write(element, key, inner, (*path, key), patterns, seal)


def _write_text(element: Element, text: str, secret: bool, seal: Seal | None) -> None:
    if not secret or not text:
        _set_text(element, text)
    elif seal is None:
        element.set("secret", "masked")
        element.text = HIDDEN
    else:
        element.set("secret", "encrypted")
        element.text = seal(text)


def _set_text(element: Element, text: str) -> None:
    element.text = carried(text)
    if element.text != text:
        element.set("encoding", "base64")


def carried(text: str) -> str:
    """A text as it stands in an element: in base64 where XML cannot carry it as it is."""
    return text if _PLAIN.fullmatch(text) else _base64(text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def read(element: Element, unseal: Seal | None) -> dict[str, Any]:
    """The document that the children of an element hold.

    `unseal` decrypts; None where no passphrase was given. Raises BadFile with the line, MaskedSecret.
    """
    found: dict[str, Any] = {}
    for child in element:
        name = _text(child, child.get(_KEY, ""), "base64") if child.tag == "entry" else str(child.tag)
        if name in found:
            _bad(child, f"{name} is there twice")
        found[name] = _read(child, unseal)
    return found


def _read(element: Element, unseal: Seal | None) -> Any:
    kind = element.get("type", "text")
    if kind == "list":
        for child in element:
            if child.tag != "item":
                _bad(child, f'a list holds "item", not "{child.tag}"')
        return [_read(child, unseal) for child in element]
    if kind == "map":
        return read(element, unseal)
    if len(element):
        _bad(element, f'"{element.tag}" is {kind} and holds elements')
    return _scalar(element, kind, element.text or "", unseal)


def _scalar(element: Element, kind: str, text: str, unseal: Seal | None) -> Any:
    if kind == "text":
        return _plain(element, text, unseal)
    if kind == "null" and not text:
        return None
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        pass
    return _bad(element, f'"{element.tag}" is no {kind}: {text[:40]!r}')


def _plain(element: Element, text: str, unseal: Seal | None) -> str:
    secret = element.get("secret")
    if secret == "masked":
        raise MaskedSecret(element.sourceline or 0, str(element.tag))
    if secret == "encrypted":
        if unseal is None:
            _bad(element, f'"{element.tag}" is encrypted: the passphrase of the file is needed')
        return unseal(text)
    return _text(element, text, element.get("encoding", ""))


def _text(element: Element, text: str, encoding: str) -> str:
    if encoding != "base64":
        return text
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeDecodeError):
        return _bad(element, f'"{element.tag}" is no base64')


def _bad(element: Element, reason: str) -> NoReturn:
    raise BadFile(element.sourceline or 0, reason)
