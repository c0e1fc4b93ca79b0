"""The XSD of what stands inside features: it lets through all that is saved, and refuses what it can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from clusters.catalogue import Catalogue, Document, Scope
from clusters.config_files.reading import read
from clusters.config_files.saving import save_cluster
from clusters.config_files.schema import schema
from clusters.config_files.sealing import Sealing
from clusters.modes import CLUSTER
from clusters.state import ClusterState, Defined
from clusters.versions import settings_at

Schema = dict[str, Any]


@dataclass(frozen=True)
class Shaped:
    """A feature of which only the shape of its documents is known."""

    schema: Schema
    secrets: frozenset[str] = frozenset()
    name: str = "shaped"
    title: str = "A shape"
    scope: Scope = Scope.CLUSTERABLE

    def check(self, document: Document) -> Document:
        return document


@dataclass(frozen=True)
class World:
    """Files with that one feature, and their XSD."""

    feature: Shaped

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue({"shaped": self.feature})

    def saved(self, document: Document, sealing: Sealing | None = None) -> str:
        state = ClusterState({settings_at(CLUSTER, "shaped"): Defined(document)})
        return save_cluster(state, self.catalogue, sealing=sealing)

    @property
    def xsd(self) -> etree.XMLSchema:
        return etree.XMLSchema(etree.fromstring(schema(self.catalogue).encode()))


# all that is saved is valid


def closed(**fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "additionalProperties": False}


integers = st.integers(-(10**20), 10**20)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | integers | floats | st.text()
free = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
some = {"min_size": 1, "max_size": 3, "unique": True}
names = st.sampled_from(["a", "b", "item", "entry", "no name", "é", "x-1", ""])


def _ranges(kind: str, numbers: st.SearchStrategy[Any], low: str, high: str) -> st.SearchStrategy[Schema]:
    ends = st.tuples(numbers, numbers).map(sorted).filter(lambda pair: pair[1] - pair[0] > 2)
    return ends.map(lambda pair: {"type": kind, low: pair[0], high: pair[1]})


plain_schemas = st.one_of(
    st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean", "null")]),
    st.sampled_from(
        [{}, {"enum": ["a", 1, None]}, {"$ref": "#/$defs/elsewhere"}, {"type": ["null", "string"]}]
    ),
    st.integers(0, 3).map(lambda n: {"type": "string", "minLength": n, "maxLength": n + 3}),
    st.lists(st.text(), **some).map(lambda texts: {"type": "string", "enum": texts}),
    st.text().map(lambda text: {"type": "string", "const": text}),
    st.lists(integers, **some).map(lambda numbers: {"type": "integer", "enum": numbers}),
    st.booleans().map(lambda value: {"type": "boolean", "const": value}),
    _ranges("integer", integers, "minimum", "maximum"),
    _ranges("integer", integers, "exclusiveMinimum", "exclusiveMaximum"),
    _ranges("integer", st.floats(-99, 99), "minimum", "maximum"),
    _ranges("number", floats | integers, "minimum", "maximum"),
)


def _structures(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    maps = st.dictionaries(names, inner, max_size=3).flatmap(
        lambda fields: st.builds(
            lambda required, more: {"type": "object", "properties": fields, "required": required, **more},
            st.lists(st.sampled_from(sorted(fields)), unique=True) if fields else st.just([]),
            st.sampled_from(
                [{"additionalProperties": False}] * 3
                + [{}, {"additionalProperties": {"type": "string"}}]
                + [{"additionalProperties": False, "patternProperties": {"^z": {"type": "string"}}}]
            ),
        )
    )
    lists = st.builds(
        lambda item, least: {"type": "array", "items": item, "minItems": least, "maxItems": least + 2},
        inner,
        st.integers(0, 2),
    )
    tuples = st.lists(inner, max_size=2).map(lambda parts: {"type": "array", "prefixItems": parts})
    several = st.tuples(st.sampled_from(["anyOf", "oneOf"]), st.lists(inner, min_size=1, max_size=3))
    nullable = inner.map(lambda one: {"anyOf": [one, {"type": "null"}]})
    return maps | lists | tuples | nullable | several.map(lambda pair: {pair[0]: pair[1]})


schemas = st.dictionaries(names, st.recursive(plain_schemas, _structures, max_leaves=6), max_size=3).map(
    lambda fields: closed(**fields)
)


def valid(of: Schema) -> st.SearchStrategy[Any]:
    """Documents that fit a schema."""
    if several := of.get("anyOf") or of.get("oneOf"):
        return st.one_of([valid(option) for option in several])
    if "const" in of:
        return st.just(of["const"])
    if "enum" in of:
        return st.sampled_from(of["enum"])
    kind = of.get("type")
    if kind == "object":
        needed = set(of.get("required", ()))
        parts = {name: valid(part) for name, part in of["properties"].items()}
        known = st.fixed_dictionaries(
            {name: part for name, part in parts.items() if name in needed},
            optional={name: part for name, part in parts.items() if name not in needed},
        )
        if "patternProperties" in of:
            return st.builds(lambda d, more: {**d, **more}, known, st.just({"zz": "x"}))
        if of.get("additionalProperties") is False:
            return known
        return st.builds(lambda more, d: {**more, **d}, st.dictionaries(st.text(), st.text()), known)
    if kind == "array" and "prefixItems" in of:
        return st.tuples(*[valid(part) for part in of["prefixItems"]], st.text()).map(list)
    if kind == "array":
        return st.lists(valid(of["items"]), min_size=of["minItems"], max_size=of["maxItems"])
    if kind == "string":
        return st.text(min_size=of.get("minLength", 0), max_size=of.get("maxLength", 9))
    if kind == "integer":
        low, high = of.get("minimum", -(10**20)), of.get("maximum", 10**20)
        inner = of.get("exclusiveMinimum", low - 1) + 1, of.get("exclusiveMaximum", high + 1) - 1
        return st.integers(-int(-inner[0] // 1), int(inner[1] // 1))
    if kind == "number":
        low, high = of.get("minimum"), of.get("maximum")
        return st.sampled_from([low, high]) if low is not None else floats | integers
    return {"boolean": st.booleans(), "null": st.none()}.get(str(kind), free)


def texts(of: Schema, path: str = "") -> Iterator[str]:
    """Every path that a secret could have."""
    for name, part in of.get("properties", {}).items():
        yield from texts(part, f"{path}.{name}" if path else name)
    if "items" in of:
        yield from texts(of["items"], f"{path}.*")
    yield path


SEALING = Sealing(b"salt", b"k" * 32)


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_is_saved_is_valid(data: st.DataObject) -> None:
    """LOAD-09: never stricter than what a file holds."""
    shape = data.draw(schemas)
    document = data.draw(valid(shape))
    secrets = data.draw(st.sampled_from([frozenset(), frozenset(texts(shape))]))
    world = World(Shaped(shape, secrets))
    for sealing in (None, SEALING):
        world.xsd.assertValid(etree.fromstring(world.saved(document, sealing).encode()))
    if not secrets:
        assert read(world.saved(document), world.catalogue).cluster == {"shaped": document}


OPEN = {"type": "object", "properties": {"b": {"type": "null"}}}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (OPEN, {"b": None, "more": 1}),
        ({**OPEN, "additionalProperties": {"type": "integer"}}, {"b": None, "more": 1}),
        ({**closed(), "patternProperties": {"^m": {"type": "integer"}}}, {"more": 1}),
        (closed(entry={"type": "string"}), {"entry": "x"}),
        (closed(**{"no name": {"type": "string"}}), {"no name": "x"}),
        ({"type": "array"}, []),
        ({"type": "array"}, [1, "x", {}]),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["x", 1]),
        ({"anyOf": [closed(b={"type": "null"}), closed(c={"type": "string"})]}, {"c": "x"}),
        ({"anyOf": [closed(), {"type": "string"}]}, "x"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, 1),
        ({"allOf": [{"type": "string"}]}, "x"),
        ({"type": "integer", "minimum": 0.5}, 1),
    ],
)
def test_what_xsd_cannot_say_is_let_through(part: Schema, value: object) -> None:
    """LOAD-09."""
    world = World(Shaped({**closed(a=part), "required": ["a"]}))
    world.xsd.assertValid(etree.fromstring(world.saved({"a": value}).encode()))


def test_feature_whose_fields_are_not_known_holds_anything() -> None:
    """LOAD-09."""
    world = World(Shaped({"anyOf": [closed(), OPEN]}))
    world.xsd.assertValid(etree.fromstring(world.saved({"a": [1, {"b": "x"}]}).encode()))


# what can be told is refused


LIMITED = {"type": "integer", "minimum": 1, "maximum": 5}
NULL = {"type": "null"}
ROWS = {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1, "maxItems": 2}


@pytest.mark.parametrize(
    ("part", "good", "bad"),
    [
        ({"type": "string"}, '<a encoding="base64">eA==</a>', '<a encoding="rot13">k</a>'),
        ({"type": "string"}, '<a type="text">x</a>', '<a type="integer">1</a>'),
        ({"type": "string"}, "<a/>", '<a secret="masked">x</a>'),
        ({"type": "string"}, "<a/>", "<a><b/></a>"),
        ({"type": "string", "enum": ["x", ""]}, "<a/>", "<a>y</a>"),
        ({"type": "string", "const": "x"}, "<a>x</a>", "<a>y</a>"),
        ({"type": "string", "minLength": 2}, "<a>xy</a>", "<a>x</a>"),
        (LIMITED, '<a type="integer">5</a>', '<a type="integer">6</a>'),
        (LIMITED, '<a type="integer">1</a>', '<a type="integer">0</a>'),
        (LIMITED, '<a type="integer">1</a>', "<a>1</a>"),
        (LIMITED, '<a type="integer">1</a>', '<a type="integer">one</a>'),
        ({"type": "integer", "exclusiveMinimum": 1}, '<a type="integer">2</a>', '<a type="integer">1</a>'),
        ({"type": "integer", "enum": [1, 3]}, '<a type="integer">3</a>', '<a type="integer">2</a>'),
        ({"type": "number"}, '<a type="number">1e-07</a>', '<a type="number">x</a>'),
        ({"type": "number", "maximum": 1.5}, '<a type="integer">1</a>', '<a type="number">1.6</a>'),
        ({"type": "boolean"}, '<a type="boolean">true</a>', '<a type="boolean">1</a>'),
        ({"type": "boolean", "const": True}, '<a type="boolean">true</a>', '<a type="boolean">false</a>'),
        (NULL, '<a type="null"/>', "<a/>"),
        (NULL, '<a type="null"/>', '<a type="null">x</a>'),
        (ROWS, '<a type="list"><item>xy</item></a>', '<a type="list"/>'),
        (ROWS, '<a type="list"><item>xy</item></a>', '<a type="list"><item>x</item></a>'),
        (ROWS, '<a type="list"><item>xy</item></a>', '<a type="list">' + "<item>xy</item>" * 3 + "</a>"),
        (ROWS, '<a type="list"><item>xy</item></a>', '<a type="list"><other>xy</other></a>'),
        (ROWS, '<a type="list"><item>xy</item></a>', "<a><item>xy</item></a>"),
        (closed(b=NULL), '<a type="map"/>', '<a type="list"/>'),
        (closed(b=NULL), '<a type="map"><b type="null"/></a>', '<a type="map"><c type="null"/></a>'),
        ({**closed(b=NULL), "required": ["b"]}, '<a type="map"><b type="null"/></a>', '<a type="map"/>'),
        ({"anyOf": [LIMITED, NULL]}, '<a type="null"/>', '<a type="integer">6</a>'),
        ({"anyOf": [LIMITED, NULL]}, '<a type="integer">5</a>', "<a/>"),
        ({"oneOf": [{"type": "string"}, NULL]}, "<a>x</a>", '<a type="integer">5</a>'),
        ({"anyOf": [ROWS, NULL]}, '<a type="null"/>', '<a type="map"/>'),
        ({"anyOf": [closed(b=NULL), NULL]}, '<a type="null"/>', '<a type="map"><c/></a>'),
    ],
)
def test_value_of_another_kind_or_outside_its_limits_is_not_valid(part: Schema, good: str, bad: str) -> None:
    """LOAD-09."""
    xsd = World(Shaped(closed(a=part))).xsd
    text = '<config format="1" kind="cluster"><cluster><shaped>{}</shaped></cluster></config>'
    xsd.assertValid(etree.fromstring(text.format(good)))
    assert not xsd.validate(etree.fromstring(text.format(bad)))


def test_secret_is_valid_where_the_feature_has_one() -> None:
    """LOAD-10."""
    long = {"type": "string", "minLength": 50}
    shape = closed(a=long, b={"type": "string", "enum": ["x"]}, c={"anyOf": [long, NULL]})
    world = World(Shaped(shape, frozenset({"a", "b", "c"})))
    document = {"a": "x" * 50, "b": "x", "c": "x" * 50}
    for sealing in (None, SEALING):
        world.xsd.assertValid(etree.fromstring(world.saved(document, sealing).encode()))


def test_fields_are_explained_in_the_words_of_their_schema() -> None:
    told = closed(
        a={"type": "null", "title": "Rate", "description": "Per hour."}, b={**NULL, "title": "Host"}
    )
    found = etree.fromstring(schema(World(Shaped(told)).catalogue).encode())
    words = [element.text for element in found.iter("{*}documentation")]
    assert words == ["A shape", "Rate. Per hour", "Host"]
