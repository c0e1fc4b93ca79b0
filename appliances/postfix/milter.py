"""Our milter (protocol 6): collects a message, asks a hook at its end, tells Postfix what to do.

Frames are a length (4 bytes), a command byte and its data. Only the end of a message is answered.
"""

from __future__ import annotations

import asyncio
import logging
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

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
from appliances.postfix.sockets import Malformed, SocketServer

logger = logging.getLogger(__name__)

VERSION = 6
FRAME_LIMIT = 1024 * 1024
"""Bytes of the largest frame; Postfix sends bodies in pieces of 64 KiB and headers of at most 100 KiB."""
MESSAGE_LIMIT = 200 * 1024 * 1024
"""Bytes of headers and body that are held; a larger message is refused, not passed unseen."""
CHUNK = 65535
THREADS = 4

# What we may do: add and change headers, body, recipients, quarantine, sender.
_ACTIONS = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x20 | 0x40
# No answers but at the end of a message (NR_*), no unknown commands, header values exact (LEADSPC).
_NO_REPLY = 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x40000 | 0x80000
_NO_UNKNOWN, _EXACT_HEADERS = 0x100, 0x100000
_PROTOCOL = _NO_REPLY | _NO_UNKNOWN | _EXACT_HEADERS

Hook = Callable[[Message], Iterable[Action]]
Frame = tuple[bytes, bytes]


def pass_all(message: Message) -> Iterable[Action]:
    """The hook that lets every message through as it is."""
    return ()


class Milter:
    """The milter service at `path`. `hook` is called in a thread, once per message.

    Assign another hook at any time: messages that end later are shown to it. A hook that raises makes
    the client try again later (451); it is logged and counted in `errors`.
    """

    def __init__(
        self, path: Path, hook: Hook = pass_all, *, owner: str = "postfix", message_limit: int = MESSAGE_LIMIT
    ) -> None:
        self.hook = hook
        self.messages = 0
        self.errors = 0
        self.server = SocketServer(path, self._session, owner=owner)
        self._message_limit = message_limit
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="milter")

    async def start(self) -> None:
        """Open the socket. Raises OSError."""
        await self.server.start()

    async def stop(self) -> None:
        """Close the socket and all sessions."""
        await self.server.stop()
        self._threads.shutdown(wait=False)

    async def decide(self, message: Message) -> list[Frame]:
        """The frames that carry out what the hook wants; TempFail if it fails."""
        self.messages += 1
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, _ask, self.hook, message)
        except Exception:
            self.errors += 1
            logger.exception("%s: the hook failed on %s", self.server.path.name, message.queue_id)
            return list(
                answers([TempFail("The message cannot be examined now, try again later", 451, "4.3.0")])
            )

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _Session(self, reader, writer, self._message_limit).run()


def _ask(hook: Hook, message: Message) -> list[Frame]:
    return list(answers(hook(message)))


@dataclass(slots=True)
class _Envelope:
    """What is known of the message that is coming in."""

    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    size: int = 0


