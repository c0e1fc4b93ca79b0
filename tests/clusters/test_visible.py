"""Text of others in letters: nothing hidden, nothing lost, nothing else changed."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from appliances.machine.journal import JsonLines, TextLines
from clusters.config_files.saving import written
from clusters.visible import ShownLines, hanging, in_json, in_xml, invisible, shown

TEXTS = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs"]),
        st.sampled_from("\n\r\t\x1b\x9b\u200b\u202e\u2066\ufeff\u3164\udc9b"),
    )
)


@given(TEXTS)
def test_shown_text_hides_nothing(text: str) -> None:
    """TRU-03: whatever was planted; what is shown once stays as it is."""
    found = shown(text)
    assert not [each for each in found.replace("\r\n", "\n") if each not in "\n\t" and invisible(each)]
    assert shown(found) == found


@given(
    st.text(
        st.characters(
            exclude_categories=["C", "Z"], exclude_characters="\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
        )
    )
)
def test_visible_text_is_shown_as_it_is(text: str) -> None:
    """TRU-03: every script, wide spaces, lines and tabs."""
    for plain in (text, f"{text}\n\t{text}\r\n", f"{text}\u3000{text} "):
        assert shown(plain) == in_json(plain) == in_xml(plain) == plain


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_says_the_same_and_hides_nothing(value: object) -> None:
    """TRU-03: what a program reads is what was there."""
    text = in_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == json.loads(json.dumps(value))
    assert shown(text) == text


@given(st.text(st.sampled_from("ab\u0085\u009b\u202e\u200b\ufeff\U000e0041<&\u3042")))
def test_configuration_file_says_the_same_and_hides_nothing(text: str) -> None:
    """TRU-03: references are what XML has for it."""
    root = etree.Element("config", name=text)
    root.text = text
    file = written(root, None)
    again = etree.fromstring(file.encode())
    assert (again.get("name"), again.text or "") == (text, text)
    assert shown(file) == file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202e", r"\u202e"),
        ("\U000e0041", r"\U000e0041"),
        ("a\rb\r\n", "a\\x0db\r\n"),
    ],
)
def test_what_is_hidden_is_named(text: str, expected: str) -> None:
    """TRU-03: by its number, as programs write it."""
    assert shown(text) == expected


def test_second_line_of_others_is_no_line_of_ours() -> None:
    """TRU-03: a comment of several lines forges no further commit in the history."""
    assert hanging("a\nNW-1/2 by root") == "a\n    NW-1/2 by root"


@pytest.mark.parametrize("formatter", [ShownLines("%(message)s"), TextLines(), JsonLines()])
def test_line_of_a_log_hides_nothing(formatter: logging.Formatter) -> None:
    """TRU-03: logs are read in terminals too."""
    told = ("%s", "\x1b]0;T\x07\u202e\x9b31m\udc9b")
    record = logging.LogRecord("x", logging.INFO, "x", 1, told[0], (told[1],), None)
    line = formatter.format(record)
    assert not [each for each in line if invisible(each)]
    assert "u202e" in line
