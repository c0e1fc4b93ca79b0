"""Text that came as bytes, and JSON that somebody has written."""

from __future__ import annotations

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.config_files.errors import BadFile
from clusters.config_files.reading import parsed
from clusters.json_text import NotJson, read_json
from clusters.utf8 import NotUtf8, read_escaped, read_utf8

WIDE = ["utf-16", "utf-16-le", "utf-16-be"]
TEXTS = st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"]))


@given(TEXTS, st.booleans())
def test_utf8_is_read_as_it_is_and_its_mark_is_skipped(text: str, marked: bool) -> None:
    """TRL-26: whatever is UTF-8 is taken, with and without a byte order mark."""
    assert read_utf8(codecs.BOM_UTF8 * marked + text.encode()) == text


@given(TEXTS, st.integers(0, 3), st.binary().filter(lambda rest: b"\0" not in rest), st.booleans())
def test_line_of_the_first_wrong_byte_is_named(before: str, empty: int, rest: bytes, marked: bool) -> None:
    """TRL-26: the sentence holds the line, however the bytes came."""
    raw = codecs.BOM_UTF8 * marked + (before + "\n" * empty).encode() + b"\xe9\n" + rest
    with pytest.raises(NotUtf8) as bytes_refused:
        read_utf8(raw)
    with pytest.raises(NotUtf8) as text_refused:
        read_escaped(raw.decode("utf-8", "surrogateescape"))

    assert bytes_refused.value.line == text_refused.value.line == before.count("\n") + empty + 1
    assert f"Line {bytes_refused.value.line}: " in str(text_refused.value)


@given(TEXTS.filter(lambda text: text.isascii() and text), st.sampled_from(WIDE))
def test_utf16_is_refused_by_its_name_with_and_without_a_mark(text: str, encoding: str) -> None:
    """TRL-26: without a mark UTF-16 of ASCII is valid UTF-8 that is full of NULs."""
    with pytest.raises(NotUtf8, match="this is UTF-16"):
        read_utf8(text.encode(encoding))


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda part: st.lists(part)))
def test_json_is_read_with_and_without_a_mark(value: object) -> None:
    """TRL-26: a mark before JSON is no mistake."""
    assert read_json(json.dumps(value)) == read_json("\ufeff" + json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "a" 1}', "line 2, column 6: a : is missing."),
        ("[1 2]", "line 1, column 4: a , is missing."),
        ("{a: 1}", "line 1, column 2: a name in double quotes is missing."),
        ("", "line 1, column 1: a value is missing."),
        ('"a', "line 1, column 1: a text has no closing quote."),
        ('"a\nb"', "line 1, column 3: a text goes over the end of the line, or holds a tab."),
        ('"\\q"', "what follows the \\ is unknown."),
        ('"\\u12"', "a \\u needs four digits."),
        ("{} {}", "line 1, column 4: something follows the end."),
        ("NaN", "NaN is no number."),
        ("1" * 5000, "a number has too many digits."),
        ("[" * 200_000, "it is nested too deeply."),
    ],
)
def test_what_is_no_json_is_said_in_our_words(text: str, said: str) -> None:
    """TRL-27: line, column and what is wrong; none of the words of the decoder."""
    with pytest.raises(NotJson) as refused:
        read_json(text)

    assert str(refused.value).startswith("This is no JSON")
    assert str(refused.value).endswith(said)


def test_xml_that_names_another_encoding_is_read_as_the_text_that_it_is() -> None:
    """TRL-26: an editor that saved UTF-8 and left the old declaration does not garble names."""
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><config name="Zürich"/>'
    assert parsed(text).get("name") == "Zürich"
    assert parsed("\ufeff" + text.replace("ISO-8859-1", "UTF-16")).get("name") == "Zürich"
    with pytest.raises(BadFile):
        parsed("")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this is no XML."),
        ("<a>", "Line 1: the file ends before its last element does; it is cut off."),
        ("<a>\n</b>", "Line 2: “b” ends what “a” in line 1 has begun."),
        ("<a b></a>", "Line 1: the attribute “b” has no value."),
        ("<a b=1/>", "Line 1: the value of an attribute needs quotes."),
        ("<a/><b/>", "Line 1: something follows the end of the configuration."),
        ("<a>&x;</a>", "Line 1: “&x;” is not known: write “&” in a text as “&amp;”."),
        ("<a>\n&</a>", "Line 2: after “&” or “<” no name follows: write them as “&amp;” and “&lt;”."),
        ("<a:b/>", "Line 1: names with “:” are not known here."),
        ("<a>" * 3000, "Line 1: "),
    ],
)
def test_what_is_no_xml_is_said_in_our_words(text: str, said: str) -> None:
    """TRL-27: none of the words of the parser, and a line that exists."""
    with pytest.raises(BadFile) as refused:
        parsed(text)

    assert said in str(refused.value)
    assert not any(word in str(refused.value) for word in ("xml", "XML_PARSE", "mandates", "line 1, column"))
