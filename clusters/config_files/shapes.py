"""What stands inside the features of a file, as XSD types made from the features' JSON schemas (LOAD-09).

A type may let more through than its feature does, never less: what XSD 1.0 cannot say of a document, or what
is not known here, is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clusters.catalogue import XML_NAME, Feature
from clusters.config_files.values import carried
from clusters.config_files.xsd import add, anything_inside, attribute, explain

_Schema = Mapping[str, Any]

_CONTENTS = {
    "text": "xs:string",
    "integer": "xs:integer",
    "number": "xs:double",
    "boolean": "true-or-false",
    "null": "nothing",
}
_KINDS = {
    **{kind: kind for kind in ("integer", "number", "boolean", "null")},
    "string": "text",
    "array": "list",
    "object": "map",
}
_LIMITS = {
    "minimum": "minInclusive",
    "maximum": "maxInclusive",
    "exclusiveMinimum": "minExclusive",
    "exclusiveMaximum": "maxExclusive",
}


def shape_of(feature: Feature) -> str:
    """The name of the type of a feature's element."""
    return f"{feature.name}-settings"


def add_shape(root: Any, feature: Feature) -> None:
    """The type of a feature's element: its fields, in any order."""
    secrets = frozenset(tuple(path.split(".")) for path in feature.secrets)
    body = add(root, "complexType", name=shape_of(feature))
    explain(body, feature.title)
    _Shapes(secrets).map(body, feature.schema, ())


def add_kinds(root: Any) -> None:
    """What the features are made of: the kinds of values as they are written, without their limits."""
    true_or_false = add(add(root, "simpleType", name="true-or-false"), "restriction", base="xs:boolean")
    add(true_or_false, "pattern", value="true|false")
    nothing = add(add(root, "simpleType", name="nothing"), "restriction", base="xs:string")
    add(nothing, "length", value="0")
    text = _kind(root, "text", "xs:string")
    attribute(text, "type", fixed="text")
    attribute(text, "encoding", fixed="base64")
    attribute(_kind(root, "secret", "text"), "secret", among=("masked", "encrypted"))
    attribute(_kind(root, "integer", "xs:integer"), "type", "required", fixed="integer")
    attribute(_kind(root, "number", "xs:double"), "type", "required", among=("integer", "number"))
    attribute(_kind(root, "boolean", "true-or-false"), "type", "required", fixed="boolean")
    attribute(_kind(root, "null", "nothing"), "type", "required", fixed="null")
    union = _kind(root, "one-of-several", "xs:anySimpleType")
    for name in ("type", "encoding", "secret"):
        attribute(union, name)
    anything = add(root, "complexType", name="anything", mixed="true")
    anything_inside(anything)
    add(anything, "anyAttribute", processContents="skip")


def _kind(root: Any, name: str, base: str) -> Any:
    return add(add(add(root, "complexType", name=name), "simpleContent"), "extension", base=base)


class _Shapes:
    def __init__(self, secrets: frozenset[tuple[str, ...]]) -> None:
        self._secrets = secrets

    def map(self, body: Any, schema: _Schema, path: tuple[str, ...], least: str = "1") -> None:
        """The fields in any order; `least` is 0 where they may all be missing."""
        if not _closed(schema):
            anything_inside(body)
            return
        inside = add(body, "all", minOccurs=least)
        for name, part in schema.get("properties", {}).items():
            occurs = "1" if name in schema.get("required", ()) else "0"
            self._field(add(inside, "element", name=name, minOccurs=occurs), part, (*path, name))

    def _list(self, body: Any, schema: _Schema, path: tuple[str, ...], least: str) -> None:
        inside = add(body, "sequence", minOccurs=least)
        occurs = {
            "minOccurs": str(schema.get("minItems", 0)),
            "maxOccurs": str(schema.get("maxItems", "unbounded")),
        }
        part = {} if "prefixItems" in schema else schema.get("items", {})
        self._field(add(inside, "element", name="item", **occurs), part, (*path, "*"))

    def _field(self, element: Any, schema: _Schema, path: tuple[str, ...]) -> None:
        explain(element, _words(schema))
        options = [(_KINDS.get(str(option.get("type")), "anything"), option) for option in _options(schema)]
        kinds = {kind for kind, _option in options}
        if kinds <= _CONTENTS.keys():
            self._scalar(element, options, path in self._secrets)
            return
        structures = [(kind, option) for kind, option in options if kind != "null"]
        kind, option = structures[0]
        if len(structures) > 1 or kind == "anything":
            element.set("type", "anything")
            return
        body = add(element, "complexType")
        least = "0" if "null" in kinds else "1"
        (self.map if kind == "map" else self._list)(body, option, path, least)
        attribute(body, "type", "required", among=sorted(kinds))

    def _scalar(self, element: Any, options: list[tuple[str, _Schema]], secret: bool) -> None:
        if len(options) > 1:
            self._union(element, options, secret)
            return
        ((kind, schema),) = options
        kind = "secret" if secret and kind == "text" else kind
        facets = list(_facets(kind, schema))
        if not facets:
            element.set("type", kind)
            return
        content = add(add(element, "complexType"), "simpleContent")
        _limit(add(content, "restriction", base=kind), facets)

    def _union(self, element: Any, options: list[tuple[str, _Schema]], secret: bool) -> None:
        content = add(add(add(element, "complexType"), "simpleContent"), "restriction", base="one-of-several")
        members = add(add(content, "simpleType"), "union")
        for kind, schema in options:
            member = add(add(members, "simpleType"), "restriction", base=_CONTENTS[kind])
            if not secret:
                _limit(member, list(_facets(kind, schema)))
        kinds = {kind for kind, _schema in options}
        written = kinds | {"integer"} if "number" in kinds else kinds
        attribute(content, "type", "optional" if "text" in kinds else "required", among=sorted(written))


def _options(schema: _Schema) -> Iterator[_Schema]:
    """The schemas one of which a value fits."""
    several = schema.get("anyOf") or schema.get("oneOf")
    if not several:
        yield schema
        return
    for option in several:
        yield from _options(option)


def _closed(schema: _Schema) -> bool:
    """Whether the fields are known, and their names stand as names of elements (values.write)."""
    return (
        schema.get("additionalProperties") is False
        and "patternProperties" not in schema
        and all(XML_NAME.fullmatch(name) and name != "entry" for name in schema.get("properties", {}))
    )


def _facets(kind: str, schema: _Schema) -> Iterator[tuple[str, str]]:
    """The limits of a scalar, as XSD calls them. Texts may be in base64, and secrets are not themselves."""
    allowed = [schema["const"]] if "const" in schema else schema.get("enum", [])
    if kind == "text":
        yield from (("enumeration", carried(text)) for text in allowed)
        if schema.get("minLength"):
            yield "minLength", str(schema["minLength"])
    elif kind == "boolean":
        if allowed:
            yield "pattern", "|".join("true" if value else "false" for value in allowed)
    elif kind in ("integer", "number"):
        yield from (("enumeration", repr(number)) for number in allowed)
        for name, facet in _LIMITS.items():
            limit = schema.get(name)
            if isinstance(limit, int if kind == "integer" else int | float):
                yield facet, repr(limit)


def _words(schema: _Schema) -> str:
    """What a person reads about a field; the description of a map is that of its parts."""
    told = [schema.get("title"), schema.get("description") if schema.get("type") != "object" else None]
    return ". ".join(str(words).removesuffix(".") for words in told if words)


def _limit(restriction: Any, facets: list[tuple[str, str]]) -> None:
    for facet, value in facets:
        add(restriction, facet, value=value)
