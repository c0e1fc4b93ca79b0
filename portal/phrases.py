"""Columns for texts that many people read, and what exceptions say to be put into them."""

from __future__ import annotations

import json
from typing import Any

from django.db import DatabaseError, models

from appliances.links.errors import LinkError
from clusters.phrases import Decoder, Encoder, Phrase, Text, joined
from clusters.system_words import reason

LONGEST = 2000
"""Characters that are kept of what others say."""


class PhraseField(models.TextField):
    """A text, as JSON: a phrase comes back as the phrase that it was, any other text as it is."""

    # What may be put in, and what comes out, for the type checker's plugin.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None else json.dumps(value, cls=Encoder)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value if value is None else json.loads(value, cls=Decoder)


def words_of(error: BaseException) -> Text:
    """What an exception says: the phrase with which it was raised, or its own words, cut to LONGEST."""
    said = error.args[0] if len(error.args) == 1 else ""
    if isinstance(said, Phrase):
        return said
    if isinstance(error, LinkError):
        return joined(". ", error.text[:LONGEST], Phrase(error.remedy) if error.remedy else "")
    if isinstance(error, OSError | DatabaseError):
        return Phrase(reason(error))
    return str(error)[:LONGEST]
