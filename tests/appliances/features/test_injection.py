"""Texts that mean something to Postfix, in every field that holds text: refused, or written as text."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from appliances.features.discovery import FEATURES
from appliances.features.feature import found
from appliances.features.rendering import render
from clusters.catalogue import Document, InvalidDocument
from tests.appliances.features.examples import DOCUMENTS
from tests.appliances.features.written import Written, written

NEVER = [
    "a\nmynetworks = 0.0.0.0/0",
    "a\rb",
    "a\x00b",
    "a\x1b[2Jb",
    "a\x7fb",
    "a\u2028b",
    "a\u0085b",
    "a\u202eb",
    "a\ud800b",
    "x" * 30_000,
]
"""Refused everywhere; but a text of several lines may have line ends."""

SYNTAX = [
    "$mynetworks",
    "${mynetworks}",
    "$(id)",
    "a, permit_mynetworks",
    "a permit",
    "permit",
    "OK",
    "DUNNO",
    "reject",
    "{ a }",
    "}",
    "#a",
    '"a"',
    '"a@b"@example.com',
    "a=b",
    "-o smtpd_client_restrictions=",
    "[10.0.0.1]:25, [10.9.9.9]:25",
    "10.0.0.1]:25, [10.9.9.9",
    "fe80::1%eth0",
    "fe80::1%]:25,[10.9.9.9",
    "/etc/passwd",
    "/./",
    "|/bin/sh",
    "!example.com",
    "regexp:/etc/passwd",
    "hash:x",
    "discard:",
    "*",
    "..",
    ".",
    "@",
    "a@",
    "@example.com:b@example.com",
    "a%b@example.com",
    "a!b@example.com",
    "@a@b",
    "{0.__class__}",
    "%(x)s",
    "<b>",
    "0.0.0.0/0x",
    "$argon2id$",
    "",
    "  ",
    "ｅxample.com",
    "日本",
]


def text_fields(schema: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a schema that holds free text, and its format."""
    if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
        yield path, schema["x-format"]
    for name, part in schema.get("properties", {}).items():
        yield from text_fields(part, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from text_fields(schema["items"], f"{path}.*")


FIELDS = [(name, path, kind) for name, f in FEATURES.items() for path, kind in text_fields(f.schema)]


def planted(feature: str, path: str, text: str) -> Document:
    """The example of the feature, with that text in the first place that the path names."""
    document = copy.deepcopy(FEATURES[feature].check(DOCUMENTS[feature]))
    place = next(where for where, _value in found(document, path))
    *parents, last = place.split(".")
    target: Any = document
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target[part]
    target[int(last) if isinstance(target, list) else last] = text
    return document


def machine(feature: str, document: Document) -> Written:
    return written(render({**DOCUMENTS, feature: document}).configuration)


def test_every_text_field_is_in_the_examples() -> None:
    for feature, path, _kind in FIELDS:
        normal = FEATURES[feature].check(DOCUMENTS[feature])
        assert next((value for _place, value in found(normal, path)), ""), (feature, path)


@pytest.mark.parametrize(("feature", "path", "kind"), FIELDS)
def test_control_characters_and_endless_texts_are_refused(feature: str, path: str, kind: str) -> None:
    for text in NEVER:
        if kind == "prose" and text.startswith(("a\n", "a\r")):
            continue
        with pytest.raises(InvalidDocument) as refused:
            FEATURES[feature].check(planted(feature, path, text))
        assert any(problem.path.startswith(path.split(".")[0]) for problem in refused.value.problems)


@pytest.mark.parametrize(("feature", "path", "kind"), FIELDS)
def test_syntax_of_postfix_is_refused_or_stays_text(feature: str, path: str, kind: str) -> None:
    before = machine(feature, FEATURES[feature].check(DOCUMENTS[feature]))
    unchanged = render(DOCUMENTS).configuration.digest()
    for text in SYNTAX:
        try:
            document = FEATURES[feature].check(planted(feature, path, text))
        except InvalidDocument:
            continue
        if render({**DOCUMENTS, feature: document}).configuration.digest() == unchanged:
            continue
        after = machine(feature, document)
        assert after.complaints == "", text
        assert after.foreign_macros == set(), text
        if any(value == text for _place, value in found(document, path)):
            assert _same_shape(before, after, path, text), text


def _same_shape(before: Written, after: Written, path: str, text: str) -> bool:
    """Nothing is there that was not there before; a name that no longer refers to anything may take away."""
    return (
        _rows(after) <= _rows(before)
        and len(after.master) <= len(before.master)
        and len(after.main) <= len(before.main)
    )


def _rows(machine: Written) -> int:
    """How many rows its tables have, without those of accepted domains that have no route of their own:
    renaming a route leaves its domain to the agent for accepted domains (TRN-10)."""
    return sum(not row.endswith(" relay:") for rows in machine.tables.values() for row in rows)
