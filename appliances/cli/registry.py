"""The commands by name: each module of `appliances.cli.commands` brings one family."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

from appliances.cli.session import Right, Session

ANY = ("",)
"""Every form of a command."""

Run = Callable[[Session, list[str]], None]


class Place(Enum):
    """Where a command may run (requirements, 2.11)."""

    ANYWHERE = auto()
    CLUSTER = auto()
    MACHINE = auto()
    LOGIN_HOST = auto()


@dataclass(frozen=True)
class Command:
    """One command. `completions` are words that may follow it; `most` says how many may, beside options.

    A `remote` one runs on the machine whose mode the session is in, over the link with it (RES-03); where
    there is no link, a `last_known` one runs here and shows what was heard last. What `from_portal`
    names, its operations or `ANY`, runs on the login host alone, and for a portal that follows the cluster
    (UPG-09).
    """

    name: str
    run: Run
    summary: str
    usage: str = ""
    place: Place = Place.ANYWHERE
    right: Right = Right.READ
    aliases: tuple[str, ...] = ()
    remote: bool = False
    last_known: bool = False
    from_portal: tuple[str, ...] = ()
    completions: Sequence[str] = ()
    most: int | None = None

    @property
    def help(self) -> str:
        """Several lines: what it does, and its forms."""
        return "\n".join(part for part in (self.summary, self.usage) if part)

    @property
    def takes_words(self) -> bool:
        """Whether words may follow it beside `--json`; its usage says so."""
        return self.usage.replace("[--json]", "").strip() not in ("", self.name)

    def surplus(self, words: Sequence[str]) -> str:
        """The first word behind the command that it would ignore; empty where it takes them all."""
        most = self.most if self.takes_words else 0
        named = words if most == 0 else [word for word in words if not word.startswith("-")]
        return next(iter(named[most:]), "") if most is not None else ""

    def in_order(self, words: Sequence[str]) -> list[str]:
        """The words with the operation first, where options stand before it (TRL-23)."""
        name, *rest = words
        if rest and rest[0].startswith("--"):
            verbs = {verb for verb in self.completions if not verb.startswith("-")}
            at = next((n for n, word in enumerate(rest) if word.casefold() in verbs), 0)
            rest = [rest[at], *rest[:at], *rest[at + 1 :]]
        return [name, *rest]

    def is_for_portals(self, words: Sequence[str]) -> bool:
        """Whether a portal that follows the cluster may run it with these words."""
        return self.from_portal == ANY or (len(words) > 1 and words[1] in self.from_portal)


@cache
def commands() -> dict[str, Command]:
    """Every command by its name, in the order of the alphabet."""
    package = importlib.import_module("appliances.cli.commands")
    found: list[Command] = []
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        found.extend(importlib.import_module(module.name).COMMANDS)
    return {command.name: command for command in sorted(found, key=lambda c: c.name)}


@cache
def _by_word() -> dict[str, Command]:
    known = commands()
    return {alias: command for command in known.values() for alias in (command.name, *command.aliases)}


def find(word: str) -> Command | None:
    """The command of that name or alias; case is ignored."""
    return _by_word().get(word.casefold())


def words() -> list[str]:
    """All names and aliases."""
    return sorted(_by_word())
