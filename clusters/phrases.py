"""Texts that are kept: whoever reads one later reads it in their own language.

`phrase` and `ngettext` are used as Django's gettext and ngettext are, and the collector finds their words:

    from clusters.phrases import phrase as _

    raise LastGroup(_("%(name)s is the last group; a cluster has at least one.") % {"name": name})

What a machine or a person has said is no phrase and stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import translation
from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Phrase:
    """A message id with its values. As text it speaks the language that is active then.

    With `plural`, `count` chooses between the two. Without `values` nothing is filled in.
    """

    message: str
    plural: str = ""
    count: int = 0
    values: Mapping[str, Value] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        if self.plural:
            text = translation.ngettext(self.message, self.plural, self.count)
        else:
            text = translation.gettext(self.message)
        return text % self.values if self.values else text

    def __mod__(self, values: Mapping[str, object]) -> Phrase:
        """The phrase with these values.

        Raises TypeError for what has its words but not their message id: a lazy text or an exception.
        """
        return replace(self, values={name: _kept(value) for name, value in values.items()})


Value = str | int | float | Phrase
Text = str | Phrase


def _kept(value: object) -> Value:
    if isinstance(value, Promise | BaseException):
        raise TypeError(f"{type(value).__name__} would stay in the language of now")
    return value if isinstance(value, int | float | Phrase) else str(value)


def phrase(message: str) -> Phrase:
    """The phrase of a message id."""
    return Phrase(message)


def ngettext(singular: str, plural: str, count: int) -> Phrase:
    """The phrase of two message ids, one for a count of one."""
    return Phrase(singular, plural, count)


def joined(between: str, *parts: Text) -> Text:
    """The parts that are not empty as one text."""
    said = [part for part in parts if part != ""]
    if len(said) < 2:
        return said[0] if said else ""
    # No message id of the catalogue looks like this, so that it stays as it is in every language.
    places = between.replace("%", "%%").join(f"%({place})s" for place in range(len(said)))
    return Phrase(places, values={str(place): part for place, part in enumerate(said)})


class Encoder(json.JSONEncoder):
    """JSON with phrases in it."""

    def default(self, o: Any) -> Any:
        if isinstance(o, Phrase):
            return {"say": [o.message, o.plural, o.count], "with": list(o.values.items())}
        return super().default(o)


class Decoder(json.JSONDecoder):
    """What `Encoder` has written."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "object_hook": _read})


def _read(found: dict[str, Any]) -> Any:
    if found.keys() != {"say", "with"}:
        return found
    message, plural, count = found["say"]
    return Phrase(message, plural, count, dict(found["with"]))
