"""What is wrong with a document, said in our words and at the row that people know."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from appliances.features.discovery import FEATURES
from clusters.catalogue import Document, InvalidDocument, Problem
from tests.appliances.features.examples import DOCUMENTS

WRONG = (
    None,
    True,
    1.5,
    -1,
    10**30,
    "",
    "x" * 30_000,
    "\ud800",
    b"x",
    [],
    [None],
    {},
    {"x": 1},
    {1: 2},
    object(),
)
"""A value of each kind that JSON has, and of some that it has not."""


def spoilt(document: Any) -> Iterator[Any]:
    """The document with each of its parts replaced by each wrong value, left out, or joined by another."""
    yield from WRONG
    if isinstance(document, Mapping):
        yield {**document, "strange": 1}
        yield {**document, 7: 1}
        for name, part in document.items():
            yield {key: value for key, value in document.items() if key != name}
            for wrong in spoilt(part):
                yield {**document, name: wrong}
    elif isinstance(document, list):
        yield document * 41_000 if document and not isinstance(document[0], dict) else document
        for wrong in spoilt(document[0]) if document else ():
            yield [wrong, *document[1:]]


def problems_of(name: str, document: object) -> tuple[Problem, ...]:
    try:
        FEATURES[name].read(document)
    except InvalidDocument as refused:
        return refused.problems
    return ()


def said_by_the_library(name: str, document: object) -> set[str]:
    try:
        FEATURES[name].model.model_validate(document)
    except ValidationError as error:
        return {each["msg"] for each in error.errors(include_url=False)}
    return set()


@pytest.mark.parametrize("name", FEATURES)
def test_no_sentence_of_the_library_is_told_for_a_value_of_the_wrong_kind(name: str) -> None:
    """TRL-27: at every place of every feature; and each complaint has words of its own."""
    whole = FEATURES[name].check(DOCUMENTS[name])
    for document in spoilt(whole):
        told = {problem.message for problem in problems_of(name, document)}
        assert not told & said_by_the_library(name, document)
        assert not [text for text in told if text.startswith(("Input should", "Field", "Extra", "Value"))]
        assert not [text for text in told if "does not fit" in text]


@pytest.mark.parametrize(
    ("name", "path", "value", "place"),
    [
        ("interfaceconfig", ("interfaces", 1, "hostname"), 7, "interfaces[Data 1].hostname"),
        ("interfaceconfig", ("interfaces", 1, "name"), 7, "interfaces[2].name"),
        ("userconfig", ("users", 0, "authorised_keys"), ["no key"], "users[admin].authorised_keys[1]"),
        ("interfaceconfig", ("interfaces", 1, "netmask"), "99", "interfaces[Data 1].netmask"),
    ],
)
def test_place_of_a_problem_names_the_row_and_counts_from_one(
    name: str, path: tuple[Any, ...], value: Any, place: str
) -> None:
    """TRL-27: also for what is wrong between fields; programs find the path as before."""
    document = _with(name, path, value)
    with pytest.raises(InvalidDocument) as refused:
        FEATURES[name].check(document)
    assert place in {problem.place for problem in refused.value.problems}
    assert f"{place}: " in str(refused.value)
    assert refused.value.problems[0].path.startswith(".".join(map(str, path)))


def _with(name: str, path: tuple[Any, ...], value: Any) -> Document:
    document = copy.deepcopy(FEATURES[name].check(DOCUMENTS[name]))
    if name == "interfaceconfig":
        first = document["interfaces"][0]
        other = {**copy.deepcopy(first), "name": "Other", "ip": "127.0.0.98"}
        document["interfaces"] = [other, {**first, "name": "Data 1", "ip": "127.0.0.99"}]
    *above, last = path
    here: Any = document
    for step in above:
        here = here[step]
    here[last] = value
    return document
