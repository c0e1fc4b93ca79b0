"""The one command: what it lists, what it answers, and where what it starts keeps its state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from appliances.releases import program
from appliances.releases.artifact import ReleaseError, build
from appliances.releases.shelf import Shelf
from portal import command
from portal.demo import provision
from portal.demo.plan import CLUSTERS
from portal.management.commands import demo
from portal.settings.environment import BadEnvironment, default_var, home_made
from tests.installation.wheels import ROOT

COMMANDS = {
    path.stem for path in (ROOT / "portal/management/commands").glob("*.py") if path.stem != "__init__"
}


def said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str, manage: bool = False
) -> str:
    monkeypatch.setattr(sys, "argv", ["gatefold", *words])
    (command.manage if manage else command.main)()
    return capsys.readouterr().out


def refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str, manage: bool = False
) -> str:
    monkeypatch.setattr(sys, "argv", ["gatefold", *words])
    with pytest.raises(SystemExit) as end:
        (command.manage if manage else command.main)()
    assert end.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(autouse=True)
def settings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command names the settings of its process; here that is the tests' own."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "portal.settings.testing")


@pytest.mark.parametrize("words", [(), ("--help",), ("help",)])
def test_command_alone_lists_the_roles(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """INS-03: each with what it is."""
    listed = said(capsys, monkeypatch, *words)
    for role in ("portal", "machine", "release", "demo"):
        assert f"\n  {role} " in listed


@pytest.mark.parametrize("manage", [False, True])
def test_portal_lists_every_command_of_its_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, manage: bool
) -> None:
    """INS-03: found, not named; each with a line of what it is for."""
    listed = said(capsys, monkeypatch, "portal", "--help", manage=manage)
    lines = {line.split()[0]: line.split()[1:] for line in listed.splitlines() if line.startswith("  ")}
    assert lines.keys() >= COMMANDS - command.NOT_LISTED
    assert not lines.keys() & command.NOT_LISTED
    assert [name for name, words in lines.items() if len(words) < 3] == []
    assert "manage.py" not in listed


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("protal",), "Did you mean `gatefold portal`? `gatefold --help` lists"),
        (("migrate",), "write `gatefold portal migrate`"),
        (("rotate_keys",), "write `gatefold portal rotate_keys`"),
        (("portal", "migrat"), "Did you mean `gatefold portal migrate`? `gatefold portal --help` lists"),
        (("portal", "verify-audit"), "Did you mean `gatefold portal verify_audit`?"),
        (("portal", "wep"), "Did you mean `gatefold portal web`?"),
        (("zzz",), "`gatefold` knows no `zzz`. `gatefold --help` lists what there is."),
    ],
)
def test_unknown_word_is_answered_with_what_is_meant(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], answer: str
) -> None:
    """INS-03: and nothing is read or made for it."""
    assert answer in refused(capsys, monkeypatch, *words)


def test_machine_explains_its_verbs_without_options_of_developers() -> None:
    """INS-03: in plain words, and by the name it was called by."""
    words = [sys.executable, "-m", "portal.command", "machine", "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("usage: gatefold machine [-h]")
    assert "make the home of a new standalone machine" in done.stdout
    assert "--settings" not in done.stdout


def test_children_of_the_demo_are_started_in_one_way(tmp_path: Path) -> None:
    """INS-04: by the program that runs, wherever it lies and from wherever it was started."""
    first = CLUSTERS[0].machines[0]
    started = [provision.program(tmp_path, first), *demo.portal_programs(tmp_path, 1), demo.mail_program(1)]
    commands = [list(each.command) for each in started if each.name != "redis"]
    assert [line[:2] for line in commands] == [program.command()] * 4
    assert Path(program.command()[1]).is_absolute()


def test_release_without_packages_of_its_own_runs_with_those_of_the_set_up(tmp_path: Path) -> None:
    """INS-04: not with those of the release that was left, which it was never tried with."""
    shelf = Shelf(tmp_path, tmp_path / "base", tmp_path / "state.sqlite3", "/set/up/python")
    assert shelf.command(shelf.tree(""), ["machine"])[0] == "/set/up/python"
    assert shelf.command(shelf.tree("2.0.0"), ["machine"])[0] == "/set/up/python"
    own = tmp_path / "2.0.0" / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert shelf.command(shelf.tree("2.0.0"), ["machine"])[0] == str(own)


def test_release_is_not_built_without_its_translations(tmp_path: Path) -> None:
    """INS-02: what a checkout has not compiled would be missing on every machine."""
    words = tmp_path / "tree" / "locale" / "ja" / "LC_MESSAGES" / "django.po"
    words.parent.mkdir(parents=True)
    words.touch()
    with pytest.raises(ReleaseError, match=r"django\.po is not compiled: run `make messages`"):
        build(tmp_path / "tree", "2.0.0", tmp_path / "offered")
    assert not (tmp_path / "offered").exists()


def test_state_lies_in_a_checkout_or_where_services_keep_it(tmp_path: Path) -> None:
    """INS-05: never inside what was installed."""
    assert default_var(ROOT) == ROOT / "var"
    assert default_var(tmp_path) == Path("/var/lib/gatefold")
    assert default_var(tmp_path, "gatefold-demo") == Path("/var/lib/gatefold-demo")


def test_state_that_cannot_be_made_says_what_to_set(tmp_path: Path) -> None:
    """INS-05: as for a person who may not write there."""
    (tmp_path / "taken").touch()
    with pytest.raises(BadEnvironment, match="Make it for this user, or set GATEFOLD_VAR"):
        home_made(tmp_path / "taken" / "portal")


def test_demo_refuses_a_portal_at_work(tmp_path: Path) -> None:
    """INS-06: its people have a passphrase that everybody knows."""
    demo.require_own(tmp_path)
    (tmp_path / "portal").mkdir()
    (tmp_path / "portal" / "sealing_keys").touch()
    with pytest.raises(CommandError, match="holds a portal that is no demo: set GATEFOLD_VAR"):
        demo.require_own(tmp_path)
    (tmp_path / "demo.lock").touch()
    demo.require_own(tmp_path)
