"""Texts that are kept say the same in the language of each reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils.translation import gettext_lazy, override
from hypothesis import given
from hypothesis import strategies as st

from clusters.phrases import Decoder, Encoder, Phrase, Text, joined, ngettext, phrase

NAMES = st.text("nsw", min_size=1, max_size=4) | st.sampled_from(["say", "with"])
PLAIN: st.SearchStrategy[Any] = (
    st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
)


@st.composite
def said(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Phrase:
    """A phrase that names each of its values, known to the catalogue or not."""
    filled = draw(st.dictionaries(NAMES, values, max_size=3))
    places = " ".join(f"%({name})s" for name in filled)
    known = st.sampled_from([phrase("Group"), ngettext("%(n)d entry differs.", "%(n)d entries differ.", 3)])
    if not filled:
        return draw(known) % {"n": 3}
    return draw(st.sampled_from([Phrase(places), ngettext(places, f"{places}!", 1)])) % filled


PHRASES = st.recursive(said(PLAIN), lambda inner: said(PLAIN | inner), max_leaves=6)


def kept(text: Any) -> Any:
    return json.loads(json.dumps(text, cls=Encoder), cls=Decoder)


@given(PHRASES | st.text())
def test_text_comes_back_as_it_was_kept(text: Text) -> None:
    assert kept(text) == text
    assert kept([{"reason": text}]) == [{"reason": text}]
    for language in ("en", "ja"):
        with override(language):
            assert str(kept(text)) == str(text)


@given(st.text("% nsw()", max_size=3), st.lists(PHRASES | st.text(), max_size=4))
def test_joined_parts_say_what_they_say_alone_in_each_language(between: str, parts: list[Text]) -> None:
    text = joined(between, *parts)
    for language in ("en", "ja"):
        with override(language):
            assert str(text) == between.join(str(part) for part in parts if part != "")


def test_phrase_speaks_the_language_of_the_reader_with_all_that_is_in_it() -> None:
    text = phrase("Terminal of %(name)s as %(user)s") % {"name": phrase("Group"), "user": "admin"}
    found = set()
    for language in ("en", "ja", "en"):
        with override(language):
            found.add(f"{kept(text)}")
    assert found == {"Terminal of Group as admin", "グループ のターミナル (admin)"}


@pytest.mark.parametrize(("count", "english"), [(1, "1 entry differs."), (2, "2 entries differ.")])
def test_count_chooses_the_words(count: int, english: str) -> None:
    text = kept(ngettext("%(n)d entry differs.", "%(n)d entries differ.", count) % {"n": count})
    assert str(text) == english
    with override("ja"):
        assert str(text) == f"{count} 件のエントリが異なります。"


def test_values_are_the_ones_of_then() -> None:
    counts = {"n": 1}
    text = phrase("%(n)d") % counts
    counts["n"] = 2
    assert str(text) == "1"


@pytest.mark.parametrize("value", [gettext_lazy("Group"), ValueError("no")])
def test_value_whose_message_is_lost_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="language of now"):
        phrase("%(what)s") % {"what": value}


def test_other_values_are_kept_as_their_text() -> None:
    class Door:
        def __str__(self) -> str:
            return "admin@mx1"

    assert kept(phrase("%(at)s") % {"at": Door()}).values == {"at": "admin@mx1"}


def test_what_is_no_json_is_not_kept() -> None:
    with pytest.raises(TypeError):
        kept({"reason": object()})
