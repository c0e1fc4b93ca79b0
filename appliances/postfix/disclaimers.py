"""Text stamped above and below a message: plain text and HTML, in any encoding, attachments untouched.

Signed and encrypted parts are never changed; where a message has no text that may be stamped, it stays.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.parser import BytesHeaderParser

from appliances.postfix.actions import Action, ChangeHeader, Header, Message, ReplaceBody, header_bytes
from appliances.postfix.mime import (
    DEPTH,
    Entity,
    Unreadable,
    boundary_of,
    contains_boundary,
    encode_base64,
    encode_quoted_printable,
    fits_seven_bit,
    longest_line,
    parse_entity,
    split_entity,
    split_multipart,
)

SEALED = frozenset({"multipart/signed", "multipart/encrypted", "multipart/report"})
SIGNATURES = ("DKIM-Signature", "ARC-Message-Signature")
"""Header fields that vouch for the body: a changed one fails the checks of everybody behind us."""
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_HTML = re.compile(r"<html\b[^>]*>", re.IGNORECASE)
_HTML_END = re.compile(r"</html\s*>", re.IGNORECASE)
_HEAD_END = re.compile(r"</head\s*>", re.IGNORECASE)
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_INLINE_PGP = re.compile(rb"^-----BEGIN PGP (SIGNED )?MESSAGE-----", re.MULTILINE)
_CONTENT_FIELDS = ("Content-Type", "Content-Transfer-Encoding")


@dataclass(frozen=True, slots=True)
class Disclaimer:
    """A text, and its form for HTML parts; without one the text is escaped."""

    text: str
    html: str = ""

    def plain(self, flowed: bool = False) -> str:
        """The text with CRLF line ends, ending in one; `flowed` keeps its lines as they are (RFC 3676)."""
        lines = self.text.replace("\r\n", "\n").rstrip("\n").split("\n")
        return "".join(f"{_fixed(line) if flowed else line}\r\n" for line in lines)

    @property
    def markup(self) -> str:
        """The HTML form, one block."""
        inner = self.html or html.escape(self.text.replace("\r\n", "\n").rstrip("\n")).replace(
            "\n", "<br>\r\n"
        )
        return f"<div>{inner}</div>\r\n"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What goes above and below; `flowed` is of the text that it is put on."""

    above: Disclaimer | None = None
    below: Disclaimer | None = None
    flowed: bool = False

    def on_text(self, text: str) -> str:
        """A plain text with the stamp; the text itself is unchanged."""
        above = self.above.plain(self.flowed) + "\r\n" if self.above else ""
        if self.below is None:
            return above + text
        gap = "" if not text or text.endswith("\n") else "\r\n"
        return f"{above}{text}{gap}\r\n{self.below.plain(self.flowed)}"

    def on_html(self, text: str) -> str:
        """An HTML text with the stamp inside its body."""
        below = self.below.markup if self.below else ""
        end = _last(text, _BODY_END) or _last(text, _HTML_END)
        at = end.start() if end else len(text)
        text = text[:at] + below + text[at:]
        above = self.above.markup if self.above else ""
        start = _first(text, _BODY) or _first(text, _HEAD_END) or _first(text, _HTML)
        at = start.end() if start else 0
        return text[:at] + above + text[at:]


def _fixed(line: str) -> str:
    """A line that a reader of flowed text neither joins nor takes for a quotation."""
    bare = line if line == "-- " else line.rstrip(" ")
    return f" {bare}" if bare.startswith((" ", ">", "From ")) else bare


@dataclass(frozen=True, slots=True)
class Stamps:
    """The stamp of each listener; a hook for the milter.

    Listeners in `own` leave what is signed as it is, but for clients (address, name) who are our own hosts.
    """

    listeners: Mapping[str, Stamp] = field(default_factory=dict)
    own: Mapping[str, Callable[[str, str], bool]] = field(default_factory=dict)

    def __call__(self, message: Message) -> Iterable[Action]:
        chosen = self.listeners.get(message.listener)
        return () if chosen is None or self._is_spared(message) else stamp(message, chosen)

    def _is_spared(self, message: Message) -> bool:
        is_own = self.own.get(message.listener)
        if is_own is None or all(message.header(name) is None for name in SIGNATURES):
            return False
        return not is_own(message.client_address, message.client_name)


