"""Values and changes as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.cli.editing import parsed
from appliances.cli.presenting import all_change_lines, compact, document_lines
from clusters.differences import differences
from clusters.installed import catalogue
from tests.appliances.cli.hosts import Person

HOSTS = st.builds(
    dict, host=st.sampled_from(["192.0.2.1", "::1", "mx.example.net"]), port=st.integers(1, 65535)
)
ROUTE = {"domain": "a.example", "hosts": [{"host": "192.0.2.1", "port": 25}, {"host": "::1", "port": 26}]}
LIMITED = {"concurrency": 5, "tls": "preferred", "domain": "a.example"}


@given(st.lists(HOSTS, min_size=1, max_size=5))
def test_hosts_are_written_as_they_are_typed(hosts: list[dict[str, Any]]) -> None:
    """TRL-27: the command line reads back what it shows."""
    schema = catalogue()["smtproutes"].schema["properties"]["routes"]["items"]["properties"]["hosts"]
    read = parsed(schema, compact(hosts))
    # The brackets of an address go when the feature reads it; those of a name mean something and stay.
    assert [{**each, "host": each["host"].strip("[]")} for each in read] == hosts


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (
            {"routes": []},
            {"routes": [ROUTE]},
            ["+ routes[a.example]:", "+   domain: a.example", "+   hosts: 192.0.2.1:25, [::1]:26"],
        ),
        (None, {"destinations": [LIMITED]}, [
            "+ settings:", "+   destinations:", "+   - domain: a.example", "+     concurrency: 5",
            "+     tls: preferred",
        ]),
        ({"a": {"on": True}}, {"a": {"on": False}}, ["~ a.on: yes -> no"]),
        ({"entries": ["x"]}, {"entries": []}, ["- entries[1]: x"]),
    ],
)  # fmt: skip
def test_change_has_a_line_for_each_field(before: Any, after: Any, lines: list[str]) -> None:
    """TRL-27: the name of a row first, nothing flattened into one line."""
    assert all_change_lines(differences(before, after)) == lines


def test_row_begins_with_what_names_it() -> None:
    """TRL-27."""
    assert list(document_lines({"destinations": [LIMITED]}))[1] == "- domain: a.example"


def test_pending_changes_of_a_listener_are_no_wall_of_text(script: Person) -> None:
    """TRL-27: a listener and all its groups and policies; fingerprints say what they are of."""
    assert script.types("clustermode cluster; listenerconfig add in interface=Management; showchanges") == 0
    pending = script.said.partition("fingerprint of the settings")
    assert pending[1]
    assert max(map(len, pending[0].splitlines())) < 120
    assert "hosts=" not in pending[0]
