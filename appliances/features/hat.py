"""The host access table of a listener: which clients may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from appliances.features.feature import Settings, repeated
from appliances.features.fields import MAX_TABLE, ClientPattern, Label, Line, Reply, hint
from appliances.features.replies import text_problems
from appliances.features.wording import _, say
from clusters.catalogue import Problem

MEGABYTE = 1024 * 1024
MAX_RECIPIENTS = 50_000
"""Per message, where a policy sets no limit of its own."""


class MailFlowPolicy(Settings):
    """What a client of a sender group may do; 0 sets no limit."""

    name: Label = Field(title=_("Name"))
    behaviour: Literal["accept", "relay", "reject", "tcprefuse"] = Field(
        default="accept",
        title=_("Connection behaviour"),
        description=_(
            "accept: take mail for recipients of the RAT. relay: take mail for anybody."
            " reject: answer 554 to the connection. tcprefuse: answer 521 and close."
        ),
    )
    reject_text: Reply = Field(
        default="",
        title=_("Text of a refusal"),
        description=_(
            "For reject and tcprefuse; without the reply code. May begin with an enhanced code such as 5.7.1."
        ),
    )
    max_message_size: int = Field(
        default=0,
        ge=0,
        le=1024 * MEGABYTE,
        title=_("Maximum message size (bytes)"),
        description=_("0: only the limit of the listener."),
    )
    max_messages_per_connection: int = Field(default=0, ge=0, le=100_000, title=_("Messages per connection"))
    max_recipients_per_message: int = Field(
        default=0, ge=0, le=MAX_RECIPIENTS, title=_("Recipients per message")
    )
    max_recipients_per_hour: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        title=_("Recipients per hour"),
        description=_("For each client address, counted by each machine for itself."),
    )
    max_connections: int = Field(
        default=0,
        ge=0,
        le=10_000,
        title=_("Connections at a time"),
        description=_(
            "For each client address, counted by each machine for itself."
            " 0: what the listener allows a client."
        ),
    )
    tls: Literal["off", "preferred", "required"] = Field(
        default="preferred",
        title=_("TLS"),
        description=_(
            "off: not offered to senders named by address. required: no mail without it."
            " Senders named by host are offered TLS also with off."
        ),
    )

    @property
    def limits(self) -> bool:
        """Whether the policy sets any limit that Postfix cannot keep per sender group."""
        return any(
            (
                self.max_message_size,
                self.max_messages_per_connection,
                self.max_recipients_per_message,
                self.max_recipients_per_hour,
                self.max_connections,
            )
        )

    @property
    def refusal_code(self) -> int:
        """How a client is refused; 521 makes Postfix hang up."""
        return 521 if self.behaviour == "tcprefuse" else 554

    @property
    def lets_in(self) -> bool:
        """Whether a client can hand over any mail at all."""
        return self.behaviour in ("accept", "relay")


class SenderGroup(Settings):
    """Clients that are treated alike."""

    name: Label = Field(title=_("Name"))
    hosts: list[ClientPattern] = Field(
        default=[],
        max_length=MAX_TABLE,
        title=_("Senders"),
        description=_(
            "Addresses, blocks such as 10.0.0.0/8, ranges such as 192.0.2.1-20, or 10.1. for all that begin"
            " so; hosts, .example.com for subdomains, or ALL."
        ),
    )
    policy: Label = Field(title=_("Mail flow policy"), json_schema_extra=hint(among="policies.name"))
    comment: Line = Field(default="", title=_("Comment"))


class Hat(Settings):
    """Sender groups in order, the first that names a client decides; clients in none are rejected."""

    sender_groups: list[SenderGroup] = Field(
        default=[],
        max_length=500,
        title=_("Sender groups"),
        description=_("The first that names a client decides."),
        json_schema_extra=hint(first_match="hosts"),
    )
    policies: list[MailFlowPolicy] = Field(default=[], max_length=200, title=_("Mail flow policies"))

    def policy(self, name: str) -> MailFlowPolicy:
        """The mail flow policy of that name; raises KeyError, never for a checked document."""
        return {each.name: each for each in self.policies}[name]

    def problems(self) -> Iterator[Problem]:
        """Doubled names, policies that do not exist, texts with a code that does not fit."""
        groups = [each.name for each in self.sender_groups]
        names = [each.name for each in self.policies]
        yield from repeated("sender_groups.{}.name", groups, say(_("another sender group has this name")))
        yield from repeated("policies.{}.name", names, say(_("another mail flow policy has this name")))
        for index, policy in enumerate(self.policies):
            yield from text_problems(f"policies.{index}.reject_text", policy.refusal_code, policy.reject_text)
        for index, group in enumerate(self.sender_groups):
            if group.policy not in names:
                message = say(_("there is no mail flow policy {name}"), name=group.policy)
                yield Problem(f"sender_groups.{index}.policy", message)
