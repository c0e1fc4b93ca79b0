"""Building blocks of an XML schema (XSD 1.0)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lxml import etree

XSD = "http://www.w3.org/2001/XMLSchema"


def add(parent: Any, tag: str, **attributes: str) -> Any:
    """A new part of the schema below another one."""
    return etree.SubElement(parent, f"{{{XSD}}}{tag}", attributes)


def explain(element: Any, text: str) -> None:
    """What editors show about an element that was just declared; nothing for an empty text."""
    if text:
        add(add(element, "annotation"), "documentation").text = text


def attribute(
    body: Any, name: str, use: str = "optional", *, fixed: str = "", among: Collection[str] = ()
) -> None:
    """An attribute with any text, with one text, or with one of several."""
    if not among:
        only = {"fixed": fixed} if fixed else {}
        add(body, "attribute", name=name, type="xs:string", use=use, **only)
        return
    kind = add(add(body, "attribute", name=name, use=use), "simpleType")
    allowed = add(kind, "restriction", base="xs:string")
    for value in among:
        add(allowed, "enumeration", value=value)


def anything_inside(body: Any) -> None:
    """Any elements, which nobody looks at."""
    inside = add(body, "sequence")
    add(inside, "any", processContents="skip", minOccurs="0", maxOccurs="unbounded")
