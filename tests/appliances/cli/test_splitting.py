"""What a person types becomes commands and words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.cli.errors import UsageError
from appliances.cli.splitting import MAX_LINE, split


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("", []),
        (" ; ;; ", []),
        ("status", [["status"]]),
        ("clustermode cluster; status --json", [["clustermode", "cluster"], ["status", "--json"]]),
        ("commit -m 'a; b'", [["commit", "-m", "a; b"]]),
        ('commit -m "say \\"yes\\" \\\\ \\n"', [["commit", "-m", 'say "yes" \\ \\n']]),
        ("a\\ b\\;c", [["a b;c"]]),
        ("a''b \"\"", [["ab", ""]]),
        ("one\ntwo", [["one"], ["two"]]),
        ('load {"a":1}', [["load", "{a:1}"]]),
    ],
)
def test_text_is_cut_at_blanks_and_semicolons_outside_quotes(text: str, commands: list[list[str]]) -> None:
    assert split(text) == commands


@pytest.mark.parametrize("text", ["commit -m 'open", 'commit -m "open', "ends with \\"])
def test_open_quote_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="inside quotes"):
        split(text)


def test_endless_line_is_refused() -> None:
    with pytest.raises(UsageError, match="standard input"):
        split("x" * (MAX_LINE + 1))


@given(st.lists(st.lists(st.text(), min_size=1), max_size=4))
def test_quoted_words_come_back_as_they_were(commands: list[list[str]]) -> None:
    def quoted(word: str) -> str:
        return "'" + word.replace("'", "'\\''") + "'"

    text = ";".join(" ".join(quoted(word) for word in words) for words in commands)

    assert split(text) == commands