def stamp(message: Message, chosen: Stamp) -> list[Action]:
    """The changes that put a stamp onto a message; none where it must not or cannot be stamped."""
    try:
        entity = parse_entity(header_bytes(message.headers), message.body)
        stamped = stamp_entity(entity, chosen)
    except Unreadable:
        return []
    if stamped is None:
        return []
    changes: list[Action] = []
    for name in _CONTENT_FIELDS:
        if stamped.fields.get(name) != entity.fields.get(name):
            changes.append(ChangeHeader(name, str(stamped.fields[name])))
    if changes and message.header("MIME-Version") is None:
        changes.append(ChangeHeader("MIME-Version", "1.0"))
    return [*changes, ReplaceBody(stamped.body)]


def stamp_bytes(content: bytes, chosen: Stamp) -> bytes:
    """A whole message with the stamp; the same bytes where it must not or cannot be stamped."""
    try:
        entity = split_entity(content)
    except Unreadable:
        return content
    for change in stamp(Message("", "", (), _headers(entity.head), entity.body), chosen):
        if isinstance(change, ChangeHeader) and change.value is not None:
            entity = entity.with_field(change.name, change.value)
        elif isinstance(change, ReplaceBody):
            entity = entity.with_body(change.body)
    return entity.as_bytes()


def _headers(head: bytes) -> tuple[Header, ...]:
    lines = re.split(r"(?<=\n)(?![ \t])", head.decode("utf-8", "surrogateescape"))
    pairs = (line.rstrip("\r\n").partition(":") for line in lines if ":" in line)
    return tuple(Header(name, value) for name, _, value in pairs)


def stamp_entity(
    entity: Entity, chosen: Stamp, boundaries: Sequence[bytes] = (), depth: int = 0
) -> Entity | None:
    """The entity with the stamp; None if it holds nothing that may be stamped. Raises Unreadable."""
    if depth > DEPTH:
        raise Unreadable("nested too deep")
    if entity.kind in SEALED or entity.attached:
        return None
    if entity.kind.startswith("multipart/"):
        return _stamp_multipart(entity, chosen, (*boundaries, boundary_of(entity)), depth)
    if entity.kind in ("text/plain", "text/html") and not _INLINE_PGP.search(entity.body):
        return _stamp_text(entity, chosen, boundaries)
    return None


def _stamp_multipart(entity: Entity, chosen: Stamp, boundaries: Sequence[bytes], depth: int) -> Entity | None:
    """Every version of an alternative is stamped; of others the first part that is the text."""
    if entity.encoding not in ("7bit", "8bit", "binary"):
        raise Unreadable("an encoded multipart")
    multipart = split_multipart(entity)
    done = False
    default = "message/rfc822" if entity.kind == "multipart/digest" else "text/plain"
    for index, part in enumerate(multipart.parts):
        try:
            child = split_entity(part, default)
            stamped = stamp_entity(child, chosen, boundaries, depth + 1)
        except Unreadable:
            continue
        if stamped is not None:
            multipart = multipart.with_part(index, stamped.as_bytes())
            done = True
        if entity.kind != "multipart/alternative" and (done or child.kind in SEALED):
            break
    return entity.with_body(multipart.as_bytes()) if done else None


def _stamp_text(entity: Entity, chosen: Stamp, boundaries: Sequence[bytes]) -> Entity | None:
    raw = entity.decoded()
    if entity.kind == "text/html":
        result = _recode(raw, entity.charset, chosen.on_html, "xmlcharrefreplace", _escaped(chosen).on_html)
    else:
        flowed = str(entity.fields.get_param("format", "")).lower() == "flowed"
        on_text = replace(chosen, flowed=flowed).on_text
        result = _recode(raw, entity.charset, on_text, "strict", on_text)
    if result is None:
        return None
    content, charset = result
    if charset != entity.charset:
        entity = entity.with_field("Content-Type", _with_charset(entity, charset))
    return _encoded(entity, content, boundaries)


