"""Who may relay by a HAT, as our own services see it and as Postfix does."""

from __future__ import annotations

import ipaddress
import re

from hypothesis import given
from hypothesis import strategies as st

from appliances.features import admission
from appliances.features.hat import Hat
from appliances.features.relaying import relaying
from appliances.postfix.configuration import Configuration

PATTERNS = ["192.0.2.7", "192.0.2.0/28", "192.0.2.5-9", "192.0.", "2001:db8::/32", "a.test", ".a.test", "ALL"]
CLIENTS = [
    ("192.0.2.7", "unknown"),
    ("192.0.2.20", "a.test"),
    ("198.51.100.1", "Mx.A.test"),
    ("198.51.100.1", "xa.test"),
    ("2001:db8::1", "unknown"),
    ("2001:db9::1", "b.a.test"),
]

groups = st.lists(
    st.tuples(st.lists(st.sampled_from(PATTERNS), max_size=3, unique=True), st.sampled_from(["YES", "NO"])),
    max_size=4,
)


def hat_of(drawn: list[tuple[list[str], str]]) -> Hat:
    return Hat.model_validate(
        {
            "sender_groups": [
                {"name": f"G{number}", "hosts": hosts, "policy": policy}
                for number, (hosts, policy) in enumerate(drawn)
            ],
            "policies": [{"name": "YES", "behaviour": "relay"}, {"name": "NO", "behaviour": "accept"}],
        }
    )


def as_postfix(hat: Hat, address: str, name: str) -> bool:
    """The first row of the rendered tables, in their order, that has the address or the name."""
    configuration = Configuration()
    admission.tables(configuration, "x", hat, lambda group: group.policy)
    for table in configuration.tables:
        for pattern, verdict in table.rows:
            if table.kind == "cidr":
                found = ipaddress.ip_address(address) in ipaddress.ip_network(pattern)
            else:
                found = bool(re.search(pattern[1:-1], name, re.IGNORECASE))
            if found:
                return verdict == "YES"
    return False


@given(groups, st.sampled_from(CLIENTS))
def test_client_may_relay_for_our_services_exactly_where_postfix_lets_it(
    drawn: list[tuple[list[str], str]], client: tuple[str, str]
) -> None:
    """TRN-09: whatever the order and the kinds of the patterns."""
    hat = hat_of(drawn)
    assert relaying(hat)(*client) is as_postfix(hat, *client)


def test_client_without_an_address_may_not_relay() -> None:
    """TRN-09."""
    assert not relaying(hat_of([(["ALL"], "YES")]))("", "a.test")
