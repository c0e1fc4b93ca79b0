"""What docs/adding.md says that a new thing takes is what its example took."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/adding.md"
RECIPES = re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^\| \*?`([^`]+)`\*? \|", re.MULTILINE)


def examples(recipe: str) -> list[str]:
    """The names by which the files of the recipe know its example."""
    (line,) = re.findall(r"^Example: (.+?)\.", recipe, re.MULTILINE)
    return [name.casefold() for name in re.findall(r"`([^`]+)`", line)]


@pytest.mark.parametrize(
    "recipe", [text for _title, text in RECIPES], ids=[title for title, _text in RECIPES]
)
def test_files_of_a_recipe_are_those_of_its_example(recipe: str) -> None:
    """HSE-01."""
    files = FILE.findall(recipe)
    assert len(files) >= 3
    names = examples(recipe)
    for file in files:
        text = (ROOT / file).read_text("utf-8").casefold()
        assert any(name in text or name in file for name in names), file


def test_every_recipe_is_found() -> None:
    titles = [title for title, _text in RECIPES]
    for word in ("feature", "page", "job", "alerts", "advice", "command"):
        assert any(word in title for title in titles), word
