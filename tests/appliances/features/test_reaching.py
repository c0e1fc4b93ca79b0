"""What an earlier entry of a first-match table takes before a later one."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.features.consequences import PostfixConsequences
from appliances.features.hat import Hat
from appliances.features.networks import blocks, is_numeric
from appliances.features.rat import Rat
from appliances.features.reaching import of_hat, of_rat
from clusters.catalogue import RedFlag
from tests.appliances.features.examples import DOCUMENTS, LISTENER
from tests.appliances.features.test_patterns import matches
from tests.appliances.features.test_patterns import patterns as recipients


def hat(*groups: tuple[str, list[str]]) -> Hat:
    rows = [{"name": name, "hosts": hosts, "policy": "P"} for name, hosts in groups]
    return Hat.model_validate({"sender_groups": rows, "policies": [{"name": "P"}]})


def rat(*entries: str) -> Rat:
    return Rat.model_validate({"entries": [{"recipient": each} for each in entries]})


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        (
            [("U", ["ALL"]), ("P2", ["127.20.89.0/24"])],
            ["sender group P2 is never reached: U (ALL) stands before it"],
        ),
        (
            [("A", ["10.0.0.0/8"]), ("B", ["10.1."])],
            ["sender group B is never reached: A (10.0.0.0/8) stands before it"],
        ),
        (
            [("A", ["10.0.0.0/25"]), ("B", ["10.0.0.128/25"]), ("C", ["10.0.0.5-200"])],
            ["sender group C is never reached: A, B stands before it"],
        ),
        (
            [("A", ["10.0.0.1-20"]), ("B", ["10.0.0.7", "10.0.0.21"])],
            ["10.0.0.7 of sender group B is never reached: A (10.0.0.1-20) stands before it"],
        ),
        (
            [("A", [".example.com"]), ("B", ["mx.example.com"])],
            ["sender group B is never reached: A (.example.com) stands before it"],
        ),
        (
            [("A", ["0.0.0.0/0", "::/0"]), ("B", ["mx.example"])],
            ["sender group B is never reached: A stands before it"],
        ),
        ([("A", ["0.0.0.0/0"]), ("B", ["mx.example", "2001:db8::1", "ALL"])], []),
        ([("A", ["mx.example.com"]), ("B", [".example.com", "10.0.0.1"]), ("C", ["example.com"])], []),
        ([("A", []), ("B", ["10.0.0.1", "10.0.0.0/8"]), ("U", ["ALL"])], []),
    ],
)
def test_sender_whom_an_earlier_group_takes_is_told(groups: Any, told: list[str]) -> None:
    """TRL-04: by address, block, range, subdomain or ALL."""
    assert list(of_hat(hat(*groups))) == told


def test_many_hidden_senders_are_counted() -> None:
    """TRL-04: a red flag stays readable."""
    senders = [f"10.0.0.{number}" for number in range(9)]
    told = list(of_hat(hat(("A", ["10.0.0.0/24"]), ("B", [*senders, "10.1.1.1"]))))
    assert len(told) == 4
    assert told[-1] == "6 more senders of sender group B are never reached"
    many = list(of_rat(rat("a.example", *(f"u{number}@a.example" for number in range(5)))))
    assert many[-1] == "2 more recipients are never reached"


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (["ALL", "a.example"], "recipient a.example is never reached: ALL stands before it"),
        (["A.example", "u@a.example"], "recipient u@a.example is never reached: a.example stands before it"),
        ([".example", "u@a.example"], "recipient u@a.example is never reached: .example stands before it"),
        (["u@a.example", "a.example", ".example", "ALL"], ""),
    ],
)
def test_recipient_whom_an_earlier_entry_takes_is_told(entries: list[str], told: str) -> None:
    """TRL-04: the RAT is a table of the first match, too."""
    assert "".join(of_rat(rat(*entries))) == told


senders = st.sampled_from(
    ["ALL", "10.0.0.1", "10.0.0.0/30", "10.0.0.4/30", "10.0.0.1-6", "10.0.0.3-9", "::/0", "0.0.0.0/0", "::1"]
)
clients = st.sampled_from([*(f"10.0.0.{number}" for number in range(11)), "::1", "::2", "192.0.2.1"])


def names(pattern: str, client: str) -> bool:
    address = ipaddress.ip_address(client)
    return pattern == "ALL" or (is_numeric(pattern) and any(address in block for block in blocks(pattern)))


@given(st.lists(senders, min_size=1, max_size=5), st.lists(clients, min_size=1, max_size=12))
def test_group_that_any_client_reaches_is_never_called_unreachable(
    table: list[str], asking: list[str]
) -> None:
    """TRL-04: a law; each group has one sender."""
    told = " ".join(of_hat(hat(*((f"G{number}", [sender]) for number, sender in enumerate(table)))))
    for client in asking:
        first = next((number for number, sender in enumerate(table) if names(sender, client)), None)
        assert first is None or f"sender group G{first} is never" not in told


@given(
    st.lists(recipients, min_size=1, max_size=5, unique_by=str.lower),
    st.sampled_from(["u@a", "u@a.b", "u@b.a.b"]),
)
def test_entry_that_decides_on_a_recipient_is_never_called_unreachable(table: list[str], asked: str) -> None:
    """TRL-04: the same of the RAT."""
    told = " ".join(of_rat(rat(*table)))
    first = next((pattern for pattern in table if matches(pattern, asked)), None)
    assert first is None or f"recipient {first.lower()} is never" not in told.lower()


def test_hidden_entries_are_red_flags_of_the_machine() -> None:
    """TRL-04: shown before the commit, wherever the change came from."""
    groups = LISTENER["hat"]["sender_groups"]
    late = {"name": "LATE", "hosts": ["127.20.89.0/24"], "policy": "RELAYED"}
    listener = {**LISTENER, "hat": {**LISTENER["hat"], "sender_groups": [*groups, late]}}
    flags = PostfixConsequences().red_flags({**DOCUMENTS, "listenerconfig": {"listeners": [listener]}})
    message = "Listener Incoming Mail: sender group LATE is never reached: UNKNOWNLIST (ALL) stands before it"
    assert RedFlag("listenerconfig", message) in flags
