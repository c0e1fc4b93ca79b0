"""Long documents are read once, whoever asks; and what is known at once is what is worked out."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.features import networks
from appliances.features.registry import CATALOGUE
from appliances.features.remembering import ReadLast
from appliances.features.smtproutes import FEATURE as SMTPROUTES
from clusters.catalogue import InvalidDocument


def some_routes(host: str) -> dict[str, Any]:
    hosts = [{"host": host, "port": 25}]
    return {"routes": [{"domain": f"d{n}.example", "hosts": hosts} for n in range(2000)]}


def test_long_document_is_read_once_and_another_one_anew() -> None:
    """TRL-28: by a submit, each machine before and after, and the commit; never by what it looked like."""
    first = CATALOGUE["smtproutes"].check(some_routes("192.0.2.31"))
    known = SMTPROUTES.read(first)
    assert SMTPROUTES.read(some_routes("192.0.2.31")) is known
    first["routes"][7]["hosts"] = [{"host": "192.0.2.32", "port": 25}]
    assert SMTPROUTES.read(first).routes[7].hosts[0].host == "192.0.2.32"
    first["routes"][7]["hosts"] = []
    with pytest.raises(InvalidDocument):
        SMTPROUTES.read(first)


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    """TRL-28: memory has an end."""
    kept: ReadLast[str] = ReadLast(most=10)
    for name in "abc":
        kept.keep(name, 4, name.upper())
        kept.find("a")
    assert [kept.find(name) for name in "abc"] == ["A", None, "C"]


@given(
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){2,4}", fullmatch=True) | st.ip_addresses().map(str) | st.text()
)
def test_address_is_what_the_library_says(text: str) -> None:
    """TRL-28: the short way says the same."""
    try:
        expected = None if "%" in text else str(ipaddress.ip_address(text))
    except ValueError:
        expected = None
    assert networks.address(text) == expected
