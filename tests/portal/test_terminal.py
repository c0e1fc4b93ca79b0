"""The web terminal: the emulated screen, who gets a socket, and a real machine behind it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client

from appliances.links.calling import Target
from appliances.links.client import Passphrase
from appliances.links.errors import AuthenticationFailed
from appliances.links.identity import Keys
from clusters import membership, replicas
from clusters.visible import invisible
from portal.audit.log import Action, AuditRow, Outcome
from portal.jobs.rows import Job, JobLine
from portal.live import terminal
from portal.live.consumers import NOT_LOGGED_IN
from portal.live.routing import websocket_urlpatterns
from portal.live.terminal import NOT_FOUND, TOO_MANY, WRONG_ORIGIN
from portal.tenants import ManagedCluster, Tenant
from portal.terminal import opening
from portal.terminal.opening import still_may
from portal.terminal.screen import SCROLLED, Screen, fitting
from tests.appliances.machine.machines import PASSPHRASE, SSH_PORT, Machine, Machines, until
from tests.portal import world
from tests.portal.conftest import LogIn

pytestmark = pytest.mark.django_db(transaction=True)
HOST = b"portal.example"
ORIGIN = b"https://portal.example"


# the screen


def test_screen_tells_only_the_rows_that_changed() -> None:
    screen = Screen(20, 5)
    screen.feed(b"one\r\ntwo\x1b[31m red\x1b[0m")
    found = screen.changes()
    assert found["rows"]["0"] == [("one", "")]
    assert found["rows"]["1"] == [("two", ""), (" red", "fg-red")]
    assert found["cursor"] == [7, 1, True]
    screen.feed(b"!")
    assert list(screen.changes()["rows"]) == ["1"]
    assert screen.changes()["rows"] == {}


def test_row_of_a_machine_turns_and_hides_nothing_in_the_browser() -> None:
    """TRU-03: a page has no direction and no width but those that are seen."""
    screen = Screen(40, 5)
    screen.feed("a\u202eb\u200bc\u2066d\r\n".encode())
    rows = json.dumps(screen.changes()["rows"], ensure_ascii=False)
    assert not [each for each in rows if invisible(each)]


def test_rows_that_scroll_away_are_given_once_and_not_without_end() -> None:
    screen = Screen(20, 5)
    screen.feed(b"".join(f"line {n}\r\n".encode() for n in range(10)))
    assert [row[0][0] for row in screen.changes()["scrolled"]] == [f"line {n}" for n in range(6)]
    assert screen.changes()["scrolled"] == []
    screen.feed(b"x\r\n" * (SCROLLED + 100))
    assert len(screen.changes()["scrolled"]) == SCROLLED


def test_cursor_counts_letters_where_some_are_wide() -> None:
    screen = Screen(20, 5)
    screen.feed("東京>".encode())
    assert screen.changes()["cursor"][0] == 3


@pytest.mark.parametrize(
    "data",
    [b"\x1b[?1;2r", b"\x1b[999999999A", b"\x1b]0;title", b"\xff\xfe\x00", b"\x1b[>c", b"\x1b[?25l" * 50],
)
def test_nonsense_of_a_machine_breaks_no_screen(data: bytes) -> None:
    screen = Screen(20, 5)
    screen.feed(data)
    screen.feed(b"\x07\x1b\\\x1b[0m\r\nafter")
    assert any("after" in "".join(s[0] for s in row) for row in screen.changes()["rows"].values())


@pytest.mark.parametrize(
    ("asked", "size"),
    [((80, 24), (80, 24)), ((9999, 9999), (240, 80)), ((-1, 0), (20, 5)), (("x", None), (20, 5))],
)
def test_size_stays_within_bounds(asked: tuple[Any, Any], size: tuple[int, int]) -> None:
    assert fitting(*asked) == size


# who may


def socket(user: Any, slug: str, serial: str, origin: bytes = ORIGIN) -> WebsocketCommunicator:
    headers = [(b"host", HOST), *([(b"origin", origin)] if origin else [])]
    path = f"/live/terminal/{slug}/{serial}/"
    found = WebsocketCommunicator(URLRouter(websocket_urlpatterns), path, headers=headers)
    found.scope["user"] = user
    return found


async def code_of(found: WebsocketCommunicator) -> int:
    assert (await found.connect())[0]
    closed = await found.receive_output(timeout=10)
    assert closed["type"] == "websocket.close", closed
    await found.wait()
    return int(closed["code"])


def serial_of(managed: ManagedCluster) -> str:
    return next(iter(replicas.state(managed.replica_id).machines))


async def test_socket_is_for_who_may_edit_there_and_comes_from_our_own_page(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, charlie: User, acme: Tenant
) -> None:
    ours = await sync_to_async(serial_of)(europe)
    theirs = await sync_to_async(serial_of)(secret)
    reader = await sync_to_async(world.person)("rita", "Rita", readonly=acme)
    assert await code_of(socket(AnonymousUser(), "europe", ours)) == NOT_LOGGED_IN
    assert await code_of(socket(charlie, "europe", ours)) == NOT_FOUND
    assert await code_of(socket(reader, "europe", ours)) == NOT_FOUND
    assert await code_of(socket(alice, "blacksite", theirs)) == NOT_FOUND
    assert await code_of(socket(alice, "europe", theirs)) == NOT_FOUND
    assert await code_of(socket(alice, "nowhere", ours)) == NOT_FOUND
    assert await code_of(socket(alice, "europe", ours, b"https://evil.example")) == WRONG_ORIGIN
    assert await code_of(socket(alice, "europe", ours, b"")) == WRONG_ORIGIN


def test_page_is_for_who_may_edit(europe: ManagedCluster, alice: User, charlie: User, log_in: LogIn) -> None:
    path = f"/europe/machine/{serial_of(europe)}/terminal"
    assert log_in(alice).get(path).status_code == 200
    assert log_in(charlie).get(path).status_code == 404
    assert log_in(alice).get("/europe/machine/nobody/terminal").status_code == 404
    reader = log_in(world.person("rita", "Rita", readonly=europe.tenant))
    assert reader.get(path).status_code == 403


async def opened(user: User, managed: ManagedCluster) -> WebsocketCommunicator:
    found = socket(user, managed.slug, await sync_to_async(serial_of)(managed))
    assert (await found.connect())[0]
    assert json.loads(await found.receive_from(timeout=10))["state"] == "ready"
    return found


async def test_person_has_a_limited_number_of_terminals(europe: ManagedCluster, alice: User) -> None:
    found = [await opened(alice, europe) for _ in range(terminal.MOST_OPEN)]
    serial = await sync_to_async(serial_of)(europe)
    assert await code_of(socket(alice, "europe", serial)) == TOO_MANY
    for each in found:
        await each.disconnect()
    again = await opened(alice, europe)
    await again.disconnect()


@pytest.mark.parametrize("text", ["{", "[]", "null", '"x"', "x" * (terminal.MOST_MESSAGE + 1)])
async def test_message_that_is_none_ends_it(europe: ManagedCluster, alice: User, text: str) -> None:
    found = await opened(alice, europe)
    await found.send_to(text_data=text)
    assert json.loads(await found.receive_from(timeout=10))["state"] == "ended"
    assert (await found.receive_output(timeout=10))["type"] == "websocket.close"
    await found.wait()


async def test_flood_of_messages_ends_it(europe: ManagedCluster, alice: User) -> None:
    found = await opened(alice, europe)
    for _ in range(4 * terminal.MOST_PER_SECOND):
        await found.send_to(text_data='{"keys": "x"}')
    assert json.loads(await found.receive_from(timeout=10))["state"] == "ended"
    await found.wait()


async def test_right_that_is_gone_or_nobody_typing_ends_it(
    europe: ManagedCluster, alice: User, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "LOOK_EVERY", 0.02)
    found = await opened(alice, europe)
    await sync_to_async(acme.members.all().delete)()
    told = json.loads(await found.receive_from(timeout=10))
    assert told["state"] == "ended"
    assert "may no longer be here" in told["text"]
    await found.wait()
    await sync_to_async(acme.members.create)(user=alice, role="operator")
    monkeypatch.setattr(terminal, "IDLE", 0.01)
    found = await opened(alice, europe)
    assert "Nobody has typed" in json.loads(await found.receive_from(timeout=10))["text"]
    await found.wait()


def test_session_that_has_ended_is_noticed(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    client: Client = log_in(alice)
    key = client.session.session_key or ""
    assert still_may(alice, "europe", serial_of(europe), key)
    client.logout()
    assert not still_may(alice, "europe", serial_of(europe), key)


# a real machine


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("Postfix needs root")
    found = Machines()
    (one,) = found.cluster("mx1")
    yield one
    found.close()


@pytest.fixture
def managed(machine: Machine, europe: ManagedCluster) -> ManagedCluster:
    """Europe, whose first machine is reached where the real one answers, with its key."""
    reach(
        europe,
        machine,
        str(machine.ssh("clusterconfig listdetail --json").json["groups"][0]["machines"][0]["host_key"]),
    )
    return europe


def reach(europe: ManagedCluster, machine: Machine, host_key: str) -> None:
    by = {"user": "admin", "host": "portal"}
    state = replicas.state(europe.replica_id)
    serial = serial_of(europe)
    moved = replace(state.machines[serial], address=machine.address, port=SSH_PORT)
    membership.set_communication(europe.replica_id, by_address=True, machines=[moved], **by)
    membership.set_keys(europe.replica_id, serial, host_key=host_key, user_key=host_key, **by)


class Window:
    """What a browser sees of a terminal."""

    def __init__(self, socket: WebsocketCommunicator) -> None:
        self.socket = socket
        self.rows: dict[str, str] = {}
        self.state = ""
        self.text = ""

    async def sees(self, wanted: str, within: float = 30) -> None:
        async with asyncio.timeout(within):
            while wanted not in self.shown and wanted not in self.text:
                told = json.loads(await self.socket.receive_from(timeout=within))
                if "state" in told:
                    self.state, self.text = told["state"], told["text"]
                else:
                    self.rows |= {y: "".join(s[0] for s in row) for y, row in told["rows"].items()}

    @property
    def shown(self) -> str:
        return "\n".join(self.rows.values())

    async def types(self, keys: str) -> None:
        await self.socket.send_to(text_data=json.dumps({"keys": keys}))

    async def logs_in(self, passphrase: str = PASSPHRASE) -> None:
        told = {"user": "admin", "passphrase": passphrase, "columns": 90, "rows": 20}
        await self.socket.send_to(text_data=json.dumps({"open": told}))


@pytest.fixture
async def window(managed: ManagedCluster, alice: User) -> AsyncIterator[Window]:
    found = Window(await opened(alice, managed))
    yield found
    await found.socket.disconnect()


def written() -> str:
    return "\n".join([*(str(job.message) for job in Job.everything.all()), *map(str, JobLine.objects.all())])


@pytest.mark.slow
@pytest.mark.root
async def test_command_line_of_a_real_machine_is_typed_on(window: Window, machine: Machine) -> None:
    """Section 5, row 6; CLI-02, CLI-03."""
    await window.logs_in()
    await window.sees("(Machine mx1.example.com)>")
    await window.types("clustermode cluster\r")
    await window.sees("(Cluster Americas)>")
    await window.types("clusterc\t")
    await window.sees("clusterc")
    await window.types("heck\x15whoa\t\r")
    await window.sees("admin (administrator)")
    await window.socket.send_to(text_data='{"size": [60, 10]}')
    await window.types("exit\r")
    await window.sees("has ended the session")
    assert window.state == "ended"
    kept = await sync_to_async(written)()
    assert "Opened as admin" in kept
    assert "clustermode" not in kept
    assert PASSPHRASE not in kept


@pytest.mark.slow
@pytest.mark.root
async def test_two_terminals_of_one_machine_get_each_its_own_keys(
    window: Window, machine: Machine, managed: ManagedCluster, alice: User
) -> None:
    other = Window(await opened(alice, managed))
    for each in (window, other):
        await each.logs_in()
        await each.sees("(Machine mx1.example.com)>")
    for part in ("clustermo", "de cluster\r"):
        for each in (window, other):
            await each.types(part)
    for each in (window, other):
        await each.sees("(Cluster Americas)>")
    await other.socket.disconnect()


@pytest.mark.slow
@pytest.mark.root
async def test_wrong_passphrase_is_told_and_guessing_ends(window: Window) -> None:
    for _ in range(terminal.WRONG_PASSPHRASES):
        window.text = ""
        await window.logs_in("guess")
        await window.sees("does not accept this user and passphrase")
    closed = await window.socket.receive_output(timeout=10)
    assert (closed["type"], closed["code"]) == ("websocket.close", TOO_MANY)
    assert "guess" not in await sync_to_async(written)()
    assert not await sync_to_async(Job.everything.exists)()
    rows = await sync_to_async(lambda: list(AuditRow.objects.filter(action=Action.TERMINAL)))()
    assert [(row.actor, row.outcome, row.facts["name"]) for row in rows] == [
        ("alice", Outcome.REFUSED, "admin@berlin.example")
    ] * terminal.WRONG_PASSPHRASES


async def test_guesses_of_a_person_count_over_all_windows(
    europe: ManagedCluster, alice: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRU-05: whoever guesses does not even reach the machine, and uses up nobody else's share there."""
    asked = []

    async def refuses(at: Target, who: Passphrase, host_key: str) -> NoReturn:
        asked.append(who.text)
        raise AuthenticationFailed(f"{at} does not accept this user and passphrase or key")

    monkeypatch.setattr(terminal.console, "login", refuses)
    states = []
    for number in range(opening.MOST_WRONG + 1):
        found = Window(await opened(alice, europe))
        await found.logs_in(f"guess {number}")
        await found.sees("passphrase")
        states.append(found.state)
        await found.socket.disconnect()

    assert asked == [f"guess {number}" for number in range(opening.MOST_WRONG)]
    assert states == ["ready"] * opening.MOST_WRONG + ["ended"]
    assert await sync_to_async(opening.is_guessing)(alice)
    assert not await sync_to_async(opening.is_guessing)(charlie)


@pytest.mark.slow
@pytest.mark.root
async def test_machine_with_another_host_key_gets_no_passphrase(
    machine: Machine, managed: ManagedCluster, alice: User, tmp_path: Any
) -> None:
    """Design, section 6: the key is pinned."""
    other = Keys.first_of_home(tmp_path / "keys").host_public
    await sync_to_async(reach)(managed, machine, other)
    found = Window(await opened(alice, managed))
    await found.logs_in()
    await found.sees("is pinned")
    assert not await sync_to_async(Job.everything.exists)()
    await found.socket.disconnect()


@pytest.mark.slow
@pytest.mark.root
async def test_closing_the_page_ends_the_session_on_the_machine(window: Window, machine: Machine) -> None:
    """JN-22: no session is left behind."""
    await window.logs_in()
    await window.sees("(Machine mx1.example.com)>")
    assert await asyncio.to_thread(_logins, machine) == 2
    await window.socket.disconnect()
    await asyncio.to_thread(until, lambda: _logins(machine) == 1, "only who asks is logged in")
    assert "the page was closed" in await sync_to_async(written)()


def _logins(machine: Machine) -> int:
    return sum(line.startswith("admin") for line in machine.does("who").splitlines())
