"""What sentences tell people to type exists; and sentences on pages and in mail hold no Markdown."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from appliances.cli import registry
from appliances.links import errors
from appliances.links.errors import REMEDIES, LinkError

ROOT = Path(__file__).resolve().parent.parent
ON_PAGES = ("appliances/links", "appliances/machine", "appliances/features", "clusters", "portal")
"""Whose sentences reach pages, mails and answers of the API, where a backtick stays a backtick."""
FOR_OPERATORS = (
    *("portal/api", "portal/management", "portal/command.py", "portal/entrance.py"),
    "appliances/machine/home.py",
)
"""Schemas, which are Markdown, and what is read in the shell of a host."""
TYPED = re.compile(r"`([^`]+)`")
MARKDOWN = re.compile(rf"{TYPED.pattern}|\*\*\w|\]\(http|^#+ \w")
QUOTED = re.compile(r'"([a-z][a-z ]+)(?:\{[^"]*\}|%\([^"]*)?"')
OF_THE_HOST = {"ip", "make", "machine"}
"""First words of what is typed into the host's own shell."""


def texts(path: Path) -> Iterator[str]:
    """The strings of a module but its docstrings; of an f-string with {} for each value."""
    tree = ast.parse(path.read_text())
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            skipped |= {id(part) for part in node.values}
            yield "".join(map(str, parts))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def modules(*packages: str, without: tuple[str, ...] = ()) -> list[Path]:
    found = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    return [p for p in found if not any(p.is_relative_to(ROOT / each) for each in (*without,))]


@cache
def usage_words() -> frozenset[str]:
    found = registry.commands().values()
    return frozenset(word for each in found for word in re.findall(r"[a-z]+", each.usage))


def exists(typed: str) -> bool:
    """Whether a line that a sentence names can be typed: the command, and each word that it must have."""
    first, *rest = typed.split()
    if first == "help":
        return not rest or exists(" ".join(rest)) or "{" in rest[0]
    fixed = [word for word in rest if re.fullmatch(r"[a-z]+", word)]
    command = registry.find(first)
    if command is None:
        return first in OF_THE_HOST or usage_words() >= {first, *fixed}
    return all(re.search(rf"\b{word}\b", command.usage) for word in fixed)


def unknown(named: re.Pattern[str], *packages: str) -> dict[str, list[str]]:
    """By module, what its sentences name and nobody can type."""
    found = {
        str(path): [each for text in texts(path) for each in named.findall(text) if not exists(each)]
        for path in modules(*packages)
    }
    return {path: typed for path, typed in found.items() if typed}


def test_each_command_that_a_sentence_names_exists() -> None:
    """TRL-22: whoever does what a sentence says gets no "unknown command"."""
    assert unknown(TYPED, "appliances/cli", "clusters", "portal/guided") == {}


def test_each_command_in_quotation_marks_exists() -> None:
    """TRL-22: where sentences reach pages, what is typed stands in quotation marks."""
    assert unknown(QUOTED, "appliances/links", "appliances/machine", "portal/guided") == {}


@pytest.mark.parametrize("typed", ["logconfig > hostkeyconfig", "clusterconfig accept", "hostkeyconfig"])
def test_command_that_does_not_exist_is_found_out(typed: str) -> None:
    """TRL-22: what the remedy for another host key once named."""
    assert not exists(typed)


def test_sentences_that_reach_pages_hold_no_markdown() -> None:
    """TRL-19: a page shows them as they are."""
    paths = modules(*ON_PAGES, without=FOR_OPERATORS)
    assert {str(path): text for path in paths for text in texts(path) if MARKDOWN.search(text)} == {}


def kinds(root: type[LinkError] = LinkError) -> Iterator[type[LinkError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_each_reason_and_each_kind_of_error_says_what_to_do() -> None:
    """TRL-22."""
    silent = {errors.Refused, errors.RequestFailed}
    assert [kind for kind in kinds() if kind.__module__ == errors.__name__ and not kind.remedy] == [
        kind for kind in kinds() if kind in silent
    ]
    assert set(REMEDIES) == set(errors.Reason)
