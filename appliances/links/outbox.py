"""What waits to be written on a link: answers first, long messages in pieces between them."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from appliances.links.errors import LinkLost
from appliances.links.frames import encode, frame
from appliances.links.messages import Message, Part, to_body

PIECE = 256 * 1024
MAX_WAITING = 10_000


class Writer(Protocol):
    """A stream of bytes, for instance of an SSH channel."""

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...


def pieces(payload: bytes, stream: int) -> Iterator[bytes]:
    """The frames of an encoded message: itself, or `part` messages when it is long."""
    if len(payload) <= PIECE:
        yield frame(payload)
        return
    text = payload.decode("utf-8")
    step = PIECE // 4
    for start in range(0, len(text), step):
        part = Part(stream=stream, last=start + step >= len(text), text=text[start : start + step])
        yield frame(encode(to_body(part)))


class Outbox:
    """Writes messages on a stream. Who reads the link only posts, so that reading never waits for writing."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._posted: deque[bytes] = deque()
        self._long: deque[tuple[Iterator[bytes], asyncio.Future[None]]] = deque()
        self._something = asyncio.Event()
        self._streams = itertools.count(1)
        self._ended = False

    def post(self, message: Message) -> None:
        """Queues a short message before all long ones. Raises LinkLost when the peer reads nothing."""
        if self._ended or len(self._posted) >= MAX_WAITING:
            raise LinkLost("the other end does not read what it asked for")
        self._posted.extend(pieces(encode(to_body(message)), next(self._streams)))
        self._something.set()

    async def send(self, message: Message) -> None:
        """Queues a message and returns when it is written. Raises LinkLost."""
        payload = await asyncio.to_thread(encode, to_body(message))
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._ended:
            raise LinkLost("the link has ended")
        self._long.append((pieces(payload, next(self._streams)), written))
        self._something.set()
        await written

    async def write_all(self) -> None:
        """Writes what is queued for as long as the link lives."""
        while True:
            await self._something.wait()
            self._something.clear()
            await self._write_posted()
            while self._long:
                await self._write_long(*self._long.popleft())

    async def flush(self) -> None:
        """Writes the short messages that still wait, at the end of a link."""
        await self._write_posted()

    def end(self) -> None:
        """Wakes all who wait for their message to be written: it never will be."""
        self._ended = True
        while self._long:
            _fail(self._long.popleft()[1])

    async def _write_posted(self) -> None:
        while self._posted:
            self._writer.write(self._posted.popleft())
            await self._writer.drain()

    async def _write_long(self, frames: Iterator[bytes], written: asyncio.Future[None]) -> None:
        try:
            for data in frames:
                self._writer.write(data)
                await self._writer.drain()
                await self._write_posted()
        except BaseException:
            _fail(written)
            raise
        if not written.done():
            written.set_result(None)


def _fail(written: asyncio.Future[None]) -> None:
    if not written.done():
        written.set_exception(LinkLost("the link has ended"))
        written.exception()
