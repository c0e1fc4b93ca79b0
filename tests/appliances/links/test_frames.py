from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.links.channel import Channel
from appliances.links.errors import Fault, LinkError, ProtocolError
from appliances.links.frames import MAX_FRAME, decode, encode, frame, read_payload
from appliances.links.messages import Commits, Part, Ping, Status, to_body
from appliances.links.outbox import pieces

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def stream(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


def channel(data: bytes) -> Channel:
    return Channel(stream(data), None, lambda: None)  # type: ignore[arg-type]  # nothing is sent here


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_frame_read_back_is_the_same(value):
    async def read() -> bytes | None:
        return await read_payload(stream(frame(encode(value))))

    payload = asyncio.run(read())

    assert payload is not None
    assert decode(payload) == value


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (b"\xff\xfe", Fault.NOT_JSON),
        (b"{", Fault.NOT_JSON),
        (b'{"a":NaN}', Fault.NOT_JSON),
        (b'{"a":Infinity}', Fault.NOT_JSON),
        (b'{"a":"\\ud800"}', Fault.NOT_JSON),
        (b'{"a":' + b"9" * 5000 + b"}", Fault.NOT_JSON),
        (b"[]", Fault.NOT_AN_OBJECT),
        (b"7", Fault.NOT_AN_OBJECT),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", Fault.TOO_DEEP),
        (b'{"a":' * 100000 + b"1" + b"}" * 100000, Fault.TOO_DEEP),
    ],
)
def test_decode_names_what_is_wrong(payload, fault):
    with pytest.raises(ProtocolError) as caught:
        decode(payload)

    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x00\x00", Fault.TRUNCATED),
        (b"\x00\x00\x00\x05{}", Fault.TRUNCATED),
        (b"\x00\x00\x00\x00", Fault.EMPTY),
        ((MAX_FRAME + 1).to_bytes(4, "big"), Fault.OVERSIZED),
        (b"GET / HTTP/1.1\r\n\r\n", Fault.OVERSIZED),
    ],
)
async def test_read_payload_names_what_is_wrong(data, fault):
    with pytest.raises(ProtocolError) as caught:
        await read_payload(stream(data))

    assert caught.value.fault is fault


async def test_read_payload_at_the_end_is_none():
    assert await read_payload(stream(b"")) is None


def test_frame_of_too_much_is_refused():
    with pytest.raises(ProtocolError, match="oversized"):
        frame(b"x" * (MAX_FRAME + 1))


@given(st.binary(max_size=300))
def test_receive_of_garbage_is_a_protocol_error_or_the_end(data):
    async def receive() -> object:
        try:
            return await channel(data).receive()
        except LinkError as error:
            return error

    result = asyncio.run(receive())

    assert result is None or isinstance(result, ProtocolError)


@given(JSON)
def test_receive_of_json_that_is_no_message_is_a_protocol_error(value):
    payload = json.dumps(value).encode()

    async def receive() -> None:
        await channel(frame(payload)).receive()

    with pytest.raises(ProtocolError):
        asyncio.run(receive())


async def test_long_message_travels_in_parts_and_arrives_whole():
    long = Status(serial="A", status={"text": "é雪" * 400_000})
    short = Ping(n=1, sent_at=2, digest="d")
    frames = list(pieces(encode(to_body(long)), 1))
    frames.insert(2, frame(encode(to_body(short))))

    inbox = channel(b"".join(frames))

    assert len(frames) > 3
    assert await inbox.receive() == short
    assert await inbox.receive() == long


async def test_parts_beyond_the_longest_message_are_refused(monkeypatch):
    monkeypatch.setattr("appliances.links.channel.MAX_MESSAGE", 1000)
    part = frame(encode(to_body(Part(stream=1, last=False, text="x" * 600))))

    with pytest.raises(ProtocolError, match="too-long"):
        await channel(part * 2).receive()


async def test_parts_of_too_many_messages_at_once_are_refused():
    parts = [frame(encode(to_body(Part(stream=n, last=False, text="x")))) for n in range(20)]

    with pytest.raises(ProtocolError, match="too-long"):
        await channel(b"".join(parts)).receive()


async def test_part_within_parts_is_refused():
    inner = encode(to_body(Part(stream=1, last=True, text="{}"))).decode()
    data = frame(encode(to_body(Part(stream=2, last=True, text=inner))))

    with pytest.raises(ProtocolError, match="unexpected"):
        await channel(data).receive()


async def test_parts_before_hello_are_refused():
    data = frame(encode(to_body(Part(stream=1, last=True, text="{}"))))

    with pytest.raises(ProtocolError, match="unexpected"):
        await channel(data).receive(parts=False)


def test_message_with_unknown_fields_wrong_types_or_unknown_type_is_refused():
    from appliances.links.messages import from_body

    good = to_body(Commits(n=1, commits=[]))
    assert from_body(good) == Commits(n=1, commits=[])
    for bad in (
        {**good, "more": 1},
        {**good, "n": "1"},
        {**good, "n": -1},
        {**good, "n": 2**60},
        {**good, "n": True},
        {**good, "commits": [1]},
        {**good, "type": "nonsense"},
        {"n": 1},
        {"type": "ping", "n": 1, "sent_at": 0, "digest": "a\x00b"},
        {"type": "sync", "vector": {"": 1}, "full": True, "ask": False},
        {"type": "sync", "vector": {"A": 1.5}, "full": True, "ask": False},
        {"type": "refused", "reason": "because", "text": "", "release": ""},
    ):
        with pytest.raises(ProtocolError):
            from_body(bad)
