"""The command lines of guided administration, as a person would type them: shown, copied, and run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from clusters.state import Machine

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(frozen=True, slots=True)
class Typed:
    """One command line of a machine; `secret` is the line of standard input that it reads."""

    text: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"Typed({self.text!r})"


def line(*words: str) -> str:
    """A command line from its words, quoted as the command line of a machine reads it."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    if "'" not in word:
        return f"'{word}'"
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def over_ssh(address: str, port: int, user: str, text: str) -> str:
    """The same with OpenSSH's client, for a terminal."""
    return f"ssh -p {port} {shlex.quote(f'{user}@{address}')} {shlex.quote(text)}"


def create(name: str, *, by_address: bool) -> str:
    return line("clusterconfig", "new", name, "--by-address" if by_address else "--by-name")


def join(
    member: Machine, fingerprint: str, *, user: str, group: str, prepared: bool, keep: Sequence[str] = ()
) -> str:
    words = [
        "clusterconfig",
        "join",
        member.address,
        "--port",
        str(member.port),
        "--fingerprint",
        fingerprint,
    ]
    words += ["--group", group] if group else []
    words += ["--keep", ",".join(keep)] if keep else []
    return line(*words, *(["--prepared"] if prepared else ["--user", user, "--passphrase-stdin"]))


def preflight(member: Machine, fingerprint: str) -> str:
    return line(
        "clusterconfig", "preflight", member.address, "--port", str(member.port), "--fingerprint", fingerprint
    )


def prepare(host: str, serial: str, user_key: str) -> str:
    return line("clusterconfig", "prepjoin", "new", host, serial, *user_key.split()) + "; commit"


def remove(host: str, *, losing: bool = False) -> str:
    return line("clusterconfig", "removemachine", host, *(["--yes"] if losing else []))


def operation(verb: str, *words: str) -> str:
    return line("clusterconfig", verb, *words)