class _Session:
    """One SMTP session of Postfix with us."""

    def __init__(
        self, milter: Milter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int
    ) -> None:
        self._milter = milter
        self._reader = reader
        self._writer = writer
        self._limit = limit
        self._macros: dict[bytes, dict[str, str]] = {}
        self._client = ("", "")
        self._helo = ""
        self._envelope = _Envelope()

    async def run(self) -> None:
        """Take frames until Postfix quits. Raises Malformed."""
        while True:
            command, data = await self._frame()
            if command == b"Q":
                return
            if command == b"K":
                self._macros.clear()
            elif command == b"E":
                self._body(data)
                await self._end()
            else:
                self._take(command, data)
                await self._writer.drain()

    async def _frame(self) -> tuple[bytes, bytes]:
        (length,) = struct.unpack("!I", await self._reader.readexactly(4))
        if not 1 <= length <= FRAME_LIMIT:
            raise Malformed(f"a frame of {length} bytes")
        content = await self._reader.readexactly(length)
        return content[:1], content[1:]

    def _take(self, command: bytes, data: bytes) -> None:
        takers: dict[bytes, Callable[[bytes], None]] = {
            b"O": self._negotiate,
            b"D": self._define,
            b"C": self._connect,
            b"H": self._greet,
            b"M": self._mail,
            b"R": self._rcpt,
            b"L": self._header,
            b"B": self._body,
            b"A": self._abort,
            b"N": _ignore,
            b"T": _ignore,
            b"U": _ignore,
        }
        if command not in takers:
            raise Malformed(f"the command {command!r}")
        takers[command](data)

    def _negotiate(self, data: bytes) -> None:
        if len(data) < 12:
            raise Malformed("a short negotiation")
        version, actions, protocol = struct.unpack("!III", data[:12])
        if version < VERSION or actions & _ACTIONS != _ACTIONS or protocol & _PROTOCOL != _PROTOCOL:
            raise Malformed(f"a peer that lacks what we need: {version} {actions:x} {protocol:x}")
        self._send(b"O", struct.pack("!III", VERSION, _ACTIONS, _PROTOCOL))

    def _define(self, data: bytes) -> None:
        names = _strings(data[1:])
        # Kept per stage: what was told of one message must not stay for the next.
        self._macros[data[:1]] = {
            name.strip("{}"): value for name, value in zip(names[::2], names[1::2], strict=False)
        }

    def _connect(self, data: bytes) -> None:
        name, _, rest = data.partition(b"\0")
        self._client = (_text(name), _text(rest[3:].partition(b"\0")[0]).removeprefix("IPv6:"))

    def _greet(self, data: bytes) -> None:
        self._helo = (_strings(data) or [""])[0]

    def _mail(self, data: bytes) -> None:
        self._envelope = _Envelope(sender=_address(data))

    def _rcpt(self, data: bytes) -> None:
        self._envelope.recipients.append(_address(data))

    def _header(self, data: bytes) -> None:
        name, _, value = data.partition(b"\0")
        self._grow(len(data))
        if self._envelope.size <= self._limit:
            self._envelope.headers.append(Header(_text(name), _text(value.removesuffix(b"\0"))))

    def _body(self, data: bytes) -> None:
        self._grow(len(data))
        if self._envelope.size <= self._limit:
            self._envelope.body += data

    def _grow(self, length: int) -> None:
        self._envelope.size += length

    def _abort(self, data: bytes) -> None:
        self._envelope = _Envelope()

    async def _end(self) -> None:
        if self._envelope.size > self._limit:
            frames = list(answers([Reject("The message is too big to be examined", 552, "5.3.4")]))
        else:
            frames = await self._milter.decide(self._message())
        for command, data in frames:
            self._send(command, data)
        await self._writer.drain()
        self._envelope = _Envelope()

    def _message(self) -> Message:
        envelope = self._envelope
        macros = {name: value for stage in self._macros.values() for name, value in stage.items()}
        port = macros.get("daemon_port", "")
        return Message(
            listener=macros.get("daemon_name", ""),
            sender=envelope.sender,
            recipients=tuple(envelope.recipients),
            headers=tuple(envelope.headers),
            body=bytes(envelope.body),
            client_address=self._client[1],
            client_name=self._client[0],
            helo=self._helo,
            queue_id=macros.get("i", ""),
            server_address=macros.get("daemon_addr", ""),
            server_port=int(port) if port.isascii() and port.isdigit() else 0,
            macros=macros,
        )

    def _send(self, command: bytes, data: bytes = b"") -> None:
        self._writer.write(struct.pack("!I", len(data) + 1) + command + data)


def answers(actions: Iterable[Action]) -> Iterator[Frame]:
    """The frames that carry out the actions: changes in order, then the verdict (the first final one)."""
    verdict = (b"c", b"")
    for action in actions:
        if isinstance(action, Reject | TempFail | Discard):
            yield _verdict(action)
            return
        yield from _change(action)
    yield verdict


def _verdict(action: Reject | TempFail | Discard) -> Frame:
    if isinstance(action, Discard):
        return b"d", b""
    # Postfix reads `%` in a reply as the start of an escape.
    text = _one_line(action.text).encode("ascii", "replace").replace(b"%", b"%%")[:400]
    return b"y", b"%d %s %s\0" % (action.code, action.status.encode("ascii"), text)


def _change(action: Action) -> Iterator[Frame]:
    match action:
        case ReplaceBody(body):
            for start in range(0, max(1, len(body)), CHUNK):
                yield b"b", body[start : start + CHUNK]
        case AddHeader(name, value, None):
            yield b"h", _zero(_name(name), _value(value))
        case AddHeader(name, value, int(index)):
            yield b"i", struct.pack("!I", index) + _zero(_name(name), _value(value))
        case ChangeHeader(name, value, nth):
            changed = "" if value is None else _value(value)
            yield b"m", struct.pack("!I", nth) + _zero(_name(name), changed)
        case AddRecipient(address):
            yield b"+", _zero(_path(address))
        case DeleteRecipient(address):
            yield b"-", _zero(_path(address))
        case ChangeSender(address):
            yield b"e", _zero(_path(address))
        case Quarantine(reason):
            yield b"q", _zero(_one_line(reason))


def _ignore(data: bytes) -> None:
    """A stage that tells us nothing."""


def _strings(data: bytes) -> list[str]:
    return [_text(part) for part in data.split(b"\0")[:-1]]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _address(data: bytes) -> str:
    return _text(data.partition(b"\0")[0]).removeprefix("<").removesuffix(">")


def _zero(*parts: str) -> bytes:
    return b"".join(part.encode("utf-8", "surrogateescape") + b"\0" for part in parts)


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()


def _name(name: str) -> str:
    if not re.fullmatch(r"[!-9;-~]+", name):
        raise ValueError(f"{name!r} is not a name of a header field")
    return name


def _value(value: str) -> str:
    """The value with a leading blank; a line break is a fold or nothing."""
    folded = re.sub(r"\r?\n(?=[ \t])", "\n", value.lstrip(" "))
    return " " + re.sub(r"[\x00\r]|\n(?![ \t])", " ", folded)


def _path(address: str) -> str:
    bare = address.strip().removeprefix("<").removesuffix(">")
    if re.search(r"[\x00-\x20<>]", bare):
        raise ValueError(f"{address!r} is not an address")
    return f"<{bare}>"
