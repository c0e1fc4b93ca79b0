"""What an installation may change without touching code: environment variables, or one file of them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clusters.kept_files import make_once
from clusters.system_words import reason


class BadEnvironment(ValueError):
    """A line of the environment file, or a variable, that cannot be used; says which and how to mend it."""


def read_environment_file(path: Path) -> None:
    """Take NAME=value lines of the file, if there is one; what is set already wins. Raises BadEnvironment."""
    for number, raw in enumerate(_lines(path), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise BadEnvironment(f"{path}, line {number}: write NAME=value")
        os.environ.setdefault(name.strip(), value.strip().strip("'\""))


def default_var(tree: Path, name: str = "gatefold") -> Path:
    """Where all state is kept if nobody says so: `var` of a checkout, else /var/lib/NAME (INS-05).

    What was installed must not keep state inside itself: the next installation would take it away.
    """
    return tree / "var" if (tree / "Makefile").exists() else Path("/var/lib") / name


DEFAULT_VAR = default_var(Path(__file__).resolve().parents[2])
"""Where all state lies unless GATEFOLD_VAR names another directory."""


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadEnvironment(
            f"{path}, the file of the environment, cannot be read: {reason(error)}"
        ) from None
    except UnicodeDecodeError:
        raise BadEnvironment(f"{path}, the file of the environment, is not UTF-8: save it as that") from None


def flag(name: str, default: bool = False) -> bool:
    """An on/off variable; raises BadEnvironment for anything else."""
    value = os.environ.get(name, "on" if default else "off").lower()
    if value not in ("on", "off"):
        raise BadEnvironment(f"{name} is {value!r}; write on or off")
    return value == "on"


def listed(name: str, default: str = "") -> list[str]:
    """The items of a variable that holds a comma-separated list."""
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def number(name: str, text: str, digits: int = 5) -> int:
    """The whole number that a variable, or a part of it, holds; raises BadEnvironment for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= digits):
        raise BadEnvironment(f"{name} holds {text!r}; write a number")
    return int(text)


def kept_secret(path: Path) -> str:
    """The secret in that file; made there the first time, readable by its owner alone (0600)."""
    try:
        make_once(path, secrets.token_urlsafe(64).encode())
        found = path.read_text("ascii", errors="replace").strip()
    except OSError as error:
        raise BadEnvironment(f"{path} cannot be read or made: {reason(error)}") from None
    if len(found) < 50:
        raise BadEnvironment(
            f"{path} holds no whole secret: put it back from a backup; only without one, remove the file and"
            " start again: a new one is made, and what was kept under the old one cannot be opened"
        )
    return found


IN_USE = ("serial", "keys", "sealing_keys", "file_key", "audit.head")
"""What a portal's home holds as soon as the portal has done anything."""


def used(home: Path) -> bool:
    """Whether a portal has worked in that home: what is missing then is lost, and not new (TRL-29)."""
    return any((home / name).exists() for name in IN_USE)


def signing_secret(home: Path) -> str:
    """The secret with which logins are signed; made in a new home, raises BadEnvironment for a lost one."""
    path = home / "secret_key"
    if used(home) and not path.exists():
        raise BadEnvironment(
            f"{path} is missing. Logins and authenticator apps are kept under it: put it back from a backup."
            " Without one, write 60 random letters into it; then everybody logs in again, and sets up"
            " authenticator apps again"
        )
    return kept_secret(path)


def home_made(path: Path) -> Path:
    """The directory, made where it is missing; raises BadEnvironment."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadEnvironment(
            f"{path} cannot be made: {reason(error)}. Make it for this user, or set GATEFOLD_VAR"
        ) from None
    return path


def database_url(url: str) -> str:
    """The address of a database as it is; raises BadEnvironment, without its passphrase."""
    ways = "write postgres://user:passphrase@host:5432/name, or sqlite:////path/of/file"
    if url and not (url.startswith("sqlite:///") or _scheme(url) in ("postgres", "postgresql")):
        raise BadEnvironment(f"GATEFOLD_DATABASE_URL is no address of a database: {ways}")
    return url


def redis_url(url: str) -> str:
    """The address of a Redis as it is; raises BadEnvironment, without its passphrase."""
    if _scheme(url) not in ("redis", "rediss", "unix"):
        raise BadEnvironment(
            "GATEFOLD_REDIS_URL is no address of a Redis: write redis://host:6379/0 or unix:///path"
        )
    return url


def _scheme(url: str) -> str:
    """The scheme of an address; empty for one that cannot be split, or whose port is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme if parts.port is None or parts.port else ""
    except ValueError:
        return ""


SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+tls": 587}


def email_of(url: str) -> tuple[str, int, str, str, bool, bool]:
    """Host, port, user, passphrase, TLS from the start, STARTTLS of a mail server; raises BadEnvironment.

    Without an address there is no host, and no mail is sent.
    """
    if not url:
        return "", 25, "", "", False, False
    scheme = _scheme(url)
    parts = urlsplit(url if scheme else "")
    if parts.scheme not in SMTP_PORTS or not parts.hostname:
        raise BadEnvironment("GATEFOLD_EMAIL_URL: write smtp://host:25, smtps:// or smtp+tls://")
    user, passphrase = unquote(parts.username or ""), unquote(parts.password or "")
    port = parts.port or SMTP_PORTS[parts.scheme]
    return parts.hostname, port, user, passphrase, parts.scheme == "smtps", parts.scheme == "smtp+tls"
