"""Words that people see: marked here, translated by whoever shows them.

This package imports no Django. Titles and help stay English message ids; a message with values in it
is put together by `say`, after the translation that the portal installs at its start.
"""

from __future__ import annotations

from collections.abc import Callable


def _unchanged(message: str) -> str:
    return message


def _english() -> str:
    return "en"


class _Language:
    translate: Callable[[str], str] = staticmethod(_unchanged)
    name: Callable[[], str | None] = staticmethod(_english)


def _(message: str) -> str:
    """The message id itself: marks it for the collector of translations."""
    return message


def install(translate: Callable[[str], str], name: Callable[[], str | None]) -> None:
    """Makes `say` speak through `translate`, for instance Django's gettext; `name` tells in what language."""
    _Language.translate, _Language.name = staticmethod(translate), staticmethod(name)


def language() -> str:
    """The language in which `say` speaks now: who keeps what was said keeps it by that."""
    return _Language.name() or ""


def say(message: str, **values: object) -> str:
    """The message in the language of the reader, with its `{values}` filled in."""
    return _Language.translate(message).format(**values)
