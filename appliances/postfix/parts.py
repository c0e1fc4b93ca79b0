"""The parts of a configuration, and how text of people is kept literal."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

TableKind = Literal["texthash", "cidr", "pcre", "lmdb"]
Program = Literal["smtp", "lmtp", "error", "retry", "discard", "cleanup", "smtpd"]

_ONLY_DOTS = re.compile(r'^"([A-Za-z0-9.!#$%&\'*+/=?^_`{|}~-]+)"(?=@)')
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

NO_IPV6 = "disabling IPv6 name/address support"
"""What each program of Postfix says on a kernel without IPv6; it says nothing of the settings."""


class ConfigurationError(ValueError):
    """A value that cannot be written for Postfix as it was meant; the message names it."""


class Raw(str):
    """Text written by a renderer: `$name` in it is a Postfix macro. All else that is a str is literal.

    An f-string around a Raw is a plain str again: write `Raw(f"check_client_access {reference}")`.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where one instance lives; `base` is absolute and can be entered by the user postfix."""

    base: Path

    def __post_init__(self) -> None:
        if not self.base.is_absolute():
            raise ConfigurationError(f"the home of an instance must be an absolute path, not {self.base}")

    @property
    def etc(self) -> Path:
        """The config directory: a symbolic link to the generation that runs."""
        return self.base / "etc"

    @property
    def maps(self) -> Path:
        return self.etc / "maps"

    @property
    def spool(self) -> Path:
        return self.base / "spool"

    @property
    def private(self) -> Path:
        """Where our own services put their sockets (`unix:private/NAME`)."""
        return self.spool / "private"

    @property
    def lib(self) -> Path:
        return self.base / "lib"

    @property
    def log(self) -> Path:
        return self.base / "log"

    @property
    def maillog(self) -> Path:
        return self.log / "maillog"

    @property
    def shadow(self) -> Place:
        """The home of the instance that tries a generation out."""
        return Place(self.base / "shadow")


@dataclass(frozen=True, slots=True)
class Listener:
    """An SMTP port that a configuration opens."""

    name: str
    address: str
    port: int
    maxproc: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def wrapped(self) -> bool:
        """Whether TLS starts before the banner (smtps)."""
        return self.options.get("smtpd_tls_wrappermode") == "yes"


@dataclass(frozen=True, slots=True)
class Service:
    """A delivery agent or other internal daemon of its own name."""

    name: str
    program: Program
    maxproc: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup table: rows in the order in which Postfix tries them."""

    name: str
    kind: TableKind
    rows: tuple[tuple[str, str], ...]
    secret: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """Another file of the config directory: a bounce template, a certificate."""

    name: str
    text: str
    secret: bool = False


def complaints(stderr: str) -> list[str]:
    """What a program of Postfix has against the settings that it was started with."""
    return [line for line in stderr.splitlines() if line.strip() and NO_IPV6 not in line]


def literal(value: str) -> Raw:
    """The value with `$` escaped, as Postfix reads it in main.cf; a Raw stays. Raises ConfigurationError."""
    if CONTROL.search(value):
        raise ConfigurationError(f"{value!r} holds a control character")
    return value if isinstance(value, Raw) else Raw(value.replace("$", "$$"))


def parameter_value(value: str) -> Raw:
    """A literal value for main.cf. Raises ConfigurationError, also for a brace that is opened only."""
    depth = 0
    for character in value:
        depth = max(0, depth + {"{": 1, "}": -1}.get(character, 0))
    if depth:
        raise ConfigurationError(f"{value!r} opens a brace and does not close it")
    return literal(value)


def word(value: str) -> Raw:
    """The value as one item of a Postfix list: no blank, comma, brace or quote; not empty.

    Raises ConfigurationError, also for a leading `/`, `!`, `-` or a `type:` that would name a table.
    """
    if not re.fullmatch(r"[^\s,{}\"'<>()!/:-][^\s,{}\"'<>()]*", value) or re.match(r"[a-z]+:", value):
        raise ConfigurationError(f"{value!r} is not a single plain word")
    return literal(value)


def literal_pcre(text: str, *, prefix: str = "^", suffix: str = "$") -> str:
    """A pcre table key that matches exactly this text, without regard to case.

    `prefix` and `suffix` are patterns of the renderer: `prefix="(^|\\.)"` for a domain and its subdomains.
    """
    literal(text)
    escaped = re.sub(r"([!-,./:-?\[-^`{-~])", r"\\\1", text)
    return f"/{prefix}{escaped}{suffix}/"


def quoted_address(address: str) -> str:
    """A mail address as Postfix looks it up in alias tables: quoted where RFC 5322 asks for it.

    RFC 5322 knows no dot at the end, at the beginning or beside another one; addresses with them exist.
    """
    local, at, domain = address.rpartition("@")
    return address if all(local.split(".")) or not local else f'"{local}"{at}{domain}'


def plain_address(address: str) -> str:
    """A mail address of Postfix's lists as people write it: without quotes that only dots ask for."""
    return _ONLY_DOTS.sub(r"\1", address)


def check_address(address: str) -> None:
    """Raises ConfigurationError for what is not an IP address."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ConfigurationError(f"{address!r} is not an IP address") from None
