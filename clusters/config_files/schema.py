"""The schema of configuration files (XSD), made from the catalogue, for editors and other programs (LOAD-09).

It says which sections there are, which features at which level, and what must be there once. What stands
inside the settings of a feature is that feature's own, and checked when a file is read.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from clusters.catalogue import Catalogue, Scope
from clusters.config_files.saving import FORMAT

XSD = "http://www.w3.org/2001/XMLSchema"
CLUSTER_SECTION, MACHINE_SECTION = "shared", "own"


def schema(catalogue: Catalogue) -> str:
    """The XML schema of files of this catalogue."""
    root = etree.Element(f"{{{XSD}}}schema", nsmap={"xs": XSD})
    config = _add(root, "element", name="config")
    body = _add(config, "complexType")
    sections = _add(body, "sequence")
    _section(sections, "cluster", CLUSTER_SECTION, "0", "1", name="optional")
    _section(sections, "group", CLUSTER_SECTION, "0", "unbounded", id="required", name="optional")
    _section(
        sections, "machine", MACHINE_SECTION, "0", "unbounded",
        serial="required", name="optional", group="optional",
    )  # fmt: skip
    _attribute(body, "format", "required", fixed=FORMAT)
    _attribute(body, "kind", "required", among=("cluster", "machine"))
    _attribute(body, "release", "optional")
    _attribute(body, "salt", "optional")
    _once(config, "one-group-per-id", "group", "id")
    _once(config, "one-machine-per-serial", "machine", "serial")
    everywhere = [f.name for f in catalogue if f.scope is not Scope.MACHINE]
    _settings(root, CLUSTER_SECTION, everywhere)
    _settings(root, MACHINE_SECTION, [f.name for f in catalogue])
    etree.indent(root)
    text = etree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add(parent: Any, tag: str, **attributes: str) -> Any:
    return etree.SubElement(parent, f"{{{XSD}}}{tag}", attributes)


def _section(parent: Any, tag: str, kind: str, least: str, most: str, **attributes: str) -> None:
    element = _add(parent, "element", name=tag, minOccurs=least, maxOccurs=most)
    body = _add(element, "complexType")
    inside = _add(body, "sequence")
    _add(inside, "element", name="settings", type=f"{kind}-settings", minOccurs="0", maxOccurs="unbounded")
    for name, use in attributes.items():
        _attribute(body, name, use)
    _once(element, f"one-{tag}-feature", "settings", "feature")


def _settings(root: Any, kind: str, features: list[str]) -> None:
    body = _add(root, "complexType", name=f"{kind}-settings")
    inside = _add(body, "sequence")
    _add(inside, "any", processContents="skip", minOccurs="0", maxOccurs="unbounded")
    _attribute(body, "feature", "required", among=features)


def _attribute(
    body: Any, name: str, use: str, *, fixed: str = "", among: list[str] | tuple[str, ...] = ()
) -> None:
    if fixed:
        _add(body, "attribute", name=name, type="xs:string", use=use, fixed=fixed)
        return
    if not among:
        _add(body, "attribute", name=name, type="xs:string", use=use)
        return
    kind = _add(_add(body, "attribute", name=name, use=use), "simpleType")
    allowed = _add(kind, "restriction", base="xs:string")
    for value in among:
        _add(allowed, "enumeration", value=value)


def _once(element: Any, name: str, selected: str, by: str) -> None:
    unique = _add(element, "unique", name=name)
    _add(unique, "selector", xpath=selected)
    _add(unique, "field", xpath=f"@{by}")