def _recode(
    raw: bytes, charset: str, change: Callable[[str], str], errors: str, blind: Callable[[str], str]
) -> tuple[bytes, str] | None:
    """The changed text as bytes, and its charset: the same one if it can hold the stamp, else UTF-8.

    Text that is not what it is declared to be is changed by ASCII only (`blind`), its bytes as they are.
    """
    text = _decoded(raw, charset)
    if text is not None:
        return _again(change(text), raw, text, charset, errors)
    if _ascii_based(charset) and blind("").isascii():
        return blind(raw.decode("latin-1")).encode("latin-1"), charset
    declared = _decoded(raw, "utf-8")
    return (change(declared).encode("utf-8"), "utf-8") if declared is not None else None


def _again(changed: str, raw: bytes, text: str, charset: str, errors: str) -> tuple[bytes, str]:
    try:
        if text.encode(charset) == raw:
            return changed.encode(charset, errors), charset
    except UnicodeError:
        pass
    return changed.encode("utf-8"), "utf-8"


def _decoded(raw: bytes, charset: str) -> str | None:
    try:
        codec = codecs.lookup(charset)
        # Python has codecs that are no charsets (rot13, zip).
        if not getattr(codec, "_is_text_encoding", True):
            return None
        return codec.decode(raw, "strict")[0]
    except (LookupError, UnicodeError, ValueError):
        return None


def _ascii_based(charset: str) -> bool:
    return not re.match(r"utf-?(16|32|7)|ucs|iso-?10646|hz|iso-?2022", charset)


def _escaped(chosen: Stamp) -> Stamp:
    """The stamp with everything beyond ASCII written as character references."""

    def ascii_only(one: Disclaimer | None) -> Disclaimer | None:
        if one is None:
            return None
        inner = one.html or html.escape(one.text.rstrip("\r\n")).replace("\n", "<br>\r\n")
        return replace(one, html=inner.encode("ascii", "xmlcharrefreplace").decode("ascii"))

    return Stamp(ascii_only(chosen.above), ascii_only(chosen.below))


def _with_charset(entity: Entity, charset: str) -> str:
    if entity.fields.get("Content-Type") is None:
        return f"{entity.kind}; charset={charset}"
    fields = BytesHeaderParser().parsebytes(entity.head)
    fields.set_param("charset", charset, header="Content-Type", replace=True)
    return re.sub(r"\s*\r?\n\s*", " ", str(fields["Content-Type"]))


def _encoded(entity: Entity, content: bytes, boundaries: Sequence[bytes]) -> Entity:
    """The entity with this content, in its own transfer encoding if that can carry it."""
    kept = entity.encoding
    if kept == "base64":
        return entity.with_body(encode_base64(content))
    if kept in ("8bit", "binary") and longest_line(content) > 998:
        kept = "7bit"
    if kept == "7bit" and not fits_seven_bit(content):
        kept = "quoted-printable"
    body = encode_quoted_printable(content) if kept == "quoted-printable" else content
    if contains_boundary(body, boundaries):
        kept, body = "base64", encode_base64(content)
    if kept != entity.encoding:
        entity = entity.with_field("Content-Transfer-Encoding", kept)
    return entity.with_body(body)


def _hidden(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _HIDDEN.finditer(text)]


def _visible(text: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The matches that are not inside a comment or a script."""
    hidden = _hidden(text)
    return [m for m in pattern.finditer(text) if not any(a <= m.start() < b for a, b in hidden)]


def _first(text: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
    return next(iter(_visible(text, pattern)), None)


def _last(text: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
    return next(reversed(_visible(text, pattern)), None)
