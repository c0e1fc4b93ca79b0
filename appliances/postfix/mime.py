"""MIME entities cut out of a message and put back, byte for byte where nothing was changed."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from email.message import Message as EmailMessage
from email.parser import BytesHeaderParser

DEPTH = 20
PARTS = 2000


class Unreadable(ValueError):
    """Not well-formed MIME; what cannot be read safely is left alone."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A header block (with its last line end, without the blank line) and a body.

    `default` is the type where no Content-Type says it.
    """

    head: bytes
    body: bytes
    default: str = "text/plain"
    fields: EmailMessage = field(default_factory=EmailMessage, compare=False)

    @property
    def kind(self) -> str:
        """The media type in lower case, `text/plain` if none is given."""
        if self.fields.get("Content-Type") is None:
            return self.default
        return self.fields.get_content_type()

    @property
    def encoding(self) -> str:
        """The content transfer encoding in lower case."""
        return str(self.fields.get("Content-Transfer-Encoding", "7bit")).strip().lower()

    @property
    def charset(self) -> str:
        """The declared charset in lower case."""
        found = self.fields.get_param("charset", "us-ascii")
        return str(found[2] if isinstance(found, tuple) else found).strip().lower()

    @property
    def attached(self) -> bool:
        """Whether it is to be shown as a file, not as text."""
        return self.fields.get_content_disposition() == "attachment" or (
            self.fields.get_filename() is not None
        )

    def decoded(self) -> bytes:
        """The body without its transfer encoding. Raises Unreadable."""
        if self.encoding in ("7bit", "8bit", "binary"):
            return self.body
        try:
            if self.encoding == "base64":
                return base64.b64decode(re.sub(rb"\s+", b"", self.body), validate=True)
        except binascii.Error:
            raise Unreadable("broken base64") from None
        if self.encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        raise Unreadable(f"the encoding {self.encoding!r}")

    def with_field(self, name: str, value: str) -> Entity:
        """The same with one header field replaced or added; the others stay as they are."""
        lines = re.split(rb"(?<=\n)(?![ \t])", self.head)
        kept = [line for line in lines if line and not line.lower().startswith(name.lower().encode() + b":")]
        ending = _line_end(self.head)
        head = b"".join(kept) + f"{name}: {value}".encode("utf-8", "surrogateescape") + ending
        return parse_entity(head, self.body, self.default)

    def with_body(self, body: bytes) -> Entity:
        return replace(self, body=body)

    def as_bytes(self) -> bytes:
        return self.head + (_line_end(self.head)) + self.body


def parse_entity(head: bytes, body: bytes, default: str = "text/plain") -> Entity:
    """An entity of a header block and a body. Raises Unreadable if a field that matters is there twice."""
    fields = BytesHeaderParser().parsebytes(head)
    for name in ("Content-Type", "Content-Transfer-Encoding", "Content-Disposition"):
        if len(fields.get_all(name, [])) > 1:
            raise Unreadable(f"{name} is there more than once")
    return Entity(head, body, default, fields)


def split_entity(content: bytes, default: str = "text/plain") -> Entity:
    """The entity that these bytes are. Raises Unreadable."""
    match = re.search(rb"\A(?:\r?\n)|\r?\n\r?\n", content)
    if match is None:
        return _bodiless(content, default)
    if match.start() == 0:
        return Entity(b"", content[match.end() :], default)
    ending = b"\r\n" if match[0].startswith(b"\r") else b"\n"
    return parse_entity(content[: match.start()] + ending, content[match.end() :], default)


def _bodiless(content: bytes, default: str) -> Entity:
    """A part of header fields only: the blank line after them belongs to the boundary."""
    if content and not re.match(rb"[!-9;-~]+[ \t]*:", content):
        raise Unreadable("a part without header fields or body")
    missing = b"" if not content or content.endswith(b"\n") else b"\r\n"
    return parse_entity(content + missing, b"", default)


@dataclass(frozen=True, slots=True)
class Multipart:
    """The body of a multipart: what lies between the parts, and the parts as they are.

    `between` has one piece more than `parts`: preamble with the first boundary line, the boundary lines,
    and the last one with the epilogue.
    """

    between: tuple[bytes, ...]
    parts: tuple[bytes, ...]

    def with_part(self, index: int, part: bytes) -> Multipart:
        return replace(self, parts=(*self.parts[:index], part, *self.parts[index + 1 :]))

    def as_bytes(self) -> bytes:
        pieces = [self.between[0]]
        for part, after in zip(self.parts, self.between[1:], strict=True):
            pieces += [part, after]
        return b"".join(pieces)


def boundary_of(entity: Entity) -> bytes:
    """The boundary of a multipart. Raises Unreadable if it has none."""
    boundary = entity.fields.get_boundary()
    if not boundary:
        raise Unreadable("a multipart without boundary")
    return boundary.encode("utf-8", "surrogateescape")


def split_multipart(entity: Entity) -> Multipart:
    """The parts of a multipart entity. Raises Unreadable without a boundary, or with none of its lines."""
    line = re.compile(
        rb"(?:\A|\r?\n|(?<=\n))--" + re.escape(boundary_of(entity)) + rb"(--)?[ \t]*(?=\r?\n|\Z)(?:\r?\n)?"
    )
    between: list[bytes] = []
    parts: list[bytes] = []
    position = 0
    for match in _boundary_lines(line, entity.body):
        if between:
            parts.append(entity.body[position : match.start()])
            between.append(match[0])
        else:
            between.append(entity.body[: match.end()])
        position = match.end()
        if match[1]:
            return Multipart((*between[:-1], between[-1] + entity.body[position:]), tuple(parts))
    if not between:
        raise Unreadable("a multipart without parts")
    # The closing boundary is missing: the last part goes on to the end.
    return Multipart((*between, b""), (*parts, entity.body[position:]))


def _boundary_lines(line: re.Pattern[bytes], body: bytes) -> list[re.Match[bytes]]:
    """The boundary lines up to the closing one."""
    found: list[re.Match[bytes]] = []
    position = 0
    while match := line.search(body, position):
        found.append(match)
        if len(found) > PARTS:
            raise Unreadable("too many parts")
        if match[1]:
            break
        position = match.end()
    return found


def encode_base64(content: bytes) -> bytes:
    """Lines of 76 characters, CRLF."""
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


def encode_quoted_printable(content: bytes) -> bytes:
    """Quoted-printable of text with CRLF line ends; a bare CR or LF is kept as data."""
    lines = [binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n") for line in content.split(b"\r\n")]
    return b"\r\n".join(lines)


def fits_seven_bit(content: bytes) -> bool:
    """Whether the bytes may stand in a mail as they are: ASCII, no null, no line of more than 998 bytes."""
    return content.isascii() and b"\0" not in content and longest_line(content) <= 998


def longest_line(content: bytes) -> int:
    return max(map(len, content.split(b"\n")))


def contains_boundary(content: bytes, boundaries: Sequence[bytes]) -> bool:
    """Whether a line of the content would end one of the multiparts around it."""
    return any(re.search(rb"(?:\A|\n)--" + re.escape(one), content) for one in boundaries)


def _line_end(head: bytes) -> bytes:
    return b"\n" if head and not head.endswith(b"\r\n") else b"\r\n"
