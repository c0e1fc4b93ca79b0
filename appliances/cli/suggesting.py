"""What a mistyped word was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from django.utils.translation import gettext as _


def suggestion(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?`, to stand behind the sentence that refuses the word; empty where nothing is near."""
    near = difflib.get_close_matches(word.casefold(), list(known), n=1)
    return " " + _("Did you mean {name}?").format(name=near[0]) if near else ""
