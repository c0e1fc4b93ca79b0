"""Every command, however it is typed and by whom: an answer, a code, defaults shown, never a traceback."""

from __future__ import annotations

import itertools
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.utils import translation

from appliances.cli import registry
from appliances.cli.commands import lookups
from appliances.cli.errors import Leave
from appliances.cli.running import run_text
from appliances.cli.session import Session
from appliances.machine.alerts import Alerts
from appliances.machine.engine import Engine
from appliances.machine.home import Home
from appliances.machine.saved import SavedFiles
from appliances.machine.upgrading import Upgrading
from appliances.releases.shelf import Shelf
from appliances.releases.source import Source
from tests.appliances.cli.hosts import Person as Typist
from tests.appliances.cli.hosts import QuietHost, clustered_host, standalone_host

OTHERS = ("operator", "readonly", "guest")
NONSENSE = "§ ../../etc/passwd --nonsense=1 'a b'"
WORDS = ("", "--json", "--help", NONSENSE, f"set {NONSENSE}", "new §")
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaGVkaGFzaGVkaGFzaGVkaGFzaGVk"
WAYS = ("nothing", "nonsense", "script")
"""What is answered to questions: Enter, nonsense and then Enter, or nobody is there."""


@dataclass
class Person:
    """Presses Enter at each question, after some nonsense; notes each question with its default."""

    way: str
    said: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)

    @property
    def interactive(self) -> bool:
        return self.way != "script"

    def begin(self, *, paged: bool) -> None:
        return

    def say(self, text: str = "") -> None:
        self.said.append(text)

    warn = say

    def ask(self, question: str, default: str = "") -> str:
        if not question and not self.said:
            self.bare.append("a prompt with nothing before it")
        self.asked.append((question, default))
        assert len(self.asked) < 60, f"asks for ever: {self.asked[-3:]}"
        again = self.asked.count((question, default)) > 1
        return default if self.way == "nothing" or again or not self.interactive else "§"

    def secret(self, question: str) -> str:
        self.asked.append((question, ""))
        return ""

    def input_text(self) -> str:
        return ""


@dataclass
class Whole(QuietHost):
    """A login host whose Postfix, alerts and releases are there, with nothing in them."""

    alerts: Alerts | None = None

    def suspend(self, wanted: object) -> None:
        return

    def fetch(self, release: str, *, wait: bool) -> None:
        return


@pytest.fixture(params=["standalone", "clustered"])
def host(request: pytest.FixtureRequest, db: None, tmp_path: Path) -> Whole:
    made = standalone_host() if request.param == "standalone" else clustered_host()
    home = Home(tmp_path)
    home.postfix.mkdir()
    home.releases.mkdir()
    keep_secrets(made)
    upgrading = Upgrading(
        home, Shelf(home.releases, tmp_path, home.database), Source(str(home.releases / "offered"))
    )
    return Whole(
        made.replica_id,
        engine=Engine(home),
        alerts=Alerts(tmp_path / "alerts.json"),
        upgrading=upgrading,
        saved=SavedFiles(tmp_path / "saved"),
    )


def keep_secrets(host: QuietHost) -> None:
    """The passphrase of one user is in the log, that of another is pending: there is what to hide."""
    script = Typist.at(host, user="alice", interactive=False)
    script.types(
        f"clustermode cluster; userconfig add eve role=guest 'passphrase_hash={HASH}'; commit -m eve"
    )
    assert script.types(f"userconfig set eve role=operator; userconfig add bob 'passphrase_hash={HASH}'") == 0


def answers(host: Whole, role: str, way: str, line: str) -> Person:
    """What came of a line; the checks that hold for each."""
    person = Person(way)
    host.roles["alice"] = role
    session = Session.begun("alice", role, host, person)
    try:
        code = run_text(session, line)
    except Leave:
        return person
    what = (role, way, line, person.said)
    assert code in (0, 1, 2, 3), what
    assert person.said or person.asked, f"says nothing: {what}"
    assert not person.bare, what
    assert "a fault of this program" not in " ".join(person.said), what
    assert "$argon2" not in " ".join(person.said), what
    return person


