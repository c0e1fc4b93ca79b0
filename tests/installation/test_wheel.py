"""Whoever installs the wheel has the whole program, and needs no checkout."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from appliances.machine.release import release
from appliances.releases import artifact
from appliances.releases.shelf import Shelf
from tests.installation.wheels import ROOT, Installed, build, built

PAGE = """
import json
from django.conf import settings
from django.test import Client
from portal.command import TREE
answer = Client(SERVER_NAME="localhost").get("/login/", headers={"accept-language": "ja"})
print(json.dumps([answer.status_code, answer.content.decode(), settings.BASE_DIR == TREE, str(TREE)]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as packed:
        return set(packed.namelist())


def test_wheel_holds_the_program_and_nothing_else(wheel: Path) -> None:
    """INS-02: one folder and the line that names it; no tests, nothing that Python compiled; Japanese."""
    found = names(wheel)
    own = f"gatefold_gateway-{release()}.dist-info"
    assert {name.split("/")[0] for name in found} == {"gatefold_gateway", "gatefold_gateway.pth", own}
    parts = {name.split("/")[1] for name in found if name.startswith("gatefold_gateway/")}
    assert parts == {*artifact.PARTS, "clients", "install"}
    assert not [name for name in found if name.endswith((".pyc", ".orig", "~")) or "/test" in name]
    assert {f"{own}/licenses/LICENSE", "gatefold_gateway/locale/ja/LC_MESSAGES/django.mo"} <= found
    whole = {path.relative_to(ROOT).as_posix() for path in artifact.files(ROOT)}
    assert {name for name in whole if f"gatefold_gateway/{name}" not in found} == set()


def test_wheel_names_no_place_where_it_was_built(wheel: Path) -> None:
    """INS-02: neither the checkout nor a folder of the builder."""
    with zipfile.ZipFile(wheel) as packed:
        found = [name for name in packed.namelist() if str(ROOT).encode() in packed.read(name)]
    assert found == []


def test_wheel_needs_what_the_requirements_say(wheel: Path) -> None:
    """INS-08: one list of dependencies, one number, the licence by its SPDX identifier."""
    with zipfile.ZipFile(wheel) as packed:
        told = Parser().parsestr(
            packed.read(f"gatefold_gateway-{release()}.dist-info/METADATA").decode(), headersonly=True
        )
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    named = {re.split(r"[~<>=\[]", line)[0].lower().replace("_", "-") for line in lines if line}
    needs = {re.split(r"[~<>=\[]", line)[0] for line in told.get_all("Requires-Dist", [])}
    assert needs == named
    assert (told["Name"], told["Version"], told["License-Expression"]) == (
        "gatefold-gateway",
        release(),
        "Apache-2.0",
    )


def test_wheel_without_the_means_for_japanese_is_not_built(tmp_path: Path) -> None:
    """INS-02: no wheel at all, and the word of what to install."""
    done = build("wheel", tmp_path / "dist", PATH=str(tmp_path))
    assert done.returncode
    assert "msgfmt is missing: install Debian's package gettext" in done.stderr
    assert not list(tmp_path.rglob("*.whl"))


def test_source_archive_builds_the_same_wheel(tmp_path: Path, wheel: Path) -> None:
    """INS-09: nothing that the wheel needs is left out of it."""
    with tarfile.open(built("sdist", tmp_path / "sdist")) as packed:
        packed.extractall(tmp_path)  # our own, and Debian's Python knows no filter
    again = built("wheel", tmp_path / "dist", tmp_path / f"gatefold_gateway-{release()}")
    assert names(again) == names(wheel)


def test_installed_command_says_its_release_and_place(installed: Installed) -> None:
    """INS-01: far from the checkout."""
    said = installed.said("--version")
    assert said.startswith(f"gatefold {release()} (Python ")
    assert said.rstrip().endswith(f"{installed.packages / 'gatefold_gateway'})")


def test_installed_program_makes_a_machine_and_a_release(installed: Installed, tmp_path: Path) -> None:
    """INS-01: nothing is written beside the program."""
    before = {*installed.packages.rglob("*.*")}
    where = ("--home", str(tmp_path / "home"))
    more = ("--serial", "A1", "--hostname", "mx1.example.com", "--address", "127.0.0.1")
    installed.said("machine", "init", *where, *more, stdin="a long passphrase\n")
    assert json.loads((tmp_path / "home" / "machine.json").read_text())["serial"] == "A1"
    installed.said("release", "build", "--to", str(tmp_path / "offered"), "--number", "9.0.0")
    fresh = {path for path in installed.packages.rglob("*.*") if "__pycache__" not in path.parts}
    assert fresh <= before


def test_machine_of_a_wheel_upgrades_and_goes_back(installed: Installed, tmp_path: Path) -> None:
    """INS-04: the program of the wheel is a tree like that of a release: the first one of its shelf."""
    installed.said("release", "build", "--to", str(tmp_path), "--number", "9.0.0")
    (offer,) = artifact.read_index((tmp_path / artifact.INDEX).read_text())
    base = installed.packages / "gatefold_gateway"
    shelf = Shelf(tmp_path / "shelf", base, tmp_path / "state.sqlite3", str(installed.python))
    shutil.copy(tmp_path / offer.file, shelf.archive(offer))
    shelf.install(offer)
    assert shelf.installed() == ["9.0.0"]
    shelf.switch("9.0.0")
    shelf.switch("")
    assert shelf.command(shelf.tree(""), ["machine"])[:2] == [str(installed.python), str(base / "manage.py")]


@pytest.mark.slow  # migrations and static files of a whole portal, six seconds
def test_installed_portal_shows_pages_in_japanese(installed: Installed) -> None:
    """INS-01: tables, templates, style sheets by their hashed names, translations."""
    assert "no issues" in installed.said("portal", "check")
    installed.said("portal", "migrate", "-v0")
    installed.said("portal", "collectstatic", "--no-input", "-v0")
    status, page, same, tree = json.loads(installed.said("portal", "shell", "-v0", "-c", PAGE))
    assert (status, same, tree) == (200, True, str(installed.packages / "gatefold_gateway"))
    assert "ログイン" in page
    assert re.search(r'href="/static/gatefold/base\.[0-9a-f]{12}\.css"', page)
    assert not (installed.packages / "gatefold_gateway" / "static-collected").exists()
    assert (installed.var / "portal" / "portal.sqlite3").exists()
