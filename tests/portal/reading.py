"""Reading one thing in each language of the portal."""

from __future__ import annotations

from collections.abc import Callable

LANGUAGES = ("en", "ja")
Read = Callable[..., str]
"""`read(path, "ja")`; a page also `read(path, "ja", live=True)`: the part of it that is fetched again."""


def speaks(text: str, language: str, english: list[str], japanese: list[str]) -> None:
    """See that the text has all words of the language and none of the other one."""
    wanted, other = (english, japanese) if language == "en" else (japanese, english)
    assert [word for word in wanted if word not in text] == []
    assert [word for word in other if word in text] == []
