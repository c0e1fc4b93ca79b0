"""Addresses of clients as people write them: one, a block, or a range as other gateways export them.

    192.0.2.1   192.0.2.0/24   10/8   2001:db8::/32     an address, a block
    192.0.2.1-20   10.1.2-3   192.0.2.250-192.0.3.9     a range: of last numbers, or between two addresses
    10.1.                                               all addresses that begin so

Postfix knows blocks alone, so `blocks` gives those that a range is made of.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

from appliances.features.wording import _, say

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Block = ipaddress.IPv4Network | ipaddress.IPv6Network
Span = tuple[Address, Address]
"""The first and the last address of a range, both of one version."""

_NUMBER = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_FOUR_NUMBERS = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{3}}")
_BEGINNING = re.compile(r"(?:[0-9]{1,3}\.){1,3}")
_SHORT_BLOCK = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,2})/([0-9]{1,2})")
_STARS = re.compile(r"((?:[0-9]{1,3}\.){1,3})\*(?:\.\*)*")
_SOME_NUMBERS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,2}")


def address(text: str) -> str | None:
    """The usual form of an IP address, None for anything else; what follows a % could be any text."""
    if ":" not in text:
        # Of long tables most are such, and most others are names: `ipaddress` takes its time to say so.
        return text if _FOUR_NUMBERS.fullmatch(text) else None
    try:
        return None if "%" in text else str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def is_numeric(pattern: str) -> bool:
    """Whether a pattern for clients means addresses, rightly written or not, and no name."""
    return ":" in pattern or "/" in pattern or not any(character.isalpha() for character in pattern)


def network(text: str) -> str:
    """An address, a block or a range in its usual form; raises ValueError with what was meant."""
    # Most of a long table: nothing has to be worked out for them.
    if (plain := address(text)) is not None and ":" not in plain:
        return plain
    first, last = span(text)
    if len(whole := _summarised(first, last)) == 1:
        block = whole[0]
        return str(block.network_address) if block.num_addresses == 1 else str(block)
    front, _dot, number = str(last).rpartition(".")
    return f"{first}-{number}" if front and str(first).startswith(f"{front}.") else f"{first}-{last}"


@lru_cache(maxsize=4096)
def blocks(pattern: str) -> Sequence[Block]:
    """The blocks that an address, a block or a range is made of; raises ValueError for anything else."""
    return _summarised(*span(pattern))


def is_range(text: str) -> bool:
    """Whether a text means several addresses, as a block or a range."""
    try:
        first, last = span(text)
    except ValueError:
        return False
    return first != last


def _summarised(first: Address, last: Address) -> tuple[Block, ...]:
    return tuple(ipaddress.summarize_address_range(first, last))


@lru_cache(maxsize=65_536)
def span(text: str) -> Span:
    """The first and the last address of what a person means; raises ValueError with what was meant."""
    compact = re.sub(r"\s*-\s*", "-", text) if "-" in text else text
    first, dash, last = compact.partition("-")
    try:
        found = _between(first, last) if dash else _of_block(compact)
    except ValueError:
        raise ValueError(_meant(text)) from None
    if found[0].version != found[1].version:
        raise ValueError(_meant(text))
    if int(found[0]) > int(found[1]):
        message = _("{text} ends before it begins; write the lower address first")
        raise ValueError(say(message, text=_quoted(text)))
    return found


def _of_block(text: str) -> Span:
    if "%" in text:
        raise ValueError
    if _BEGINNING.fullmatch(text):
        return _filled(text[:-1], "0"), _filled(text[:-1], "255")
    if short := _SHORT_BLOCK.fullmatch(text):
        text = f"{_filled(short[1], '0')}/{short[2]}"
    block = ipaddress.ip_network(text)
    return _plain(block.network_address), _plain(block.broadcast_address)


def _between(first: str, last: str) -> Span:
    if "%" in first + last or not {".", ":"} & set(first):
        raise ValueError
    if "." in last.rstrip(".") or ":" in last:
        return _plain(ipaddress.ip_address(first)), _plain(ipaddress.ip_address(last))
    return _filled(first, "0"), _filled(f"{first.rpartition('.')[0]}.{last.removesuffix('.')}", "255")


def _filled(numbers: str, rest: str) -> ipaddress.IPv4Address:
    """The address that begins with some numbers and goes on with `rest`."""
    parts = numbers.split(".")
    return ipaddress.IPv4Address(".".join([*parts, *[rest] * (4 - len(parts))]))


def _plain(found: Address) -> Address:
    """Clients by IPv4 are seen as such, so an IPv6 address that stands for one would match nobody."""
    return getattr(found, "ipv4_mapped", None) or found


def _meant(text: str) -> str:
    try:
        block = ipaddress.ip_network("" if "%" in text else text, strict=False)
        return say(_("{text} has host bits set; the block is {block}"), text=_quoted(text), block=block)
    except ValueError:
        return _about_part(text) or say(
            _("{text} is no IP address, block such as 10.0.0.0/8 or range such as 192.0.2.1-20"),
            text=_quoted(text),
        )


def _about_part(text: str) -> str:
    """What a part of an address means, where it is clear."""
    stars = _STARS.fullmatch(text)
    part = stars[1] if stars else f"{text}." if _SOME_NUMBERS.fullmatch(text) else ""
    try:
        block = network(part) if part else ""
    except ValueError:
        return ""
    return block and say(
        _("{text} is no whole address; for all that begin so write {block}"), text=_quoted(text), block=block
    )


def _quoted(text: str) -> str:
    return "'" + "".join(character if character.isprintable() else "?" for character in text[:60]) + "'"
