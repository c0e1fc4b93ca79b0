"""The schema of configuration files (XSD 1.0), made from the catalogue, for editors and programs (LOAD-09).

It says which sections there are, which features at which level, what must be there once, and what stands
inside the features (`shapes`). Whatever is saved and can be loaded is valid; what is valid may still
be refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lxml import etree

from clusters.catalogue import LEVELS_OF_SCOPE, Catalogue, Feature
from clusters.config_files.saving import FORMAT
from clusters.config_files.shapes import add_kinds, add_shape, shape_of
from clusters.config_files.xsd import XSD, add, attribute
from clusters.modes import Level


def schema(catalogue: Catalogue) -> str:
    """The XML schema of files of this catalogue."""
    root = etree.Element(f"{{{XSD}}}schema", nsmap={"xs": XSD})
    config = add(root, "element", name="config")
    body = add(config, "complexType")
    sections = add(body, "sequence")
    cluster = _section(sections, "cluster", "1", _at(catalogue, Level.CLUSTER))
    attribute(cluster, "name")
    group = _section(sections, "group", "unbounded", _at(catalogue, Level.GROUP))
    attribute(group, "id", "required")
    attribute(group, "name")
    # A machine that is flattened has the features of every level.
    machine = _section(sections, "machine", "unbounded", catalogue)
    attribute(machine, "serial", "required")
    attribute(machine, "name")
    attribute(machine, "group")
    attribute(body, "format", "required", fixed=FORMAT)
    attribute(body, "kind", "required", among=("cluster", "machine"))
    attribute(body, "release")
    attribute(body, "salt")
    _once(config, "one-group-per-id", "group", "id")
    _once(config, "one-machine-per-serial", "machine", "serial")
    add_kinds(root)
    for feature in catalogue:
        add_shape(root, feature)
    etree.indent(root)
    text = etree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _at(catalogue: Catalogue, level: Level) -> list[Feature]:
    return [feature for feature in catalogue if level in LEVELS_OF_SCOPE[feature.scope]]


def _section(parent: Any, tag: str, most: str, features: Iterable[Feature]) -> Any:
    body = add(add(parent, "element", name=tag, minOccurs="0", maxOccurs=most), "complexType")
    inside = add(body, "all")
    for feature in features:
        add(inside, "element", name=feature.name, type=shape_of(feature), minOccurs="0")
    return body


def _once(element: Any, name: str, selected: str, by: str) -> None:
    unique = add(element, "unique", name=name)
    add(unique, "selector", xpath=selected)
    add(unique, "field", xpath=f"@{by}")
