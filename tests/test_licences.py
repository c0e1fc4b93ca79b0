"""The list of licences names what Gatefold needs, and nothing that it could not be given away with."""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from tests.licences import DOCUMENT, FAMILIES, direct, document, entries, licence, listed

LISTED = listed(DOCUMENT.read_text())


def test_list_names_every_requirement_with_its_licence() -> None:
    """INS-07: `make licences` was run after the last change of requirements.txt."""
    assert direct() - LISTED.keys() == set()
    assert LISTED.keys() >= {"django", "twisted"}
    assert listed(document(entries())).keys() >= direct()


def test_every_licence_goes_with_ours() -> None:
    """INS-07: in the list, and of what is installed now, newer than the list though it may be."""
    now = {each.name: each.licence for each in entries()}
    assert len(now) > 50
    assert {name: told for name, told in (LISTED | now).items() if not FAMILIES.search(told)} == {}


@pytest.mark.parametrize("told", ["GPL-3.0-only", "AGPL-3.0-or-later", "Proprietary", ""])
def test_licence_that_does_not_is_found(told: str) -> None:
    """INS-07: one of which we would have to think first."""
    assert not FAMILIES.search(told)


class Told(Distribution):
    """A package with these words about itself."""

    def __init__(self, *words: tuple[str, str]) -> None:
        self._words = words

    @property
    def metadata(self) -> Any:
        found = Message()
        for name, value in self._words:
            found[name] = value
        return found

    def read_text(self, filename: str) -> str | None:
        return None

    def locate_file(self, path: Any) -> Path:
        raise FileNotFoundError(path)


CLASSIFIER = ("Classifier", "License :: OSI Approved :: MIT License")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([("License-Expression", "ISC"), ("License", "old words")], "ISC"),
        ([("License", "BSD")], "BSD"),
        ([("License", "Permission is hereby granted, free of charge, " * 9), CLASSIFIER], "MIT License"),
        ([CLASSIFIER], "MIT License"),
        ([], ""),
    ],
)
def test_licence_is_what_the_package_says_best(words: list[tuple[str, str]], expected: str) -> None:
    """INS-07: SPDX before names, names before texts."""
    assert licence(Told(*words)) == expected


def test_list_says_no_versions() -> None:
    """INS-07: else it would be wrong with every new one."""
    assert not re.search(r"^\| [a-z-]+[ =~]+\d+\.\d", DOCUMENT.read_text(), re.MULTILINE)
