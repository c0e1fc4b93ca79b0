"""Which requirement is shown by which test: `make requirements` prints row, state and tests.

A test cites the rows that it shows at the beginning of its docstring: `JN-03, JN-04: ...`. The rows stand in
docs/requirements.md; one that has no test says there why. The state is that of the last run of each test.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "requirements.md"
OUTCOMES = "requirements/outcomes"
"""Where pytest's cache keeps the outcome of each test that cites a row."""

_IDENT = r"(?:[A-Z]{2,4}-|L)\d{2}"
ROW = re.compile(rf"\b{_IDENT}\b")
_CITED = re.compile(rf"{_IDENT}(?:(?:,\s+| and |,\s+and ){_IDENT})*")
_LINE = re.compile(rf"\| (?P<ident>{_IDENT}) \| (?P<what>[^|]+) \|(?P<reason>[^|]*)\|")


@dataclass(frozen=True)
class Row:
    """A requirement; `reason` says why no test shows it, and is empty otherwise."""

    ident: str
    what: str
    reason: str


def rows() -> dict[str, Row]:
    """The rows of docs/requirements.md by their numbers; raises ValueError for one that is there twice."""
    found: dict[str, Row] = {}
    for match in _LINE.finditer(DOCUMENT.read_text()):
        row = Row(match["ident"], match["what"].strip(), match["reason"].strip())
        if row.ident in found:
            raise ValueError(f"{row.ident} stands twice in {DOCUMENT.name}")
        found[row.ident] = row
    return found


def cited(docstring: str | None) -> list[str]:
    """The rows with which a docstring begins."""
    match = _CITED.match(docstring or "")
    return ROW.findall(match[0]) if match else []


def citations() -> dict[str, list[str]]:
    """For each row the tests that cite it, as pytest names them without parameters."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, docstring in _tests(path):
            for ident in cited(docstring):
                found[ident].append(f"{path.relative_to(ROOT)}::{name}")
    return dict(found)


def _tests(path: Path) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, ast.get_docstring(node)


def state(tests: Iterable[str], outcomes: Mapping[str, str]) -> str:
    """`passed`, `failed`, `not run` or `skipped`: the worst of the tests of a row."""
    found = {outcomes.get(test, "not run") for test in tests}
    return next((each for each in ("failed", "not run", "skipped") if each in found), "passed")


def last_outcomes() -> dict[str, str]:
    """The outcome of each citing test in its last run, from pytest's cache."""
    path = ROOT / ".pytest_cache" / "v" / OUTCOMES
    return dict(json.loads(path.read_text())) if path.exists() else {}


def main() -> int:
    """Prints the table; 1 if a row has neither a test nor a reason."""
    parser = argparse.ArgumentParser(prog="make requirements", description=__doc__)
    parser.add_argument("--open", action="store_true", help="only rows with neither a test nor a reason")
    told = parser.parse_args()
    shown, outcomes, bare = citations(), last_outcomes(), 0
    for row in rows().values():
        tests = shown.get(row.ident, [])
        is_bare = not tests and not row.reason
        bare += is_bare
        if told.open and not is_bare:
            continue
        if tests:
            print(f"{row.ident:<8}{state(tests, outcomes):<9}{row.what}")
            for test in tests:
                print(f"{'':<17}{test}")
        else:
            print(f"{row.ident:<8}{'no test':<9}{row.what}: {row.reason or 'OPEN'}")
    print(f"{len(rows())} rows, {bare} with neither a test nor a reason")
    return 1 if bare else 0


if __name__ == "__main__":
    sys.exit(main())
