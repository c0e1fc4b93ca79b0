"""The host access tables with which new listeners start: names and order as people know them, safe limits."""

from __future__ import annotations

from appliances.features.fields import ALL
from appliances.features.hat import MEGABYTE, Hat, MailFlowPolicy, SenderGroup

ACCEPTED = MailFlowPolicy(
    name="ACCEPTED",
    behaviour="accept",
    max_connections=10,
    max_messages_per_connection=10,
    max_recipients_per_message=50,
)
THROTTLED = MailFlowPolicy(
    name="THROTTLED",
    behaviour="accept",
    max_message_size=MEGABYTE,
    max_connections=10,
    max_messages_per_connection=10,
    max_recipients_per_message=20,
    max_recipients_per_hour=20,
)
BLOCKED = MailFlowPolicy(name="BLOCKED", behaviour="reject")
# Half of what a new listener serves at a time: hosts that somebody chose, and still not all of it.
TRUSTED = MailFlowPolicy(
    name="TRUSTED",
    behaviour="accept",
    max_connections=25,
    max_messages_per_connection=1000,
    max_recipients_per_message=1000,
)
RELAYED = TRUSTED.model_copy(update={"name": "RELAYED", "behaviour": "relay"})


def _group(name: str, policy: MailFlowPolicy, *hosts: str) -> SenderGroup:
    return SenderGroup(name=name, policy=policy.name, hosts=list(hosts))


PUBLIC = Hat(
    sender_groups=[
        _group("RELAYLIST", RELAYED),
        _group("WHITELIST", TRUSTED),
        _group("BLACKLIST", BLOCKED),
        _group("SUSPECTLIST", THROTTLED),
        _group(ALL, ACCEPTED, ALL),
    ],
    policies=[ACCEPTED, THROTTLED, BLOCKED, TRUSTED, RELAYED],
)
"""Mail from everybody for the recipients of the RAT; who may relay is for people to say."""

PRIVATE = Hat(
    sender_groups=[_group("RELAYLIST", RELAYED), _group(ALL, BLOCKED, ALL)],
    policies=[RELAYED, BLOCKED],
)
"""Mail from the own hosts, of which a new listener knows none."""
