"""What a way to tell people is, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from clusters.phrases import Text


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be said: one line, a text, and the same for programs. `ident` stays over repeated tries."""

    title: str
    body: str
    data: Mapping[str, Any]
    ident: str = ""


class ChannelError(Exception):
    """It was not delivered. The text is for people and never holds a secret."""


class Permanent(ChannelError):
    """Trying again would fail again: a wrong address, a refused key."""


class Passing(ChannelError):
    """Trying again may help: nobody answered, or it was busy."""


class BadChannel(ValueError):
    """What a person entered is no channel; the text says what to enter. `field` is where."""

    def __init__(self, field: str, text: Text) -> None:
        self.field = field
        super().__init__(text)


class Way(Protocol):
    """One way to tell people. Its settings are sealed as a whole; `shown` has no secret in it."""

    def checked(self, entered: Mapping[str, str]) -> dict[str, str]:
        """The settings to keep, from what a person entered; raises BadChannel."""
        ...

    def shown(self, kept: Mapping[str, str]) -> str:
        """What pages say of it: enough to recognise, nothing that opens anything."""
        ...

    def send(self, kept: Mapping[str, str], message: Message) -> None:
        """Deliver; raises Permanent or Passing."""
        ...
