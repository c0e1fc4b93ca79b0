"""Limits of mail flow policies as rules of the policy service: Postfix counts per listener, a HAT per group.

`postfix.limits` counts what clients do over an hour and at a time; here is added what one connection and
one message may hold.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliances.features.hat import Hat, MailFlowPolicy
from appliances.features.machine import unique_slugs
from appliances.postfix.limits import Limit, Limiter, Rules, SenderGroup
from appliances.postfix.policy import Request

if TYPE_CHECKING:
    from appliances.features.listenerconfig import Listener

REMEMBERED = 50_000
"""Connections whose messages are counted; beyond it the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class SessionLimit:
    """What one connection and one message may hold; 0 sets no limit."""

    messages_per_connection: int = 0
    recipients_per_message: int = 0


@dataclass(frozen=True)
class PolicyRules:
    """All limits of a machine. `sessions` go by policy context, `listener:group`."""

    clients: Rules = field(default_factory=Rules)
    sessions: Mapping[str, SessionLimit] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """The limits in readable lines, the same for the same settings."""
        for listener, groups in sorted(self.clients.listeners.items()):
            for group in groups:
                shown = {**_given(group.limit), **_given(self.sessions[f"{listener}:{group.name}"])}
                for name, value in sorted(shown.items()):
                    yield f"limits {listener} {group.name}: {name} = {value}"


def _given(limit: Limit | SessionLimit) -> dict[str, int]:
    values = {name: getattr(limit, name) for name in type(limit).__slots__}
    return {name: value for name, value in values.items() if isinstance(value, int) and value}


def contexts(listener: str, hat: Hat) -> dict[str, str]:
    """For each sender group with limits, by its name, the policy context under which it is asked about."""
    words = unique_slugs([group.name for group in hat.sender_groups])
    limited = (group for group in hat.sender_groups if _is_limited(hat.policy(group.policy)))
    return {group.name: f"{listener}:{words[group.name]}" for group in limited}


def _is_limited(policy: MailFlowPolicy) -> bool:
    return policy.lets_in and policy.limits


def collected(listeners: Mapping[str, Listener]) -> PolicyRules:
    """The rules of all listeners of a machine, by service name."""
    clients: dict[str, list[SenderGroup]] = {}
    sessions: dict[str, SessionLimit] = {}
    for name, listener in listeners.items():
        hat = listener.hat
        policies = {group.name: hat.policy(group.policy) for group in hat.sender_groups}
        for group, context in contexts(name, hat).items():
            limit = _client_limit(policies[group], listener.max_connections_per_client)
            clients.setdefault(name, []).append(SenderGroup(context.partition(":")[2], limit))
            sessions[context] = _session_limit(policies[group])
    return PolicyRules(Rules(clients), sessions)


def _client_limit(policy: MailFlowPolicy, usual: int) -> Limit:
    """`usual` connections are what Postfix itself gives a client, more exactly than we can count them."""
    return Limit(
        recipients_per_hour=policy.max_recipients_per_hour or None,
        connections=policy.max_connections if policy.max_connections not in (0, usual) else None,
        message_size=policy.max_message_size or None,
    )


def _session_limit(policy: MailFlowPolicy) -> SessionLimit:
    return SessionLimit(policy.max_messages_per_connection, policy.max_recipients_per_message)


@dataclass(slots=True)
class _Connection:
    """What one connection has brought so far; `instance` names its present message."""

    instance: str = ""
    messages: int = 0
    recipients: int = 0


class PolicyRule:
    """The rule of a machine's PolicyService. Assign other `rules` at any time; counts go on."""

    def __init__(self, rules: PolicyRules | None = None) -> None:
        self._limiter = Limiter()
        self._sessions: Mapping[str, SessionLimit] = {}
        self._connections: OrderedDict[tuple[str, ...], _Connection] = OrderedDict()
        self.rules = rules or PolicyRules()

    @property
    def rules(self) -> PolicyRules:
        """The limits in force."""
        return PolicyRules(self._limiter.rules, self._sessions)

    @rules.setter
    def rules(self, rules: PolicyRules) -> None:
        self._limiter.rules = rules.clients
        self._sessions = rules.sessions

    def __call__(self, request: Request) -> str:
        refusal = self._of_session(request)
        return refusal if refusal is not None else self._limiter(request)

    def _of_session(self, request: Request) -> str | None:
        limit = self._sessions.get(request.get("policy_context", ""))
        if limit is None:
            return None
        names = ("policy_context", "client_address", "client_port", "server_address", "server_port")
        key = tuple(request.get(name, "") for name in names)
        state = request.get("protocol_state", "")
        if state == "CONNECT":
            self._connections.pop(key, None)
        return self._recipient(key, limit, request.get("instance", "")) if state == "RCPT" else None

    def _recipient(self, key: tuple[str, ...], limit: SessionLimit, instance: str) -> str | None:
        connection = self._connections.setdefault(key, _Connection())
        while len(self._connections) > REMEMBERED:
            self._connections.popitem(last=False)
        if connection.instance != instance:
            if 0 < limit.messages_per_connection <= connection.messages:
                return "421 4.7.0 Too many messages in one connection"
            connection.instance = instance
            connection.messages += 1
            connection.recipients = 0
        if 0 < limit.recipients_per_message <= connection.recipients:
            return "452 4.5.3 Too many recipients in one message"
        connection.recipients += 1
        return None
