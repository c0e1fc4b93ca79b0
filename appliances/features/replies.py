"""Replies of SMTP: the code, the enhanced code, and the text that a person chose."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliances.features.wording import _, say
from clusters.catalogue import Problem

_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?= |$)")
_CODE = re.compile(r"[2-5]\d\d[ -]")


def reply(code: int, text: str, status: str = "7.1") -> str:
    """The whole reply. `status` follows the class of the code where the text has no enhanced code."""
    return f"{code} {text}" if _ENHANCED.match(text) else f"{code} {code // 100}.{status} {text}"


def text_problems(path: str, code: int, text: str) -> Iterator[Problem]:
    """What is wrong with a text at `path`: a code in it that would be said twice, or that contradicts."""
    found = _ENHANCED.match(text)
    if _CODE.match(text):
        yield Problem(path, say(_("leave out the reply code; it is said already: {code}"), code=code))
    elif found and found[1] != str(code)[0]:
        message = _("begins with {enhanced}, which contradicts the reply code {code}")
        yield Problem(path, say(message, enhanced=found[0], code=code))
    elif found and found[0] == text:
        yield Problem(path, say(_("needs words after {enhanced}"), enhanced=text))
