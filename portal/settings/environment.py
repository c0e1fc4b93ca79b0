"""What an installation may change without touching code: environment variables, or one file of them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit


class BadEnvironment(ValueError):
    """A line of the environment file, or a variable, that cannot be used; says which and how to mend it."""


def read_environment_file(path: Path) -> None:
    """Take NAME=value lines of the file, if there is one; what is set already wins. Raises BadEnvironment."""
    if not path.is_file():
        return
    for number, raw in enumerate(path.read_text().splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise BadEnvironment(f"{path}, line {number}: write NAME=value")
        os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def flag(name: str, default: bool = False) -> bool:
    """An on/off variable; raises BadEnvironment for anything else."""
    value = os.environ.get(name, "on" if default else "off").lower()
    if value not in ("on", "off"):
        raise BadEnvironment(f"{name} is {value!r}; write on or off")
    return value == "on"


def listed(name: str, default: str = "") -> list[str]:
    """The items of a variable that holds a comma-separated list."""
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def number(name: str, text: str) -> int:
    """The whole number that a variable, or a part of it, holds; raises BadEnvironment for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise BadEnvironment(f"{name} holds {text!r}; write a number")
    return int(text)


def kept_secret(path: Path) -> str:
    """The secret in that file; made there the first time, readable by its owner alone (0600)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _whole(path)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(64))
    return path.read_text()


def _whole(path: Path) -> str:
    found = path.read_text().strip()
    if len(found) < 50:
        raise BadEnvironment(f"{path} holds no whole secret; remove the file and start again")
    return found


SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+tls": 587}


def email_of(url: str) -> tuple[str, int, str, str, bool, bool]:
    """Host, port, user, passphrase, TLS from the start, STARTTLS of a mail server; raises BadEnvironment.

    Without an address there is no host, and no mail is sent.
    """
    if not url:
        return "", 25, "", "", False, False
    parts = urlsplit(url)
    if parts.scheme not in SMTP_PORTS or not parts.hostname:
        raise BadEnvironment("GATEFOLD_EMAIL_URL: write smtp://host:25, smtps:// or smtp+tls://")
    user, passphrase = unquote(parts.username or ""), unquote(parts.password or "")
    port = parts.port or SMTP_PORTS[parts.scheme]
    return parts.hostname, port, user, passphrase, parts.scheme == "smtps", parts.scheme == "smtp+tls"
