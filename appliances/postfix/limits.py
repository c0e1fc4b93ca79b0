"""Limits per sender group and per client, as a rule of the policy service.

Postfix counts per listener only; a host access table wants limits per sender group.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from appliances.postfix import processes
from appliances.postfix.policy import DUNNO, Request

HOUR = 3600.0
BUCKETS = 60
"""An hour is counted in minutes: what is older than 61 minutes is surely forgotten, than 60 maybe."""
KEYS = 200_000
"""Clients that are remembered; beyond it the one that was silent longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What clients of a sender group may do; None is unlimited. Sizes in bytes, the rest are counts.

    `group_` limits hold for all clients of the group together. Replies are access actions; `{group}` and
    `{limit}` in them are filled in.
    """

    recipients_per_hour: int | None = None
    messages_per_hour: int | None = None
    connections: int | None = None
    message_size: int | None = None
    group_recipients_per_hour: int | None = None
    group_messages_per_hour: int | None = None
    group_connections: int | None = None
    too_many_recipients: str = "452 4.5.3 Too many recipients this hour"
    too_many_messages: str = "450 4.7.1 Too many messages this hour"
    too_many_connections: str = "421 4.7.0 Too many connections"
    too_big: str = "552 5.3.4 Message size exceeds the limit of {limit} bytes"


@dataclass(frozen=True, slots=True)
class SenderGroup:
    """Clients and their limit. `networks` are CIDR, `hosts` names or `.domain`; both empty is everybody."""

    name: str
    limit: Limit
    networks: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def has(self, address: str, name: str) -> bool:
        """Whether a client belongs to the group."""
        if not self.networks and not self.hosts:
            return True
        lowered = name.lower()
        if any(
            lowered == one.lower() or (one[:1] == "." and lowered.endswith(one.lower())) for one in self.hosts
        ):
            return True
        try:
            client = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(client in ipaddress.ip_network(one, strict=False) for one in self.networks)


@dataclass(frozen=True, slots=True)
class Rules:
    """The sender groups of each listener, in the order in which they are tried.

    A policy context `listener:group` names the group outright (a host access table has found it); a context
    `listener` leaves it to the groups' own networks and hosts.
    """

    listeners: Mapping[str, Sequence[SenderGroup]] = field(default_factory=dict)

    def find(self, context: str, address: str, name: str) -> tuple[str, SenderGroup] | None:
        """The listener and the group of a client."""
        listener, colon, wanted = context.partition(":")
        for group in self.listeners.get(listener, ()):
            if group.name == wanted if colon else group.has(address, name):
                return listener, group
        return None


class Window:
    """Counts events per key over the last hour."""

    def __init__(self, clock: Callable[[], float], *, keys: int = KEYS) -> None:
        self._clock = clock
        self._keys = keys
        self._counts: OrderedDict[tuple[str, ...], deque[tuple[int, int]]] = OrderedDict()

    def used(self, key: tuple[str, ...]) -> int:
        """How much the key has used."""
        buckets = self._counts.get(key)
        if buckets is None:
            return 0
        oldest = self._now() - BUCKETS
        while buckets and buckets[0][0] < oldest:
            buckets.popleft()
        if not buckets:
            del self._counts[key]
        return sum(count for _, count in buckets)

    def add(self, key: tuple[str, ...], count: int = 1) -> None:
        """The key has used this much more."""
        now = self._now()
        buckets = self._counts.setdefault(key, deque())
        self._counts.move_to_end(key)
        if buckets and buckets[-1][0] == now:
            count += buckets.pop()[1]
        buckets.append((now, count))
        while len(self._counts) > self._keys:
            self._counts.popitem(last=False)

    def __len__(self) -> int:
        return len(self._counts)

    def _now(self) -> int:
        return int(self._clock() // (HOUR / BUCKETS))


Peers = Callable[[str, int], Sequence[str]]


class Limiter:
    """A rule for PolicyService. Ask it in these places (any may be left out):

    client restrictions for connections, recipient restrictions for recipients and messages, end-of-data
    restrictions for messages and size. Assign other `rules` at any time; counts go on.
    `clock` gives seconds; `peers` the addresses of the clients connected to an address and port.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        peers: Peers = processes.clients,
    ) -> None:
        self.rules = rules or Rules()
        self._window = Window(clock)
        self._peers = peers

    def __call__(self, request: Request) -> str:
        address = request.get("client_address", "")
        name = request.get("client_name", "")
        found = self.rules.find(request.get("policy_context", ""), address, name)
        if found is None:
            return DUNNO
        judge = {"CONNECT": self._connect, "RCPT": self._recipient, "END-OF-MESSAGE": self._message}.get(
            request.get("protocol_state", "")
        )
        return DUNNO if judge is None else judge(request, *found)

    def _connect(self, request: Request, listener: str, group: SenderGroup) -> str:
        limit = group.limit
        if limit.connections is None and limit.group_connections is None:
            return DUNNO
        address = request.get("client_address", "")
        peers = self._peers(request.get("server_address", ""), _number(request, "server_port"))
        # The one that asks is among them.
        if _exceeds(peers.count(address), limit.connections):
            return _reply(limit.too_many_connections, group, limit.connections)
        members = sum(1 for peer in peers if group.has(peer, ""))
        if _exceeds(members, limit.group_connections):
            return _reply(limit.too_many_connections, group, limit.group_connections)
        return DUNNO

    def _recipient(self, request: Request, listener: str, group: SenderGroup) -> str:
        limit, address = group.limit, request.get("client_address", "")
        full = self._full("messages", listener, group, address, limit.messages_per_hour)
        full = full or self._full("messages", listener, group, "", limit.group_messages_per_hour)
        if full:
            return _reply(limit.too_many_messages, group, full)
        full = self._full("recipients", listener, group, address, limit.recipients_per_hour)
        full = full or self._full("recipients", listener, group, "", limit.group_recipients_per_hour)
        if full:
            return _reply(limit.too_many_recipients, group, full)
        if limit.recipients_per_hour is not None:
            self._window.add(("recipients", listener, group.name, address))
        if limit.group_recipients_per_hour is not None:
            self._window.add(("recipients", listener, group.name, ""))
        return DUNNO

    def _message(self, request: Request, listener: str, group: SenderGroup) -> str:
        limit, address = group.limit, request.get("client_address", "")
        if _exceeds(_number(request, "size"), limit.message_size):
            return _reply(limit.too_big, group, limit.message_size)
        full = self._full("messages", listener, group, address, limit.messages_per_hour)
        full = full or self._full("messages", listener, group, "", limit.group_messages_per_hour)
        if full:
            return _reply(limit.too_many_messages, group, full)
        if limit.messages_per_hour is not None:
            self._window.add(("messages", listener, group.name, address))
        if limit.group_messages_per_hour is not None:
            self._window.add(("messages", listener, group.name, ""))
        return DUNNO

    def _full(
        self, what: str, listener: str, group: SenderGroup, address: str, limit: int | None
    ) -> int | None:
        """The limit, if one more would exceed it."""
        if limit is None:
            return None
        used = self._window.used((what, listener, group.name, address))
        return limit if used + 1 > limit else None


def _exceeds(count: int, limit: int | None) -> bool:
    return limit is not None and count > limit


def _number(request: Request, name: str) -> int:
    text = request.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _reply(text: str, group: SenderGroup, limit: int | None) -> str:
    return text.replace("{group}", group.name).replace("{limit}", str(limit))
