"""Reading what peers send: JSON values in one normal form, or a named refusal."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any

MAX_NUMBER = 2**53
MAX_WALL = 253_402_300_799_999
"""The last millisecond of the year 9999, after which there are no dates."""
MAX_TEXT = 4096
MAX_ORIGIN = 64
MAX_DEPTH = 64
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class MalformedCommit(ValueError):
    """A peer's bytes that are no commit; nothing was taken from them."""


def plain(value: object, depth: int = 0) -> Any:
    """A JSON value in the one form in which every store keeps it; raises MalformedCommit.

    Whole numbers are ints. Refused is what a database cannot hold: NUL and half characters in texts, numbers
    of more than 63 bits, nesting deeper than MAX_DEPTH.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, int | float):
        return _plain_number(value)
    if depth >= MAX_DEPTH:
        raise MalformedCommit(f"a value is nested more than {MAX_DEPTH} deep")
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    raise MalformedCommit(f"{type(value).__name__} is no JSON value")


def _plain_number(value: int | float) -> int | float:
    if isinstance(value, float) and not value.is_integer():
        if not math.isfinite(value):
            raise MalformedCommit("a number is not finite")
        return value
    whole = int(value)
    if abs(whole) >= 2**63:
        raise MalformedCommit("a number is too large")
    return whole


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise MalformedCommit("a key is a text")
    return _storable(key)


def _storable(value: str) -> str:
    if "\x00" in value or not (value.isascii() or _encodable(value)):
        raise MalformedCommit("a text with NUL or half a character")
    return value


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def canonical(value: object) -> str:
    """The one JSON text of a value, for digests; raises MalformedCommit for what JSON cannot say."""
    try:
        return CANONICAL.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedCommit(f"not a JSON value: {error}") from None


def same(a: object, b: object) -> bool:
    """Whether two JSON values are equal; unlike in Python, true is not 1, nor is 1.0."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(map(same, a.values(), map(b.__getitem__, a)))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def digest(lines: Iterable[str]) -> str:
    """SHA-256, in hex, over lines in their order."""
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def read_fields(raw: object, names: set[str]) -> dict[str, Any]:
    """An object with just these fields; raises MalformedCommit."""
    if not isinstance(raw, dict) or set(raw) != names:
        raise MalformedCommit(f"expected an object of {', '.join(sorted(names))}")
    return raw


def read_text(raw: object) -> str:
    """A text that every store can hold; raises MalformedCommit."""
    if not isinstance(raw, str) or len(raw) > MAX_TEXT:
        raise MalformedCommit(f"expected a text of at most {MAX_TEXT} characters")
    return _storable(raw)


def read_number(raw: object, low: int = 0, high: int = MAX_NUMBER - 1) -> int:
    """A whole number; raises MalformedCommit."""
    if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
        raise MalformedCommit(f"expected a whole number from {low} to {high}")
    return raw


def read_origin(raw: object) -> str:
    """The serial number of a replica's holder; raises MalformedCommit."""
    if not isinstance(raw, str) or not 0 < len(raw) <= MAX_ORIGIN or not raw.isprintable() or "/" in raw:
        raise MalformedCommit(f"an origin has 1 to {MAX_ORIGIN} printable characters and no /")
    return raw
