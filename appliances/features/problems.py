"""pydantic's complaints in plain words, each with its dotted path."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from appliances.features.wording import _, say
from clusters.catalogue import Problem

_WORDS = {
    "missing": _("is missing"),
    "extra_forbidden": _("is not a setting of this feature; remove it"),
    "string_type": _("must be text"),
    "string_unicode": _("must be valid Unicode text"),
    "int_type": _("must be a whole number"),
    "bool_type": _("must be true or false"),
    "list_type": _("must be a list"),
    "model_type": _("must be an object with named settings"),
    "model_attributes_type": _("must be an object with named settings"),
    "invalid_key": _("has a name that is not text"),
    "literal_error": _("must be {expected}"),
    "greater_than_equal": _("must be at least {ge}"),
    "less_than_equal": _("must be at most {le}"),
    "string_too_short": _("must have at least {min_length} character(s)"),
    "string_too_long": _("must have at most {max_length} characters"),
    "too_short": _("must have at least {min_length} entry"),
    "too_long": _("must have at most {max_length} entries"),
}
_LONGEST_PATH = 200


def in_words(error: ValidationError) -> tuple[Problem, ...]:
    """One problem per complaint, in the order of the fields."""
    return tuple(
        Problem(_path(detail["loc"]), _message(detail)) for detail in error.errors(include_url=False)
    )


def _path(location: tuple[int | str, ...]) -> str:
    path = ".".join(str(part) for part in location)
    return "".join(c if c.isprintable() else "?" for c in path)[:_LONGEST_PATH]


def _message(detail: ErrorDetails) -> str:
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(context["error"])
    words = _WORDS.get(detail["type"])
    return detail["msg"] if words is None else say(words, **context)
