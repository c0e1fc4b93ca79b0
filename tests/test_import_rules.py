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
ROOF = frozenset(
    {
        "apps",
        "asgi",
        "celery",
        "command",
        "demo",
        "entrance",
        "management",
        "migrations",
        "models",
        "security",
    }
    | {"signals", "tasks", "templatetags", "urls"}
)
"""What puts the portal together: it may import all of it, and no other part of the portal imports it."""

INTERFACES = frozenset({"admin_site", "api", "live", "pages"})
GROUND = frozenset(
    {"hints", "modes", "phrases", "place", "settings", "shared_parts", "socket_access", "tenants"}
)
"""What every slice may stand on. All else in portal/ is a slice: a folder that can be read whole."""

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
    if name[0] == "portal":
        return _may_import_within_portal(name, other)
    if name[0] != "appliances" or len(name) < 2 or len(other) < 2 or name[1] == other[1]:
        return True
    known = MAY_IMPORT_WITHIN_APPLIANCES
    return name[1] not in known or other[1] not in known or other[1] in known[name[1]]


def floor(part: str) -> int:
    """Which floor of the portal a part of it is on: 0 ground, 1 slices, 2 interfaces, 3 roof."""
    return 3 if part in ROOF else 2 if part in INTERFACES else 0 if part in GROUND else 1


def _may_import_within_portal(name: list[str], other: list[str]) -> bool:
    """Downwards, and from slice to slice; an interface knows no other interface."""
    if len(name) < 2 or len(other) < 2 or name[1] == other[1]:
        return True
    here, there = floor(name[1]), floor(other[1])
    return there < here or (there == here and here != floor("pages"))


def circles_of_slices(house: House) -> list[str]:
    """Slices that import one another, straight or by way of others, as `a > b > a`."""
    slices: dict[str, set[str]] = {}
    for name, imported in house.imports.items():
        for other in imported:
            ends = [part.split(".")[1] for part in (name, other) if part.startswith("portal.")]
            if len(ends) == 2 and ends[0] != ends[1] and {floor(end) for end in ends} == {1}:
                slices.setdefault(ends[0], set()).add(ends[1])
    return sorted(f"{a} > {b} > {a}" for a in slices for b in slices[a] if a in _way(slices, b))


def _way(arrows: dict[str, set[str]], start: str) -> set[str]:
    reached: set[str] = set()
    todo = [start]
    while todo:
        more = arrows.get(todo.pop(), set()) - reached
        reached |= more
        todo.extend(more)
    return reached


def drawn_floors(document: Path) -> dict[str, set[str]]:
    """The floors as the drawing of docs/architecture.md has them."""
    lines = re.findall(r"^    (roof|interfaces|slices|ground) +(.+?)(?:  +.*)?$", document.read_text(), re.M)
    found: dict[str, set[str]] = {}
    for name, parts in lines:
        found.setdefault(name, set()).update(parts.split())
    return found


def floors_in_code(root: Path) -> dict[str, set[str]]:
    names = ("ground", "slices", "interfaces", "roof")
    found: dict[str, set[str]] = {name: set() for name in names}
    for path in (root / "portal").iterdir():
        if path.suffix == ".py" or (path / "__init__.py").exists():
            found[names[floor(path.stem)]].add(path.stem)
    return {name: parts - {"__init__"} for name, parts in found.items()}


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


def test_slices_of_the_portal_import_one_another_without_circles(house: House) -> None:
    assert circles_of_slices(house) == []


def test_drawing_of_the_floors_is_that_of_the_code() -> None:
    assert drawn_floors(ROOT / "docs" / "architecture.md") == floors_in_code(ROOT)


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
        ("portal/jobs/rows.py", "from portal.pages import jobs"),
        ("portal/jobs/rows.py", "from portal.tasks import run_job"),
        ("portal/place.py", "from portal.jobs import rows"),
        ("portal/api/jobs.py", "from portal.pages import jobs"),
        ("portal/pages/jobs.py", "from portal.urls import patterns"),
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
        ("portal/pages/jobs.py", "from portal.jobs import rows"),
        ("portal/jobs/rows.py", "from portal.audit import log"),
        ("portal/jobs/rows.py", "from portal.tenants import Tenant"),
        ("portal/urls.py", "from portal.pages import jobs"),
    ],
)
def test_an_import_downhill_is_fine(tmp_path: Path, name: str, imported: str) -> None:
    assert wrong_directions(House(plant(tmp_path, {name: imported}))) == []


def test_a_circle_of_slices_is_found(tmp_path: Path) -> None:
    files = {
        "portal/jobs/rows.py": "from portal.machines import queues",
        "portal/machines/queues.py": "import portal.checks.rows",
        "portal/checks/rows.py": "def late():\n    from portal.jobs import rows",
        "portal/audit/log.py": "",
    }
    circles = circles_of_slices(House(plant(tmp_path, files)))
    assert circles == ["checks > jobs > checks", "jobs > machines > jobs", "machines > checks > machines"]


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
