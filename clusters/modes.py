"""Levels and modes: where a setting can live (CL-01)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_ID = 100


class InvalidMode(ValueError):
    """A text that names no mode."""


class Level(StrEnum):
    """The three levels, the most general first."""

    CLUSTER = "cluster"
    GROUP = "group"
    MACHINE = "machine"


def nameable(text: str) -> bool:
    """Whether a text can be part of the address of an entry."""
    return len(text) <= MAX_ID and "/" not in text and text.isprintable()


@dataclass(frozen=True, slots=True)
class Mode:
    """A member of a level on which settings are stored.

    `id` is empty for the cluster, the UUID of a group, the serial number of a machine; never a
    name, so that a rename moves no settings. It is printable, without a slash, of at most MAX_ID characters.
    """

    level: Level
    id: str = ""

    def __post_init__(self) -> None:
        if (self.level is Level.CLUSTER) != (self.id == "") or not nameable(self.id):
            raise InvalidMode(f"{self.level} with id {self.id!r}")

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        """The one written form, read back by `parse`: `cluster`, `group:ID`, `machine:ID`."""
        return self.level if self.level is Level.CLUSTER else f"{self.level}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Mode:
        """The mode that `text` names in the form of `str`; raises InvalidMode."""
        word, _, ident = text.partition(":")
        try:
            level = Level(word)
        except ValueError:
            raise InvalidMode(f"{text!r} is no mode") from None
        if text != (word if level is Level.CLUSTER else f"{word}:{ident}"):
            raise InvalidMode(f"{text!r} is no mode")
        return cls(level, ident)


CLUSTER = Mode(Level.CLUSTER)


def group(ident: str) -> Mode:
    """The mode of the group with this UUID."""
    return Mode(Level.GROUP, ident)


def machine(serial: str) -> Mode:
    """The mode of the machine with this serial number."""
    return Mode(Level.MACHINE, serial)
