"""Words change a document by the schema of its feature; the feature checks the result."""

from __future__ import annotations

from typing import Any

import pytest

from appliances.cli.editing import (
    Spot,
    add_lines,
    add_words,
    delete_words,
    set_words,
    spot_of,
    table_of,
    went_before,
)
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
        ("[mail.example.net]:26", "[mail.example.net]", 26),
        ("[mail.example.net]", "[mail.example.net]", 25),
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


@pytest.mark.parametrize(
    ("feature", "other", "typed", "form"),
    [
        ("smtproutes", "fass.de 127.0.0.1", "Faß.de", "xn--fa-hia.de"),
        ("destconfig", "fass.de concurrency=2", "faß.de", "xn--fa-hia.de"),
        ("aliasconfig", "@fass.de a@b.example", "@faß.de", "@xn--fa-hia.de"),
        ("unsubscribe", "u@fass.de", "u@faß.de", "u@xn--fa-hia.de"),
    ],
)
def test_domain_beyond_ascii_names_its_own_row_and_no_other(
    feature: str, other: str, typed: str, form: str
) -> None:
    """TRL-05: without regard to case faß.de is fass.de."""
    base = changed(feature, add_words, other)
    with pytest.raises(UsageError):
        changed(feature, delete_words, typed, base)
    both = changed(feature, add_words, " ".join([typed, *other.split()[1:]]), base)
    (table,) = (name for name, part in both.items() if isinstance(part, list))
    assert len(both[table]) == 2
    assert form in str(both[table][1])
    assert changed(feature, delete_words, typed, both) == base
    assert changed(feature, delete_words, form.upper(), both) == base


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


HAT = "incoming/hat/sender_groups"
RAT = "incoming/rat/entries"


def with_tables() -> Any:
    """A listener whose HAT and RAT end with ALL."""
    groups = [{"name": name, "hosts": [host], "policy": "P"} for name, host in (("A", "10.1."), ("U", "ALL"))]
    hat = {"sender_groups": groups, "policies": [{"name": "P"}]}
    rat = {"entries": [{"recipient": "a.example"}, {"recipient": "ALL", "action": "reject"}]}
    document = {"listeners": [{"name": "incoming", "interface": "M", "hat": hat, "rat": rat}]}
    return CATALOGUE["listenerconfig"].check(document)


def placed(verb: Any, words: str, at: str) -> list[str]:
    """The names of the table's rows after words that may say a place."""
    feature: Any = CATALOGUE["listenerconfig"]
    rest, spot = spot_of(words.split())
    (one,) = feature.check(verb(feature.schema, with_tables(), rest, at, spot))["listeners"]
    table = one["hat"]["sender_groups"] if at == HAT else one["rat"]["entries"]
    return [row["name"] if at == HAT else row["recipient"] for row in table]


@pytest.mark.parametrize("verb", [add_words, set_words])
@pytest.mark.parametrize(
    ("words", "at", "rows"),
    [
        ("B 10.2. policy=P", HAT, ["A", "B", "U"]),
        ("B 10.2. policy=P --last", HAT, ["A", "U", "B"]),
        ("B 10.2. policy=P --first", HAT, ["B", "A", "U"]),
        ("B 10.2. --before a policy=P", HAT, ["B", "A", "U"]),
        ("B ALL policy=P", HAT, ["A", "U", "B"]),
        ("b.example", RAT, ["a.example", "b.example", "ALL"]),
        ("u@a.example action=reject --before A.example", RAT, ["u@a.example", "a.example", "ALL"]),
        ("b.example --last", RAT, ["a.example", "ALL", "b.example"]),
    ],
)
def test_new_row_stands_where_a_person_says_and_else_before_the_one_that_takes_everything(
    verb: Any, words: str, at: str, rows: list[str]
) -> None:
    """TRL-04: behind ALL nothing is ever reached."""
    assert placed(verb, words, at) == rows


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("U --first", ["U", "A"]),
        ("U --before A", ["U", "A"]),
        ("A --last", ["U", "A"]),
        ("A policy=P", ["A", "U"]),
    ],
)
def test_row_that_is_there_moves_where_a_person_says_and_stays_else(words: str, rows: list[str]) -> None:
    """TRL-04: `set` changes the order, too."""
    assert placed(set_words, words, HAT) == rows


@pytest.mark.parametrize(
    "words", ["B --before", "B --first --last", "B --before NONE policy=P", "A --before A"]
)
def test_place_that_means_nothing_is_refused(words: str) -> None:
    """TRL-04: nothing is put anywhere by guess."""
    with pytest.raises(UsageError):
        placed(set_words, words, HAT)


def test_place_counts_in_tables_and_lists_without_such_a_row() -> None:
    """TRL-04: hosts of a route are tried in their order."""
    route = changed("smtproutes", set_words, "a.example mx1.example mx2.example")
    schema: Any = CATALOGUE["smtproutes"].schema
    (made,) = add_words(schema, route, ["mx0.example"], "a.example/hosts", Spot(first=True))["routes"]
    assert [each["host"] for each in made["hosts"]] == ["mx0.example", "mx1.example", "mx2.example"]
    listed = changed("unsubscribe", add_words, "c@a.example")
    plain: Any = CATALOGUE["unsubscribe"].schema
    both = add_words(plain, listed, ["a@a.example", "b@a.example"], "", Spot(before="c@a.example"))
    assert [each[0] for each in both["recipients"]] == ["a", "b", "c"]
    both = add_words(plain, listed, ["a@a.example", "b@a.example"], "", Spot(first=True))
    assert [each[0] for each in both["recipients"]] == ["a", "b", "c"]
    with pytest.raises(UsageError):
        changed("sethostname", lambda *told: set_words(*told, Spot(last=True)), "b.example")


def test_row_that_was_put_before_everything_unasked_is_told() -> None:
    """TRL-04: a person who wants it behind hears how."""
    schema: Any = CATALOGUE["listenerconfig"].schema
    before = with_tables()
    words = ["b.example"]
    assert went_before(schema, before, add_words(schema, before, words, RAT), words, RAT) == "ALL"
    last = add_words(schema, before, words, RAT, Spot(last=True))
    assert went_before(schema, before, last, words, RAT) == ""
    assert went_before(schema, last, last, words, RAT) == ""


def test_lines_stand_before_the_row_that_takes_all() -> None:
    """TRL-04: as one row that is added does."""
    schema, before = CATALOGUE["listenerconfig"].schema, with_tables()
    was = [row["recipient"] for row in table_of(schema, before, RAT).rows]
    after = add_lines(schema, before, "new.example", RAT)
    found = [row["recipient"] for row in table_of(schema, after, RAT).rows]
    assert found == [*was[:-1], "new.example", "ALL"]
    assert was[-1] == "ALL"


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
