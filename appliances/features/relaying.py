"""Whether a client may relay: what Postfix finds in the tables of `admission`, for our own services."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from appliances.features.fields import ALL
from appliances.features.hat import Hat, SenderGroup
from appliances.features.networks import Span, is_numeric, span


@dataclass(frozen=True)
class _Clients:
    """The clients of one sender group."""

    relay: bool
    everybody: bool
    spans: tuple[Span, ...]
    hosts: frozenset[str]
    domains: tuple[str, ...]

    def has(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address, name: str) -> bool:
        if self.everybody or name in self.hosts or name.endswith(self.domains):
            return True
        return any(
            first.version == address.version and int(first) <= int(address) <= int(last)
            for first, last in self.spans
        )


def _clients(group: SenderGroup, relay: bool) -> _Clients:
    names = [each for each in group.hosts if each != ALL and not is_numeric(each)]
    return _Clients(
        relay,
        ALL in group.hosts,
        tuple(span(each) for each in group.hosts if is_numeric(each)),
        frozenset(each for each in names if not each.startswith(".")),
        tuple(each for each in names if each.startswith(".")),
    )


@dataclass(frozen=True)
class Relaying:
    """Tells of a client's address and name whether the first sender group that has it relays."""

    groups: tuple[_Clients, ...]

    def __call__(self, address: str, name: str) -> bool:
        try:
            client = ipaddress.ip_address(address)
        except ValueError:
            return False
        lowered = name.lower()
        return next((group.relay for group in self.groups if group.has(client, lowered)), False)


def relaying(hat: Hat) -> Relaying:
    """Who may relay by a HAT."""
    return Relaying(
        tuple(_clients(each, hat.policy(each.policy).behaviour == "relay") for each in hat.sender_groups)
    )
