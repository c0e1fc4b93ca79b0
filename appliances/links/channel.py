"""One SSH channel as a stream of messages, for both ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from appliances.links.errors import Fault, LinkLost, ProtocolError
from appliances.links.frames import decode, encode, frame, read_payload
from appliances.links.messages import Message, Part, from_body, to_body
from clusters.system_words import cause

MAX_MESSAGE = 64 * 1024 * 1024
MAX_OPEN_PARTS = 8


class ByteReader(Protocol):
    """The reading half of an SSH channel."""

    async def read(self, n: int = -1) -> bytes: ...


class ByteWriter(Protocol):
    """The writing half of an SSH channel."""

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...


class Channel:
    """Messages over a pair of byte streams; `hang_up` ends the connection beneath."""

    def __init__(
        self, reader: ByteReader, writer: ByteWriter, hang_up: Callable[[], None], address: str = ""
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._hang_up = hang_up
        self._parts: dict[int, list[str]] = {}
        self._waiting = 0
        self.address = address

    async def read(self, n: int = -1) -> bytes:
        """Bytes from the other end; whatever breaks beneath is LinkLost."""
        try:
            return await self._reader.read(n)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # asyncssh reports signals, breaks and lost connections this way
            raise LinkLost(_broken(error)) from None

    def write(self, data: bytes) -> None:
        """Queues bytes for the other end."""
        try:
            self._writer.write(data)
        except Exception as error:
            raise LinkLost(_broken(error)) from None

    async def drain(self) -> None:
        """Waits until the other end takes more bytes."""
        try:
            await self._writer.drain()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise LinkLost(_broken(error)) from None

    async def send(self, message: Message) -> None:
        """Writes one short message, before a link has its outbox."""
        self.write(frame(encode(to_body(message))))
        await self.drain()

    async def receive(self, *, parts: bool = True) -> Message | None:
        """The next message, put together from its parts, or None at the end of the stream.

        Raises ProtocolError and LinkLost. Without `parts` only what fits into one frame is taken.
        """
        while (payload := await read_payload(self)) is not None:
            message = from_body(await _decoded(payload))
            if not isinstance(message, Part):
                return message
            if not parts:
                raise ProtocolError(Fault.UNEXPECTED, "part")
            if (whole := self._assembled(message)) is not None:
                return _no_part(from_body(await _decoded(whole)))
        return None

    def hang_up(self) -> None:
        """Ends the connection."""
        self._hang_up()

    def _assembled(self, part: Part) -> bytes | None:
        if part.stream not in self._parts and len(self._parts) >= MAX_OPEN_PARTS:
            raise ProtocolError(Fault.TOO_LONG, "too many messages in parts at once")
        self._parts.setdefault(part.stream, []).append(part.text)
        self._waiting += len(part.text)
        if self._waiting > MAX_MESSAGE:
            raise ProtocolError(Fault.TOO_LONG, f"a message has at most {MAX_MESSAGE} bytes")
        if not part.last:
            return None
        whole = "".join(self._parts.pop(part.stream))
        self._waiting -= len(whole)
        return whole.encode("utf-8")


def _broken(error: Exception) -> str:
    """In our words: asyncssh's say nothing to who manages machines (TRL-27)."""
    return f"the connection broke: {cause(error)}" if isinstance(error, OSError) else "the connection broke"


async def _decoded(payload: bytes) -> dict[str, object]:
    """Long texts are read in a thread, so that the loop goes on serving."""
    if len(payload) < 262144:
        return decode(payload)
    return await asyncio.to_thread(decode, payload)


def _no_part(message: Message) -> Message:
    if isinstance(message, Part):
        raise ProtocolError(Fault.UNEXPECTED, "a part within parts")
    return message