@pytest.mark.parametrize("name", sorted(registry.commands()))
def test_command_answers_whatever_is_typed(
    host: Whole, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CLI-08: with each role, with nothing, nonsense or a plea for help, to a person and to a script."""
    monkeypatch.setattr(lookups, "PATIENCE", 0.2)
    caplog.set_level(logging.ERROR)
    for words, way in itertools.product(WORDS, WAYS):
        answers(host, "administrator", way, f"{name} {words}")
    for role, words, way in itertools.product(OTHERS, ("", NONSENSE), ("nothing", "script")):
        answers(host, role, way, f"{name} {words}")
    assert [record.message for record in caplog.records] == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_help_of_each_command_is_one_option_away(host: Whole, language: str) -> None:
    with translation.override(language):
        for name in registry.commands():
            person = answers(host, "guest", "script", f"{name} --help")
            assert person.said, name


READING = (
    "clusterconfig list", "clusterconfig listdetail", "clusterconfig connstatus", "clusterconfig prepjoin",
    "clusterconfig prepjoin print", "clusterconfig communication", "clusterconfig safewait",
    "clustercheck", "commitdetail", "history", "alerts all", "queue list all", "saveconfig list",
    "smtproutes clustershow", "lint", "workqueue status", "paging off", "help smtproutes",
    "unsubscribe add a@b.example", "clear", "smtproutes inherit", "commit -m nothing",
)  # fmt: skip


@pytest.mark.parametrize("interactive", [True, False])
def test_answer_with_json_is_one_json_value(
    host: Whole, monkeypatch: pytest.MonkeyPatch, *, interactive: bool
) -> None:
    """TRL-23: no title and no sentence stands before it, whatever the command and its outcome."""
    monkeypatch.setattr(lookups, "PATIENCE", 0.2)
    for line in (*READING, *registry.commands()):
        person = Typist.at(host, user="alice", interactive=interactive)
        with suppress(Leave):
            if person.types(f"{line} --json") == 0 and person.dialogue.said and not interactive:
                json.loads(person.said)
            if person.dialogue.said and not person.asked:
                json.loads(person.said)


SHOWING = (
    "userconfig show --json", "showchanges", "showchanges --json", "history 9 --json", "commitdetail",
    "commitdetail --json", "showconflicts", "showconfig", "clustercheck --json", "revertcommit MX1/3",
    "clusterconfig listdetail --json", "saveconfig x.xml; saveconfig show x.xml", "loadconfig x.xml",
    "rollbackconfig --json",
)  # fmt: skip


@pytest.mark.parametrize("role", ["administrator", *OTHERS])
def test_secrets_of_users_are_shown_to_nobody(host: Whole, role: str) -> None:
    for line in SHOWING:
        answers(host, role, "script", line)
        answers(host, role, "script", f"clustermode cluster; {line}")


@pytest.mark.parametrize("line", ["showconfig --encrypt", "saveconfig mine.xml --encrypt"])
def test_only_an_administrator_takes_secrets_out_in_a_file(host: Whole, line: str) -> None:
    """Whoever chooses the passphrase of the file could read them."""
    typist = Typist.at(host, "operator", "otto", interactive=False)

    assert typist.types(line, stdin="a passphrase of otto\n") == 1
    assert "needs the role administrator" in typist.warned


def test_mistake_of_ours_is_one_line_and_the_session_goes_on(
    host: Whole, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """TRL-27: a sentence for the person, the library's words for the log."""

    def broken(self: object) -> None:
        raise KeyError("§")

    monkeypatch.setattr(Whole, "status", broken)
    session = Session.begun("alice", "administrator", host, person := Person("script"))
    host.roles["alice"] = "administrator"

    assert run_text(session, "status") == 1
    assert person.said[0].startswith("status failed by a fault of this program, not by what you typed.")
    assert "§" not in person.said[0]
    assert "Traceback" in caplog.text
    assert run_text(session, "whoami") == 0
