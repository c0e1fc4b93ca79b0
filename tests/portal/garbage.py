"""What nobody should send and somebody will: broken, oversized and wrong input for forms and JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings

BIG = "x" * 1_000_000
HUGE = "9" * 25
WORDS = [
    *("", "\0", "a\0b", BIG, HUGE, "-1", "1e400", "\u0663", "[]", '{"a":', "[" * 5000, "../../etc"),
    *("\u202e\ufeff", "%ff"),
]
QUERIES = [
    *("", "%00", "%FF%FE", HUGE, "-1", "x" * 4000, "2026-99-99T99:99", "[]", "%D9%A3", "0001-01-01T00:00"),
]
ASKED = (
    *("page", "page_size", "q", "at", "as", "start", "cluster", "kind", "state", "before", "seen", "machine"),
    *("minimum", "feature", "item", "mode", "only", "outcome", "action", "since", "until", "part", "shown"),
    *("ids", "release", "terms", "text", "user", "verb", "tenant", "entry", "version", "address", "port"),
)
"""What pages and the API read from queries."""

RAW = [
    (b"do=save&f=\xff\xfe&%ff%00=%c3%28&&&==;", "application/x-www-form-urlencoded"),
    (b"--x\r\nContent-Disposition: form-data\r\n\r\nno name", "multipart/form-data; boundary=x"),
    (b"nothing of it", "multipart/form-data"),
    (
        b'--x\r\nContent-Disposition: form-data; name="f\xff"\r\n\r\n\0\r\n--x--',
        "multipart/form-data; boundary=x",
    ),
    (b'{"do": "save"}', "application/json"),
    (b"do=" + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE, "application/x-www-form-urlencoded"),
]
JSON: list[Any] = [
    *(None, [], "x", 7, True, {"": None}, {"value": BIG}, {"a\0b": "\0"}),
    {"value": {"routes": {"domain": []}}},
]
NO_JSON = [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b"\0"]


def fields_of(html: str) -> dict[str, list[str]]:
    """The names on a page's controls, each with the values that its buttons send."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<(?:input|select|textarea|button)\b[^>]*>", html):
        name = re.search(r'\bname="([^"]+)"', tag)
        value = re.search(r'\bvalue="([^"]*)"', tag)
        if name and name[1] != "csrfmiddlewaretoken":
            found.setdefault(name[1], []).append(value[1] if value else "")
    return found


def forms_of(html: str) -> Iterator[dict[str, Any]]:
    """For each thing that the page can be told to do: nothing beside it, and each bad word in every field."""
    fields = fields_of(html)
    verbs = {("do", verb) for verb in (*fields.get("do", ()), "", "no such verb")}
    verbs |= {("step", step) for step in fields.get("step", ())}
    others = [name for name in fields if name not in ("do", "step")][:40]
    for name, verb in sorted(verbs):
        yield {name: verb}
        for word in WORDS:
            # Together below what is refused as a whole (tried by itself), and below what costs seconds.
            yield {name: verb, **dict.fromkeys(others, word[: 1_000_000 // (len(others) + 1)])}
        yield {name: verb, **{other: ["a", "b", "\0"] for other in others}}
