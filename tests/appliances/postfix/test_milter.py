"""The milter: what hooks ask for happens to real mail, and a bad peer or hook harms nobody."""

from __future__ import annotations

import asyncio
import email
import email.policy
import grp
import socket
import stat
import struct
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from appliances.postfix.actions import (
    Action,
    AddHeader,
    AddRecipient,
    ChangeHeader,
    ChangeSender,
    DeleteRecipient,
    Discard,
    Header,
    Message,
    Quarantine,
    Reject,
    ReplaceBody,
    TempFail,
)
from appliances.postfix.configuration import Configuration
from appliances.postfix.disclaimers import Disclaimer, Stamp, Stamps
from appliances.postfix.generations import Generations
from appliances.postfix.instance import Instance
from appliances.postfix.milter import FRAME_LIMIT, Milter, answers
from appliances.postfix.queue import Queue
from tests.appliances.postfix.conftest import Received, Sink, gateway, send, until

MAIL = b"From: s@client.test\r\nSubject: hello\r\nX-Old: first\r\nX-Old: second\r\n\r\nthe text\r\n"


def frame(command: bytes, data: bytes = b"") -> bytes:
    return struct.pack("!I", len(data) + 1) + command + data


HELLO = frame(b"O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF))


@pytest.fixture
async def milter(tmp_path: Path) -> AsyncIterator[Milter]:
    found = Milter(tmp_path / "m", owner="root")
    await found.start()
    yield found
    await found.stop()


async def exchange(path: Path, *frames: bytes) -> bytes:
    """All that the milter answers to these frames until it or we close."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(b"".join(frames))
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def conversation(*body: bytes) -> list[bytes]:
    return [
        HELLO,
        frame(b"D", b"C{daemon_name}\0public\0{daemon_addr}\x00127.0.0.9\0{daemon_port}\x002525\0"),
        frame(b"C", b"client.test\x004\x09\xdd10.0.0.1\0"),
        frame(b"H", b"helo.test\0"),
        frame(b"M", b"<s@client.test>\0SIZE=9\0"),
        frame(b"D", b"Ri\0QUEUED1\0"),
        frame(b"R", b"<a@relay.test>\0"),
        frame(b"R", b"<b@relay.test>\0"),
        frame(b"T"),
        frame(b"L", b"Subject\0 hello\n world\0"),
        frame(b"N"),
        *(frame(b"B", piece) for piece in body),
        frame(b"E"),
        frame(b"Q"),
    ]


async def test_hook_is_shown_the_whole_message(milter: Milter) -> None:
    seen: list[Message] = []

    def hook(message: Message) -> Iterable[Action]:
        seen.append(message)
        return ()

    milter.hook = hook
    answer = await exchange(milter.server.path, *conversation(b"the ", b"text\r\n"))
    assert answer.endswith(frame(b"c"))
    (message,) = seen
    assert message.listener == "public"
    assert (message.server_address, message.server_port) == ("127.0.0.9", 2525)
    assert (message.client_name, message.client_address, message.helo) == (
        "client.test",
        "10.0.0.1",
        "helo.test",
    )
    assert (message.sender, message.recipients) == ("s@client.test", ("a@relay.test", "b@relay.test"))
    assert message.headers == (Header("Subject", " hello\n world"),)
    assert message.header("subject") == "hello world"
    assert (message.body, message.queue_id) == (b"the text\r\n", "QUEUED1")
    assert message.as_bytes() == b"Subject: hello\r\n world\r\n\r\nthe text\r\n"


async def test_second_message_of_a_session_is_its_own(milter: Milter) -> None:
    seen: list[Message] = []
    milter.hook = lambda message: seen.append(message) or ()
    first = conversation(b"one")[:-1]
    second = [frame(b"M", b"<t@client.test>\0"), frame(b"R", b"<c@relay.test>\0"), frame(b"A")]
    third = [
        frame(b"M", b"<u@client.test>\0"),
        frame(b"R", b"<d@relay.test>\0"),
        frame(b"E", b"two"),
        frame(b"Q"),
    ]
    await exchange(milter.server.path, *first, *second, *third)
    assert [(one.sender, one.recipients, one.body) for one in seen] == [
        ("s@client.test", ("a@relay.test", "b@relay.test"), b"one"),
        ("u@client.test", ("d@relay.test",), b"two"),
    ]
    assert seen[1].headers == ()


async def test_failing_hook_makes_the_client_try_again(milter: Milter) -> None:
    def hook(message: Message) -> Iterable[Action]:
        raise LookupError("broken rule")

    milter.hook = hook
    answer = await exchange(milter.server.path, *conversation(b"x"))
    assert b"451 4.3.0 " in answer
    assert milter.errors == 1


async def test_action_that_cannot_be_written_makes_the_client_try_again(milter: Milter) -> None:
    milter.hook = lambda message: [AddHeader("X-Good", "1"), AddHeader("Bad Name", "x")]
    answer = await exchange(milter.server.path, *conversation(b"x"))
    assert b"451 4.3.0 " in answer
    assert b"X-Good" not in answer


async def test_message_beyond_the_limit_is_refused_unseen(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "m", owner="root", message_limit=1000)
    milter.hook = lambda message: [Discard()]
    await milter.start()
    answer = await exchange(milter.server.path, *conversation(b"x" * 600, b"y" * 600))
    await milter.stop()
    assert b"552 5.3.4" in answer
    assert milter.messages == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        struct.pack("!I", 0),
        struct.pack("!I", FRAME_LIMIT + 1) + b"B",
        HELLO + frame(b"?"),
        frame(b"O", b"short"),
        frame(b"O", struct.pack("!III", 2, 0, 0)),
        HELLO + frame(b"C"),
        HELLO + frame(b"L"),
        HELLO + frame(b"D"),
        HELLO + b"\0\0",
        b"",
        bytes(range(255, -1, -1)) * 16,
    ],
    ids=lambda value: value[:12].hex() or "nothing",
)
async def test_garbage_harms_nobody_else(milter: Milter, garbage: bytes) -> None:
    await exchange(milter.server.path, garbage)
    answer = await exchange(milter.server.path, *conversation(b"x"))
    assert answer.endswith(frame(b"c"))


async def test_silent_peer_does_not_hold_up_the_end(milter: Milter) -> None:
    reader, writer = await asyncio.open_unix_connection(milter.server.path)
    writer.write(HELLO + frame(b"M", b"<s@client.test>\0"))
    await reader.readexactly(17)
    assert milter.server.connections == 1
    await asyncio.wait_for(milter.stop(), 5)
    assert await reader.read() == b""
    assert milter.server.connections == 0
    assert not milter.server.path.exists()
    writer.close()


async def test_socket_belongs_to_postfix_only(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "m")
    await milter.start()
    found = milter.server.path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert grp.getgrgid(found.st_gid).gr_name == "postfix"
    await milter.stop()


async def test_socket_left_by_a_kill_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "m"))
    left.close()
    milter = Milter(tmp_path / "m", owner="root")
    await milter.start()
    await milter.stop()
    (tmp_path / "m").write_text("precious")
    with pytest.raises(FileExistsError):
        await Milter(tmp_path / "m", owner="root").start()
    assert (tmp_path / "m").read_text() == "precious"


@pytest.mark.parametrize("text", ["a\r\nb", "a\nX-Evil: 1", "a\0b"])
def test_line_breaks_cannot_be_smuggled_into_header_or_reply(text: str) -> None:
    for action in (AddHeader("X-New", text), Reject(text), Quarantine(text), ChangeHeader("X-New", text)):
        for _, data in answers([action]):
            assert b"\n" not in data
            assert b"\r" not in data
    with pytest.raises(ValueError, match="address"):
        list(answers([AddRecipient(text)]))


def test_first_verdict_ends_the_answer() -> None:
    assert [command for command, _ in answers([AddHeader("X-New", "1"), Discard(), Reject("no")])] == [
        b"h",
        b"d",
    ]


class Gateway:
    """A real Postfix that asks a real milter."""

    def __init__(self, address: str, sink: Sink, milter: Milter, instance: Instance) -> None:
        self.address, self.sink, self.milter, self.instance = address, sink, milter, instance

    async def send(self, content: bytes = MAIL, to: str = "a@relay.test") -> tuple[int, str]:
        return await asyncio.to_thread(send, self.address, content, to=to)

    async def received(self, count: int = 1) -> Received:
        await asyncio.to_thread(until, lambda: len(self.sink.messages) == count)
        return self.sink.messages[-1]


@pytest.fixture
async def gw(instance: Instance, address: str, sink: Sink) -> AsyncIterator[Gateway]:
    instance.prepare()
    milter = Milter(instance.place.private / "gatefold")
    await milter.start()
    configuration: Configuration = gateway(address, sink)
    configuration.set("smtpd_milters", "unix:private/gatefold")
    await asyncio.to_thread(Generations(instance).apply, configuration)
    yield Gateway(address, sink, milter, instance)
    await milter.stop()


@pytest.mark.root
async def test_listener_is_known_to_the_hook(gw: Gateway) -> None:
    seen: list[Message] = []
    gw.milter.hook = lambda message: seen.append(message) or ()
    assert (await gw.send())[0] == 250
    (message,) = seen
    assert message.listener == "public"
    assert (message.server_address, message.server_port) == (gw.address, 2525)
    assert message.client_address == "127.0.0.1"
    assert message.helo == "client.test"
    assert (message.sender, message.recipients) == ("s@client.test", ("a@relay.test",))
    assert message.queue_id
    assert [one.text for one in message.headers if one.name == "X-Old"] == ["first", "second"]
    assert message.body == b"the text\r\n"
    assert (await gw.received()).content.endswith(b"the text\r\n")


@pytest.mark.root
async def test_verdicts_reach_the_client(gw: Gateway) -> None:
    gw.milter.hook = lambda message: [Reject("100% not wanted, ever", 554, "5.7.9")]
    assert await gw.send() == (554, "5.7.9 100% not wanted, ever")
    gw.milter.hook = lambda message: [TempFail("come back")]
    assert await gw.send() == (451, "4.7.1 come back")
    gw.milter.hook = lambda message: [Discard()]
    assert (await gw.send())[0] == 250
    gw.milter.hook = lambda message: ()
    assert (await gw.send(MAIL.replace(b"hello", b"last")))[0] == 250
    assert b"Subject: last" in (await gw.received()).content


@pytest.mark.root
async def test_changes_reach_the_recipient(gw: Gateway) -> None:
    big = b"".join(b"line %06d\r\n" % number for number in range(20000))
    gw.milter.hook = lambda message: [
        AddHeader("X-Last", "zuletzt ä"),
        AddHeader("X-Top", "first", index=0),
        ChangeHeader("Subject", "changed"),
        ChangeHeader("X-Old", None, nth=1),
        ChangeHeader("X-None", "was not there"),
        ReplaceBody(big),
        AddRecipient("extra@relay.test"),
        DeleteRecipient("a@relay.test"),
        ChangeSender("new@client.test"),
    ]
    assert (await gw.send())[0] == 250
    received = await gw.received()
    assert (received.sender, received.recipients) == ("new@client.test", ["extra@relay.test"])
    head, _, body = received.content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert body == big
    for line in (
        b"X-Top: first",
        b"Subject: changed",
        b"X-None: was not there",
        "X-Last: zuletzt ä".encode(),
    ):
        assert lines.count(line) == 1
    assert [line for line in lines if line.startswith(b"X-Old")] == [b"X-Old: second"]


@pytest.mark.root
async def test_quarantined_mail_is_on_hold(gw: Gateway) -> None:
    gw.milter.hook = lambda message: [Quarantine("looks odd")]
    assert (await gw.send())[0] == 250
    (held,) = await asyncio.to_thread(until, Queue(gw.instance).messages)
    assert held.queue == "hold"


@pytest.mark.root
async def test_dead_milter_makes_clients_try_again_and_a_new_one_serves(gw: Gateway) -> None:
    await gw.milter.stop()
    code, text = await gw.send()
    assert (code, text.split()[0]) == (451, "4.7.1")
    again = Milter(gw.instance.place.private / "gatefold")
    await again.start()
    assert (await gw.send())[0] == 250
    await again.stop()


@pytest.mark.root
async def test_disclaimer_reaches_the_recipient(gw: Gateway) -> None:
    gw.milter.hook = Stamps({"public": Stamp(Disclaimer("oben ä"), Disclaimer("unten"))})
    assert (await gw.send())[0] == 250
    parsed = email.message_from_bytes((await gw.received()).content, policy=email.policy.default)
    assert parsed.get_content().split("\r\n") == ["oben ä", "", "the text", "", "unten", ""]
    assert parsed["MIME-Version"] == "1.0"
    gw.milter.hook = Stamps({"other": Stamp(Disclaimer("oben ä"))})
    assert (await gw.send())[0] == 250
    assert (await gw.received(2)).content.endswith(b"\r\n\r\nthe text\r\n")
