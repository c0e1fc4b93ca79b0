"""Lines wrapped to the width of a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from appliances.cli.wrapping import wrapped

WORDS = st.text(st.sampled_from("abcdefgh-.:@"), min_size=1, max_size=12)
JAPANESE = st.text(st.sampled_from("設定を変更しました。、マシンabc"), min_size=1, max_size=60)


@given(st.lists(WORDS, min_size=1, max_size=40), st.integers(40, 160), st.integers(0, 6))
def test_words_stay_whole_and_lines_fit(words: list[str], columns: int, spaces: int) -> None:
    """TRL-31: no word is cut, none is lost, no line is wider than the terminal."""
    lines = wrapped(" " * spaces + " ".join(words), columns)

    assert " ".join(lines).split() == words
    assert all(get_cwidth(line) <= columns for line in lines)


@given(JAPANESE, st.integers(20, 60))
def test_japanese_is_broken_between_letters_and_fits(text: str, columns: int) -> None:
    """TRL-31: letters that are two cells wide count as such, and no line begins with a stop."""
    lines = wrapped(text, columns)

    assert "".join(line.strip() for line in lines) == text
    assert all(get_cwidth(line) <= columns for line in lines[:-1])
    assert not any(line.strip().startswith(("。", "、")) for line in lines[1:])


def test_what_follows_hangs_under_the_text_of_its_line() -> None:
    """TRL-31: behind an indent, a sign, a number, a column."""
    assert wrapped("- ADDGROUP - Add a cluster group.", 24) == ["- ADDGROUP - Add a", "  cluster group."]
    assert wrapped("12. Switch to mode of that group", 20) == ["12. Switch to mode", "    of that group"]
    assert wrapped("list    the machines", 18) == ["list    the", "        machines"]
    assert wrapped("    + a: old words here", 18) == ["    + a: old words", "      here"]
    assert wrapped("one two", 80) == ["one two"]
    assert wrapped("a\n\nb", 80) == ["a", "", "b"]


def test_what_is_copied_whole_stays_whole() -> None:
    """TRL-31: a key that is wider than the terminal has no line break in it."""
    key = "ssh-rsa " + "A" * 100
    assert wrapped(key, 80) == [key]
