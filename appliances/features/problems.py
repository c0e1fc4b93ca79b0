"""pydantic's complaints in plain words, each with its dotted path, and that path as people read it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from appliances.features.wording import _, say
from clusters.catalogue import Problem
from clusters.differences import named_path

_OBJECT = _("must be an object with named settings")
_WHOLE = _("must be a whole number")
_WORDS = {
    "missing": _("is missing"),
    "extra_forbidden": _("is not a setting of this feature; remove it"),
    "string_type": _("must be text"),
    "string_unicode": _("must be valid Unicode text"),
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _("is a number too large to be kept"),
    "bool_type": _("must be true or false"),
    "bool_parsing": _("must be true or false"),
    "list_type": _("must be a list"),
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "invalid_key": _("has a name that is not text"),
    "literal_error": _("must be one of these: {expected}"),
    "greater_than_equal": _("must be at least {ge}"),
    "less_than_equal": _("must be at most {le}"),
    "string_too_short": _("must have at least {min_length} character(s)"),
    "string_too_long": _("must have at most {max_length} characters"),
    "too_short": _("must have at least {min_length} entry"),
    "too_long": _("must have at most {max_length} entries"),
}
_OTHERWISE = _("does not fit; look up what belongs here in the documentation of this setting")
_LONGEST_PATH = 200


def in_words(error: ValidationError) -> tuple[Problem, ...]:
    """One problem per complaint, in the order of the fields."""
    return tuple(
        Problem(_path(detail["loc"]), _message(detail))
        for detail in error.errors(include_url=False, include_input=False)
    )


def placed(document: object, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems, each with its path as people read it: rows by their names (TRL-27)."""
    return tuple(
        replace(problem, place=_plain(named_path(document, problem.path)) if problem.path else "")
        for problem in problems
    )


def _path(location: tuple[int | str, ...]) -> str:
    return _plain(".".join(str(part) for part in location))


def _plain(path: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in path)[:_LONGEST_PATH]


def _message(detail: ErrorDetails) -> str:
    context: dict[str, Any] = dict(detail.get("ctx", {}))
    if detail["type"] == "value_error":
        return str(context["error"])
    if "expected" in context:
        # pydantic joins the choices with an English "or".
        context["expected"] = ", ".join(re.findall(r"'([^']*)'", str(context["expected"])))
    # Never pydantic's own sentence: a type that nobody thought of has one that says less, and is ours.
    return say(_WORDS.get(detail["type"], _OTHERWISE), **context)
