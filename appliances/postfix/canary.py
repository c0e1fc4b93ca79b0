"""A short SMTP conversation with a listener, to see that it answers and which generation it is."""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from appliances.postfix.log import CANARY
from clusters.system_words import reason

SENDER = "<>"
HELO = "canary.gatefold.invalid"
SLICE = 0.05
"""Seconds between two calls of `meanwhile` while an answer is awaited."""

BROKEN = re.compile(r"4\.3\.[05]\b.*(configuration|server error)", re.IGNORECASE)
"""Replies by which Postfix says that its own settings are at fault."""


class NoAnswer(Exception):
    """The listener did not take the conversation; the message says where it ended."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said: our own port (by which the log names us) and the replies in order."""

    local_port: int
    replies: tuple[str, ...]

    @property
    def complaint(self) -> str | None:
        """The first reply that blames the settings."""
        return next((reply for reply in self.replies if BROKEN.search(reply)), None)


def converse(
    address: str,
    port: int,
    *,
    wrapped: bool = False,
    recipients: Sequence[str] = (),
    timeout: float = 5.0,
    meanwhile: Callable[[], None] = lambda: None,
) -> Conversation:
    """Greet, name a sender and recipients, and leave; no message is handed in.

    Any reply is an answer, a refusal too (the listener may not like this client). `timeout` is in seconds
    for the whole conversation; `meanwhile` is called while waiting and may raise to end it.
    Raises NoAnswer.
    """
    deadline = time.monotonic() + timeout
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    try:
        with socket.create_connection((target, port), timeout=timeout) as plain:
            local_port = int(plain.getsockname()[1])
            with _wrap(plain) if wrapped else plain as stream:
                talk = _Talk(stream, deadline, meanwhile)
                return Conversation(local_port, tuple(_dialogue(talk, recipients)))
    except OSError as error:
        raise NoAnswer(f"{address} port {port}: {reason(error)}") from None
    except NoAnswer as error:
        raise NoAnswer(f"{address} port {port}: {error}") from None


def _wrap(plain: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # Whether the certificate is trusted is for clients to say; here only the answer counts.
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def _dialogue(talk: _Talk, recipients: Sequence[str]) -> Iterator[str]:
    banner = talk.reply()
    yield banner
    if not banner.startswith("220"):
        return
    sender = f"MAIL FROM:{SENDER}"
    for command in (
        f"EHLO {HELO}",
        sender,
        *(f"RCPT TO:<{one}>" for one in (CANARY, *recipients)),
        "QUIT",
    ):
        reply = talk.ask(command)
        yield reply
        if reply.startswith(("421", "521")):
            return


class _Talk:
    """One connection, read line by line until the deadline."""

    def __init__(self, stream: socket.socket, deadline: float, meanwhile: Callable[[], None]) -> None:
        self._stream = stream
        self._deadline = deadline
        self._meanwhile = meanwhile
        self._buffer = b""

    def ask(self, command: str) -> str:
        self._stream.sendall(command.encode("utf-8") + b"\r\n")
        return self.reply()

    def reply(self) -> str:
        lines = [self._line()]
        while lines[-1][3:4] == "-":
            lines.append(self._line())
        return "\n".join(lines)

    def _line(self) -> str:
        while b"\n" not in self._buffer:
            self._await_bytes()
            received = self._stream.recv(65536)
            if not received:
                raise NoAnswer("the connection was closed without an answer")
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")

    def _await_bytes(self) -> None:
        if isinstance(self._stream, ssl.SSLSocket) and self._stream.pending():
            return
        while not select.select([self._stream], [], [], SLICE)[0]:
            self._meanwhile()
            if time.monotonic() > self._deadline:
                raise NoAnswer("no answer in time")
