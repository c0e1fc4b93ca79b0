"""What a hook may ask to be done with a message, and the message that it is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Header:
    """One header field. The value is exact, with its leading blank and its folds (LF)."""

    name: str
    value: str

    @property
    def text(self) -> str:
        """The value unfolded and stripped."""
        return re.sub(r"\r?\n(?=[ \t])", "", self.value).strip()


@dataclass(frozen=True, slots=True)
class Message:
    """A message at its end, with all that Postfix told about it.

    `listener` is the name of the listener that took it, `body` has CRLF line ends, `macros` are Postfix's
    own. Text that is not UTF-8 is kept by surrogate escapes.
    """

    listener: str
    sender: str
    recipients: tuple[str, ...]
    headers: tuple[Header, ...]
    body: bytes
    client_address: str = ""
    client_name: str = ""
    helo: str = ""
    queue_id: str = ""
    server_address: str = ""
    server_port: int = 0
    macros: Mapping[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        """The first header field of that name, unfolded."""
        return next((one.text for one in self.headers if one.name.lower() == name.lower()), None)

    def as_bytes(self) -> bytes:
        """The whole message with CRLF line ends."""
        return header_bytes(self.headers) + b"\r\n" + self.body


def header_bytes(headers: tuple[Header, ...]) -> bytes:
    """The header fields as they stand in a message, without the blank line."""
    lines = "".join(f"{one.name}:{one.value}\n" for one in headers)
    return re.sub(r"\r?\n", "\r\n", lines).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the message for good; `code` is 5xx, `status` its enhanced code."""

    text: str
    code: int = 550
    status: str = "5.7.1"


@dataclass(frozen=True, slots=True)
class TempFail:
    """Ask the client to try later; `code` is 4xx."""

    text: str
    code: int = 451
    status: str = "4.7.1"


@dataclass(frozen=True, slots=True)
class Discard:
    """Take the message and let it vanish."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Put the message on hold; the reason is logged."""

    reason: str


@dataclass(frozen=True, slots=True)
class AddHeader:
    """Add a header field, at the end or at `index` (0 is the top). The value needs no leading blank."""

    name: str
    value: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeHeader:
    """Replace the nth field of that name (from 1), or delete it (value None)."""

    name: str
    value: str | None
    nth: int = 1


@dataclass(frozen=True, slots=True)
class ReplaceBody:
    """Replace the whole body; CRLF line ends."""

    body: bytes


@dataclass(frozen=True, slots=True)
class AddRecipient:
    """Deliver to one more address."""

    address: str


@dataclass(frozen=True, slots=True)
class DeleteRecipient:
    """Do not deliver to this address."""

    address: str


@dataclass(frozen=True, slots=True)
class ChangeSender:
    """Replace the envelope sender."""

    address: str


Final = Reject | TempFail | Discard
Change = Quarantine | AddHeader | ChangeHeader | ReplaceBody | AddRecipient | DeleteRecipient | ChangeSender
Action = Final | Change
