"""Alias tables: what is meant, what is computed, and what Postfix does with the rows that it gets."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliances.features import aliasconfig
from appliances.features.aliasconfig import FEATURE, MOST_PLACES, AliasSettings
from appliances.features.expanding import Growth, Rows, cycles, expanded
from appliances.features.rendering import render
from appliances.features.unsubscribe import UnsubscribeSettings
from clusters.catalogue import InvalidDocument
from tests.appliances.features.examples import DOCUMENTS

USERS = [f"{name}@a.test" for name in "stuvw"] + ["x@b.test", "y@b.test"]
targets = st.lists(st.sampled_from(USERS), min_size=1, max_size=3)
tables = st.dictionaries(st.sampled_from([*USERS, "@a.test", "@b.test"]), targets, max_size=7)


class NeverEnds(Exception):
    """Postfix would defer the message with 451 4.6.0."""


def as_postfix(rows: Rows, address: str, most: int, deepest: int) -> tuple[list[str], int]:
    """cleanup_map1n.c: the places in their order, and how many lookups in a row the deepest of them took."""
    places, been, depth = [address], set[str](), 0
    for number in range(len(places) + most):
        if number == len(places):
            return places, depth
        if len(places) > most:
            raise NeverEnds(address)
        lookups = 0
        while (here := places[number]) not in been:
            if lookups >= deepest:
                raise NeverEnds(address)
            found = rows.get(here) or rows.get(f"@{here.rpartition('@')[2]}")
            if found is None:
                break
            places[number] = found[0]
            places.extend(found[1:])
            if here in found:
                been.add(here)
            lookups += 1
        depth = max(depth, lookups)
    raise NeverEnds(address)


def of(rows: Rows) -> AliasSettings:
    return AliasSettings.model_validate(
        {"aliases": [{"alias": name, "targets": list(each)} for name, each in rows.items()]}
    )


def meant(rows: Rows, address: str) -> set[str]:
    """Whom mail to an address is for: its own row, else that of its domain where nobody names it."""
    named = {each for several in rows.values() for each in several}
    if address in rows or address in named:
        return set(expanded(rows, address))
    everybody = f"@{address.rpartition('@')[2]}"
    return set(expanded(rows, everybody)) if everybody in rows else {address}


def written(rows: Rows, *unsubscribed: str) -> dict[str, list[str]]:
    made = aliasconfig.table(of(rows), UnsubscribeSettings(recipients=list(unsubscribed)), "gw.test")
    return {name: value.split(", ") for name, value in made}


@given(tables, st.sampled_from([*USERS, "nobody@a.test"]))
def test_expansion_means_what_postfix_does_with_the_rows(rows: Rows, address: str) -> None:
    """TRL-01: for every table without a cycle and every recipient, in the places that were computed."""
    if cycles(rows):
        return
    table = written(rows)
    places, depth = as_postfix(table, address, MOST_PLACES, len(table) + 1)
    assert set(places) == meant(rows, address)
    assert depth <= len(table)
    assert len(places) <= Growth(rows).bound


@given(tables)
def test_growth_is_what_postfix_counts(rows: Rows) -> None:
    """TRL-01: exactly, row by row, and nobody exceeds the bound."""
    if cycles(rows):
        return
    growth = Growth(rows)
    users = {name: each for name, each in rows.items() if not name.startswith("@")}
    counted = {name: len(as_postfix(users, name, 10_000, 1000)[0]) for name in users}
    assert {name: growth.of(name) for name in users} == counted
    assert dict(growth.above(2)) == {name: growth.of(name) for name in rows if growth.of(name) > 2}
    assert len(list(growth.above(0))) == len(rows)
    assert growth.bound >= max(counted.values(), default=1)


@given(tables)
def test_cycles_are_found_where_postfix_gives_up_and_only_there(rows: Rows) -> None:
    """TRL-01: and each is a way along the rows that comes back to where it began."""
    users = {name: each for name, each in rows.items() if not name.startswith("@")}
    found = cycles(rows)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert all(after in rows[before] for before, after in pairwise(cycle))
    assert bool(found) == any(gives_up(users, name) for name in users)


def gives_up(rows: Rows, address: str) -> bool:
    try:
        as_postfix(rows, address, 500, 50)
    except NeverEnds:
        return True
    return False


@given(st.dictionaries(st.sampled_from(USERS), targets, max_size=7), st.sampled_from(USERS))
@settings(max_examples=50)
def test_expansion_ends_for_any_rows(rows: Rows, address: str) -> None:
    """TRL-01."""
    assert len(expanded(rows, address)) <= len(USERS)


def problems(rows: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDocument) as refused:
        FEATURE.check({"aliases": [{"alias": name, "targets": each} for name, each in rows.items()]})
    return [(problem.path, problem.message) for problem in refused.value.problems]


def test_aliases_that_stand_for_one_another_are_refused_by_name() -> None:
    """TRL-01: whatever the case of the letters; each cycle once, at a row that belongs to it."""
    found = problems(
        {
            "all@a.test": ["ping@a.test", "ann@a.test"],
            "ping@a.test": ["Pong@a.test"],
            "pong@a.test": ["PING@a.test"],
            "ann@a.test": ["bob@a.test"],
            "bob@a.test": ["carl@a.test", "ann@a.test"],
        }
    )
    assert sorted(found) == [
        (
            "aliases.1.targets",
            "mail to ping@a.test would go round for ever: ping@a.test > pong@a.test > ping@a.test;"
            " take one of these targets out",
        ),
        (
            "aliases.3.targets",
            "mail to ann@a.test would go round for ever: ann@a.test > bob@a.test > ann@a.test;"
            " take one of these targets out",
        ),
    ]


def test_deputies_who_keep_their_own_copy_are_taken() -> None:
    """TRL-01: Postfix replaces an address that is among its own targets once."""
    rows = {"ann@a.test": ["ann@a.test", "bob@a.test"], "bob@a.test": ["bob@a.test", "ann@a.test"]}
    FEATURE.check({"aliases": [{"alias": name, "targets": each} for name, each in rows.items()]})
    assert expanded(rows, "ann@a.test") == ("ann@a.test", "bob@a.test")


def test_growth_beyond_a_message_is_refused_with_the_number() -> None:
    """TRL-01: three lists in one are fine, 500 in 500 are not."""
    members = [f"u{number}@b.test" for number in range(500)]
    lists = {f"l{number}@a.test": members for number in range(200)}
    assert problems({**lists, "all@a.test": list(lists)}) == [
        (
            "aliases.200.targets",
            f"mail to all@a.test would go to 100000 recipients; make lists of at most {MOST_PLACES}",
        )
    ]


def test_many_people_who_keep_a_copy_do_not_count_together() -> None:
    """TRL-01: 20,000 of four targets each grow to four, not to their sum."""
    rows = {f"u{n}@a.test": [f"u{n}@a.test", "x@b.test", "y@b.test", "z@b.test"] for n in range(19_000)}
    FEATURE.check({"aliases": [{"alias": name, "targets": each} for name, each in rows.items()]})


def test_what_is_said_of_huge_cycles_and_lists_stays_short() -> None:
    """TRL-01: and the walk through a table of any shape ends in seconds."""
    ring = {f"u{n}@a.test": [f"u{(n + 1) % 5000}@a.test"] for n in range(5000)}
    ((_path, message),) = problems(ring)
    assert "u0@a.test > u1@a.test" in message
    assert message.endswith("u5@a.test > ... > u0@a.test; take one of these targets out")
    doubled = {f"u{n}@a.test": [f"u{n + 1}@a.test"] * 2 for n in range(2000)}
    found = problems(doubled)
    assert len(found) == 10
    assert all(len(message) < 200 for _path, message in found)
    copies = {f"u{n}@a.test": [f"u{n}@a.test", f"u{n + 1}@a.test", *list("xyz")] for n in range(15_000)}
    assert len(list(Growth(copies).above(MOST_PLACES))) == 10


def test_limits_of_postfix_follow_the_table() -> None:
    """TRL-01: in thousands; without large lists they are Postfix's own."""

    def limits(aliases: list[dict[str, Any]]) -> tuple[str, str]:
        made = render({**DOCUMENTS, "aliasconfig": {"aliases": aliases}}).configuration.parameters
        return made["virtual_alias_expansion_limit"], made["virtual_alias_recursion_limit"]

    members = [f"u{number}@b.test" for number in range(400)]
    lists = [{"alias": f"l{number}@a.test", "targets": members} for number in range(3)]
    chain = [{"alias": f"c{n}@a.test", "targets": [f"c{n + 1}@a.test"]} for n in range(1500)]
    assert limits(lists) == ("1000", "1000")
    everybody = {"alias": "all@a.test", "targets": [each["alias"] for each in lists]}
    assert limits([*lists, everybody]) == ("2000", "1000")
    assert limits(chain) == ("1000", "2000")


def test_unsubscribed_recipients_are_not_reached_by_their_alias_nor_by_their_domain() -> None:
    """TRL-01: who never gets mail from this gateway does not get it as somebody else either."""
    rows = {"@a.test": ["hub@a.test"], "info@a.test": ["ann@b.test"], "@b.test": ["hub@b.test"]}
    assert written(rows, "INFO@a.test", "gone@a.test", "b.test") == {
        "@a.test": ["hub@a.test"],
        "hub@a.test": ["hub@a.test"],
        "info@a.test": ["INFO@a.test"],
        "gone@a.test": ["gone@a.test"],
    }
