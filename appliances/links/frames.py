"""Frames: one JSON object behind its length in four bytes, big end first.

A frame has at most MAX_FRAME bytes; what is longer travels as several `part` messages (see `link`).
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from appliances.links.errors import Fault, LinkLost, ProtocolError
from clusters.system_words import cause

HEADER = 4
MAX_FRAME = 4 * 1024 * 1024
MAX_DEPTH = 64


class Reader(Protocol):
    """A stream of bytes, for instance of an SSH channel."""

    async def read(self, n: int = -1) -> bytes: ...


def encode(message: dict[str, Any]) -> bytes:
    """The JSON text of a message. Raises ValueError for values that JSON cannot say."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def frame(payload: bytes) -> bytes:
    """The frame around an encoded message. Raises ProtocolError when it is too long for one."""
    if not 0 < len(payload) <= MAX_FRAME:
        raise ProtocolError(Fault.OVERSIZED, f"{len(payload)} bytes, at most {MAX_FRAME} are allowed")
    return len(payload).to_bytes(HEADER, "big") + payload


def decode(payload: bytes, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The message in a payload. Raises ProtocolError for whatever is not one JSON object."""
    try:
        value = json.loads(payload.decode("utf-8"), parse_constant=_no_constant)
        if b"\\u" in payload:
            _require_unicode(value)
    except RecursionError:
        raise ProtocolError(Fault.TOO_DEEP) from None
    except ValueError:
        raise ProtocolError(Fault.NOT_JSON) from None
    if not isinstance(value, dict):
        raise ProtocolError(Fault.NOT_AN_OBJECT)
    _require_shallow(value, max_depth)
    return value


async def read_payload(stream: Reader) -> bytes | None:
    """The next frame's payload, or None when the stream ends between two frames.

    Raises ProtocolError for an empty, oversized or truncated frame.
    """
    header = await _exactly(stream, HEADER)
    if not header:
        return None
    length = int.from_bytes(header, "big")
    if len(header) < HEADER:
        raise ProtocolError(Fault.TRUNCATED)
    if length == 0:
        raise ProtocolError(Fault.EMPTY)
    if length > MAX_FRAME:
        raise ProtocolError(Fault.OVERSIZED, f"{length} bytes, at most {MAX_FRAME} are allowed")
    payload = await _exactly(stream, length)
    if len(payload) < length:
        raise ProtocolError(Fault.TRUNCATED)
    return payload


async def _exactly(stream: Reader, length: int) -> bytes:
    pieces: list[bytes] = []
    while length:
        try:
            piece = await stream.read(min(length, 65536))
        except OSError as error:
            raise LinkLost(f"the connection broke: {cause(error)}") from None
        if not piece:
            break
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _require_unicode(value: object) -> None:
    """Half a surrogate pair is a text that no store can keep."""
    json.dumps(value, ensure_ascii=False).encode("utf-8")


def _require_shallow(value: object, max_depth: int) -> None:
    level = [value]
    for _ in range(max_depth):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise ProtocolError(Fault.TOO_DEEP, f"more than {max_depth} levels")


def _children(node: object) -> list[object]:
    if isinstance(node, dict):
        return [child for child in node.values() if isinstance(child, (dict, list))]
    if isinstance(node, list):
        return [child for child in node if isinstance(child, (dict, list))]
    return []
