"""Words change a document by the schema of its feature; the feature checks the result."""

from __future__ import annotations

from typing import Any

import pytest

from appliances.cli.editing import add_lines, add_words, delete_words, set_words
from appliances.cli.errors import UsageError
from appliances.features.registry import CATALOGUE


def changed(feature: str, verb: Any, words: str, document: dict[str, Any] | None = None, at: str = "") -> Any:
    """The checked document after the words."""
    found: Any = CATALOGUE[feature]
    return found.check(verb(found.schema, document or found.empty, words.split(), at))


def test_row_is_made_with_its_list_and_then_changed() -> None:
    made = changed("smtproutes", set_words, "Example.com [127.0.9.9]:2525 mx.example.net")

    again = changed("smtproutes", set_words, "example.com mx2.example.net:26", made)

    assert made["routes"] == [
        {
            "domain": "example.com",
            "hosts": [{"host": "127.0.9.9", "port": 2525}, {"host": "mx.example.net", "port": 25}],
        }
    ]
    assert again["routes"] == [{"domain": "example.com", "hosts": [{"host": "mx2.example.net", "port": 26}]}]


@pytest.mark.parametrize(
    ("word", "host", "port"),
    [
        ("[::1]:26", "::1", 26),
        ("[::1]", "::1", 25),
        ("2001:db8::1", "2001:db8::1", 25),
        ("127.0.0.1", "127.0.0.1", 25),
        ("mx.example.com:2525", "mx.example.com", 2525),
        ("/dev/null", "/dev/null", 25),
    ],
)
def test_host_and_port_in_one_word(word: str, host: str, port: int) -> None:
    made = changed("smtproutes", set_words, f"example.com {word}")

    assert made["routes"][0]["hosts"] == [{"host": host, "port": port}]


def test_fields_of_a_row_and_settings_outside_the_table() -> None:
    made = changed("destconfig", set_words, "slow.example.com concurrency=2 tls=required")

    both = changed("destconfig", set_words, "default.concurrency=7 default.tls=off", made)

    assert both["destinations"][0]["domain"] == "slow.example.com"
    assert both["destinations"][0]["concurrency"] == 2
    assert (both["default"]["concurrency"], both["default"]["tls"]) == (7, "off")


def test_single_setting_needs_no_name() -> None:
    assert changed("sethostname", set_words, "mx9.example.com") == {"hostname": "mx9.example.com"}


def test_nested_object_by_dots() -> None:
    made = changed("interfaceconfig", set_words, "Data ip=127.0.0.5 hostname=d.example.com ssh.port=2222")

    assert made["interfaces"][0]["ssh"] == {"enabled": True, "port": 2222}


def test_table_inside_a_row() -> None:
    base = changed("listenerconfig", set_words, "incoming interface=Management")

    made = changed("listenerconfig", add_words, "example.com action=accept", base, "incoming/rat/entries")

    assert made["listeners"][0]["rat"]["entries"][0]["recipient"] == "example.com"
    assert changed("listenerconfig", delete_words, "EXAMPLE.com", made, "incoming/rat/entries") == base


def test_plain_list_grows_and_shrinks() -> None:
    made = changed("unsubscribe", add_words, "a@example.com b@example.com a@example.com")

    assert made["recipients"] == ["a@example.com", "b@example.com"]
    assert changed("unsubscribe", delete_words, "a@example.com", made)["recipients"] == ["b@example.com"]


def test_address_with_an_equals_sign_is_a_key_not_a_field() -> None:
    made = changed("aliasconfig", set_words, "a=b@example.com c=d@example.com")

    assert made["aliases"] == [{"alias": "a=b@example.com", "targets": ["c=d@example.com"]}]


@pytest.mark.parametrize(
    ("feature", "verb", "words", "at"),
    [
        ("smtproutes", set_words, "", ""),
        ("smtproutes", add_words, "", ""),
        ("smtproutes", delete_words, "", ""),
        ("smtproutes", delete_words, "nowhere.example.com", ""),
        ("smtproutes", set_words, "example.com [127.0.0.1]:x", ""),
        ("smtproutes", set_words, "example.com [127.0.0.1]:25:26", ""),
        ("destconfig", set_words, "default.concurrency=many", ""),
        ("destconfig", set_words, "example.com word", ""),
        ("interfaceconfig", set_words, "Data ssh.enabled=perhaps", ""),
        ("unsubscribe", set_words, "a@example.com", ""),
        ("sethostname", add_words, "x", ""),
        ("listenerconfig", add_words, "example.com", "nobody/rat/entries"),
        ("listenerconfig", add_words, "example.com", "incoming/nothing"),
        ("listenerconfig", add_words, "example.com", "incoming/port"),
        ("listenerconfig", add_words, "example.com", "incoming"),
        ("listenerconfig", add_words, "incoming interface=X", ""),
    ],
)
def test_words_that_mean_nothing_are_refused(feature: str, verb: Any, words: str, at: str) -> None:
    base = {"listeners": [{"name": "incoming", "interface": "Management"}]}
    document = base if feature == "listenerconfig" else None

    with pytest.raises(UsageError):
        changed(feature, verb, words, document, at)


def test_document_that_is_edited_stays_as_it_was() -> None:
    before = changed("smtproutes", set_words, "example.com 127.0.0.1")
    kept = changed("smtproutes", set_words, "example.com 127.0.0.1")

    changed("smtproutes", set_words, "example.com 127.0.0.2", before)

    assert before == kept


def test_lines_become_rows_or_are_named() -> None:
    """TRL-18: the equal of pasting on the page."""
    made = add_lines(
        CATALOGUE["smtproutes"].schema, {"routes": []}, "domain;hosts\na.example;192.0.2.1;192.0.2.2\n"
    )
    assert [host["host"] for host in CATALOGUE["smtproutes"].check(made)["routes"][0]["hosts"]] == [
        "192.0.2.1",
        "192.0.2.2",
    ]
    table = {"listeners": [{"name": "In", "rat": {"entries": []}}]}
    text = "a.example,reject,550\nb.example,reject,x"
    with pytest.raises(UsageError, match=r"Line 2: .*“x” is no whole number"):
        add_lines(CATALOGUE["listenerconfig"].schema, table, text, "In/rat/entries")
