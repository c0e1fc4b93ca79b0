"""Characters that steer a terminal are planted wherever others write; none comes out of a command raw."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from appliances.cli import registry
from appliances.cli.errors import Leave
from appliances.cli.process import Piped
from appliances.cli.running import run_text
from appliances.cli.session import Session
from appliances.cli.terminal import Terminal, Words
from appliances.links.peer import Login
from appliances.machine.status import LinkStatus, MachineStatus, now
from clusters import replicas
from clusters.versions import Address, Change, Kind
from clusters.visible import invisible
from tests.appliances.cli.hosts import QuietHost

PLANTED = "x\x1b[31m\x1b]0;T\x07\x9b31m\u202e\u200b\u2066\ufeff\x7f\U000e0041z"
OURS = re.compile(r"\x1b\[(?:3[1-6]|0)m")
"""The colours, which are put on last."""


class Exit:
    """What a terminal or a pipe would have got."""

    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> None:
        self.written += text


def raw(text: str) -> list[str]:
    return [
        each for each in OURS.sub("", text).replace("\r\n", "\n") if each not in "\n\t" and invisible(each)
    ]


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


@pytest.fixture
def planted(clustered: QuietHost) -> QuietHost:
    """A cluster in which a member has written whatever it liked, and told it of itself."""
    state = replicas.state(clustered.replica_id)
    changes = []
    for address, defined in state.entries.items():
        value = dict(defined.value or {})
        if address.kind in (Kind.CLUSTER, Kind.GROUP, Kind.MACHINE) and "name" in value:
            changes.append(Change(address, {**value, "name": f"{value['name']}{PLANTED}"}, defined.by.id))
    waiting = Address(Kind.PENDING_JOIN, "M7")
    changes.append(Change(waiting, {"host": f"mx7{PLANTED}", "user_key": "k"}, None))
    replicas.commit(clustered.replica_id, changes, user=f"u{PLANTED}", host=f"h{PLANTED}", comment=PLANTED)
    clustered.peers = [LinkStatus(serial="MX2", name=PLANTED, state="down", reason=PLANTED, remedy=PLANTED)]
    told = MachineStatus(serial="MX2", name=PLANTED, release=PLANTED, as_of=now())
    clustered.heard_statuses = {"MX2": told}
    clustered.name = f"mx1{PLANTED}"
    return clustered


READING = (
    "history", "history 50", "commitdetail", "status", "version", "whoami", "showchanges", "showconfig",
    "clusterconfig list", "clusterconfig listdetail", "clusterconfig connstatus", "clustercheck", "lint",
    "clustermode machine", "clustermode group", "clustermode cluster", "smtproutes", "hostname", "help",
    "smtproutes clustershow", "alerts", "saveconfig list", "revertcommit MX1/3",
    "clusterconfig removemachine",
)  # fmt: skip


def asked_in(
    host: QuietHost, loop: asyncio.AbstractEventLoop, lines: Iterable[str], *, terminal: bool
) -> Iterator[tuple[str, str]]:
    """Each command with what came out, questions included."""
    host.roles["alice"] = "administrator"
    for line in lines:
        out = Exit()
        process: Any = SimpleNamespace(
            stdout=out, stderr=out, env={"TERM": "xterm"}, term_type="xterm", term_size=(100, 10_000, 0, 0),
            command=None, is_closing=lambda: False,
        )  # fmt: skip
        with suppress(Leave):
            if terminal:
                _typed(host, loop, process, line)
            else:
                piped: Any = Piped(process, loop)
                with mock.patch.object(piped, "input_text", return_value=""):
                    run_text(Session.begun("alice", "administrator", host, piped), line)  # type: ignore[arg-type]  # a host without a daemon
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()
        yield line, out.written


def _typed(host: QuietHost, loop: asyncio.AbstractEventLoop, process: Any, line: str) -> None:
    with mock.patch("asyncio.get_running_loop", return_value=loop):
        terminal = Terminal(process, Login("alice", "administrator", True), host, "en")  # type: ignore[arg-type]  # the same
    asked = []

    def answer(prompt: str, **_more: object) -> str:
        asked.append(prompt)
        process.stdout.write(prompt)
        return "" if len(asked) < 20 else "exit"

    with mock.patch.object(terminal, "_awaited", answer):
        process.stdout.write(str(terminal._prompt()))
        run_text(terminal._session, line)


@pytest.mark.parametrize("terminal", [True, False])
def test_command_lets_nothing_through_that_steers_a_terminal(
    planted: QuietHost, loop: asyncio.AbstractEventLoop, *, terminal: bool
) -> None:
    """TRU-03: comments, names, hosts, reasons: in each answer, notice, question, prompt and JSON value."""
    seen = ""
    lines = (*READING, *registry.commands(), "status --json", "commitdetail --json", "history --json")
    for line, out in asked_in(planted, loop, lines, terminal=terminal):
        assert raw(out) == [], line
        seen += out
    assert seen.count(r"\u202e") > 20
    assert r"\x1b]0;T\x07" in seen


def test_json_of_what_was_planted_is_what_was_planted(
    planted: QuietHost, loop: asyncio.AbstractEventLoop
) -> None:
    """TRU-03: a script reads what is there, and its terminal nothing of it."""
    for _line, out in asked_in(planted, loop, ["history --json"], terminal=False):
        assert json.loads(out)[0]["comment"] == PLANTED


def test_name_that_steers_a_terminal_is_not_completed(planted: QuietHost) -> None:
    """TRU-03: it would be typed into the line of the person."""
    person: Any = SimpleNamespace(state=replicas.state(planted.replica_id))
    found = list(Words(person).get_completions(Document("clustermode group "), CompleteEvent()))
    assert [raw(each.text) for each in found] == [[] for _ in found]


def test_command_line_has_no_other_way_out() -> None:
    """TRU-03: whatever writes to a session does it by the exits that show text as text."""
    folder = Path(registry.__file__).parent
    writing = re.compile(r"(?:stdout|stderr)\.write|\bprint\(")
    found = {path.name for path in folder.rglob("*.py") if writing.search(path.read_text())}
    assert found == {"process.py", "terminal.py"}
