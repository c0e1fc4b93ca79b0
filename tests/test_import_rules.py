"""The rules of the house that a machine can keep: imports, names, reasons (design, section 2)."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("clusters", "appliances", "portal")
FOREIGN = frozenset({"django", "channels", "celery", "rest_framework"})
NO_DJANGO = (
    *(f"clusters.{name}" for name in ("modes", "catalogue", "wire", "versions", "memory")),
    *(f"clusters.{name}" for name in ("replication", "state", "effective", "fence", "trying", "matrix")),
    "appliances.postfix",
    "appliances.features",
    "appliances.releases",
)
MAY_IMPORT = {
    "clusters": set(),
    "appliances": {"clusters"},
    "portal": {"clusters", "appliances"},
}
MAY_IMPORT_WITHIN_APPLIANCES = {
    "postfix": set(),
    "links": set(),
    "releases": set(),
    "features": {"postfix"},
    "machine": {"features", "postfix", "links", "releases"},
    "cli": {"machine", "features", "postfix", "links", "releases"},
    "following": {"machine", "features", "postfix", "links"},
}
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
SUPPRESSION = re.compile(r"#\s*(noqa\b|type:\s*ignore\b)(:\s*[A-Z0-9, ]+|\[[a-z0-9, -]+\])?\s*(?P<rest>.*)")


@dataclass
class House:
    """The modules of a source tree, by dotted name, and what each imports."""

    root: Path
    files: dict[str, Path] = field(default_factory=dict)
    imports: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for package in OURS:
            for path in sorted((self.root / package).rglob("*.py")):
                self.files[dotted(path.relative_to(self.root))] = path
        for name, path in self.files.items():
            self.imports[name] = set(self._imported(name, ast.parse(path.read_text())))

    def _imported(self, name: str, tree: ast.AST) -> Iterator[str]:
        for node in walk_at_run_time(tree):
            if isinstance(node, ast.Import):
                yield from (self._known(alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name} imports relatively"
                yield from (self._known(f"{node.module}.{alias.name}") for alias in node.names)

    def _known(self, name: str) -> str:
        """Our module that `name`, or what it is taken from, lives in; others as they are."""
        parent = name.rpartition(".")[0]
        return name if name in self.files or parent not in self.files else parent

    def reached(self, start: str) -> dict[str, str]:
        """Everything that importing a module imports, and by which of our modules."""
        found: dict[str, str] = {}
        todo = [start]
        while todo:
            by = todo.pop()
            for name in {*self.imports.get(by, ()), *parents(by)} - found.keys():
                found[name] = by
                todo.append(name)
        return found


def dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def walk_at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from walk_at_run_time(node)


def wrong_directions(house: House) -> list[str]:
    return [
        f"{name} imports {other}"
        for name, imported in house.imports.items()
        for other in sorted(imported)
        if not _may_import(name.split("."), other.split("."))
    ]


def _may_import(name: list[str], other: list[str]) -> bool:
    if other[0] not in OURS:
        return True
    if name[0] != other[0]:
        return other[0] in MAY_IMPORT[name[0]]
    if name[0] != "appliances" or len(name) < 2 or len(other) < 2 or name[1] == other[1]:
        return True
    known = MAY_IMPORT_WITHIN_APPLIANCES
    return name[1] not in known or other[1] not in known or other[1] in known[name[1]]


def django_imports(house: House) -> list[str]:
    return [
        f"{name} imports {found}" + ("" if by == name else f" by way of {by}")
        for name in house.files
        if any(name == pure or name.startswith(f"{pure}.") for pure in NO_DJANGO)
        for found, by in sorted(house.reached(name).items())
        if found.split(".")[0] in FOREIGN
    ]


def names_that_say_nothing(root: Path) -> list[str]:
    paths = (path for package in (*OURS, "tests", "bench") for path in (root / package).rglob("*.py"))
    return sorted(
        str(p.relative_to(root))
        for p in paths
        if NAMES_THAT_SAY_NOTHING & set(p.relative_to(root).with_suffix("").parts)
    )


def unreasoned_suppressions(root: Path) -> list[str]:
    paths = (path for package in (*OURS, "tests", "bench") for path in sorted((root / package).rglob("*.py")))
    return [
        f"{path.relative_to(root)}:{token.start[0]}: {token.string}"
        for path in paths
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.COMMENT
        and (found := SUPPRESSION.search(token.string))
        and not (found["rest"].strip("# ") or token.string[: found.start()].strip("# "))
    ]


@pytest.fixture(scope="module")
def house() -> House:
    return House(ROOT)


def test_imports_run_one_way(house: House) -> None:
    """Design, section 2, the paragraph on imports."""
    assert len(house.files) > 20
    assert wrong_directions(house) == []


def test_pure_modules_import_no_django(house: House) -> None:
    """Design, section 2: neither themselves nor by way of another module of ours."""
    assert {name for name in NO_DJANGO if name not in house.files} == set()
    assert django_imports(house) == []


def test_names_of_modules_say_what_is_in_them() -> None:
    assert names_that_say_nothing(ROOT) == []


def test_every_suppression_has_its_reason_beside_it() -> None:
    assert unreasoned_suppressions(ROOT) == []


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for folder in path.parents:
            if folder == root:
                break
            (folder / "__init__.py").touch()
    return root


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("clusters/modes.py", "import appliances.models"),
        ("clusters/modes.py", "from portal import urls"),
        ("appliances/models.py", "from portal.urls import patterns"),
        ("appliances/postfix/queue.py", "from appliances.features import hat"),
        ("appliances/features/hat.py", "from appliances.machine import home"),
        ("appliances/machine/home.py", "from appliances.cli import shell"),
        ("appliances/links/server.py", "from appliances.machine import home"),
        ("appliances/machine/home.py", "def late():\n    from appliances.cli.shell import Shell"),
    ],
)
def test_an_import_uphill_is_found(tmp_path: Path, name: str, imported: str) -> None:
    assert len(wrong_directions(House(plant(tmp_path, {name: imported})))) == 1


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("portal/urls.py", "from appliances import models"),
        ("appliances/machine/home.py", "from appliances.links.client import dial"),
        ("appliances/cli/shell.py", "from appliances.machine import home"),
        ("appliances/models.py", "from appliances.machine import home"),
        ("clusters/modes.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import portal.urls"),
    ],
)
def test_an_import_downhill_is_fine(tmp_path: Path, name: str, imported: str) -> None:
    assert wrong_directions(House(plant(tmp_path, {name: imported}))) == []


def test_a_relative_import_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="relatively"):
        House(plant(tmp_path, {"clusters/modes.py": "from . import versions"}))


def test_django_behind_another_module_is_found(tmp_path: Path) -> None:
    files = {
        "clusters/modes.py": "from clusters.versions import joined",
        "clusters/versions.py": "from clusters.models import Replica",
        "clusters/models.py": "from django.db import models",
        "appliances/features/hat.py": "",
        "appliances/features/__init__.py": "from clusters.models import Replica",
    }
    found = django_imports(House(plant(tmp_path, files)))
    assert "clusters.modes imports django.db.models by way of clusters.models" in found
    assert "appliances.features.hat imports django.db.models by way of clusters.models" in found


def test_a_name_that_says_nothing_is_found(tmp_path: Path) -> None:
    plant(tmp_path, {"clusters/utils.py": "", "portal/helpers/x.py": "", "portal/management/jobs.py": ""})
    found = names_that_say_nothing(tmp_path)
    assert "clusters/utils.py" in found
    assert "portal/helpers/x.py" in found
    assert not any("management" in name for name in found)


@pytest.mark.parametrize("comment", ["# noqa", "# noqa: F401", "# type: ignore", "# type: ignore[arg-type]"])
def test_a_suppression_without_a_reason_is_found(tmp_path: Path, comment: str) -> None:
    plant(tmp_path, {"clusters/a.py": f"import os  {comment}\nx = '# noqa'\n"})
    assert unreasoned_suppressions(tmp_path) == [f"clusters/a.py:1: {comment}"]
    (tmp_path / "clusters/a.py").write_text(f"import os  {comment}  # the name is exported\n")
    assert unreasoned_suppressions(tmp_path) == []
