"""How the HAT becomes Postfix tables: ordered, first match decides, at the connection and again at RCPT.

Postfix looks at addresses in cidr tables and at host names in pcre tables, so the sender groups of a HAT
become a chain of tables in HAT order. Each row carries the verdict of its group, and a verdict always ends
the chain: a client that one group accepts can never reach a later group that relays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from appliances.features.fields import ALL
from appliances.features.hat import Hat, MailFlowPolicy, SenderGroup
from appliances.features.networks import blocks, is_numeric
from appliances.features.replies import reply
from appliances.postfix.configuration import STRANGERS, Configuration
from appliances.postfix.parts import Raw, TableKind, literal_pcre

EVERYBODY = ("0.0.0.0/0", "::/0")
OWN_HOSTS = "etrn, silent-discard"
UNKNOWN_CLIENT = "554 5.7.1 No sender group of this listener names you"

Verdict = Callable[[SenderGroup], str]


@dataclass
class _Run:
    """Neighbours of one kind in the chain."""

    kind: TableKind
    rows: list[tuple[str, SenderGroup]] = field(default_factory=list)


def _is_name(pattern: str) -> bool:
    return pattern != ALL and not is_numeric(pattern)


def networks(group: SenderGroup) -> Iterator[str]:
    """The addresses and blocks of a group, ranges as their blocks; ALL as the blocks of all addresses."""
    for pattern in group.hosts:
        if pattern == ALL:
            yield from EVERYBODY
        elif is_numeric(pattern):
            yield from _rows(pattern)


def _rows(pattern: str) -> Iterator[str]:
    # What Postfix reads itself stays as it was written; only ranges have to be taken apart.
    yield from map(str, blocks(pattern)) if "-" in pattern else (pattern,)


def _names(group: SenderGroup) -> Iterator[str]:
    for pattern in filter(_is_name, group.hosts):
        yield literal_pcre(pattern, prefix="" if pattern.startswith(".") else "^")


def _runs(hat: Hat) -> list[_Run]:
    runs: list[_Run] = []
    for group in hat.sender_groups:
        parts: list[tuple[TableKind, list[str]]] = [
            ("cidr", list(networks(group))),
            ("pcre", list(_names(group))),
        ]
        # Within a group the order says nothing: going on with the kind at hand saves tables.
        if runs and runs[-1].kind == "pcre":
            parts.reverse()
        for kind, patterns in parts:
            if patterns and (not runs or runs[-1].kind != kind):
                runs.append(_Run(kind))
            for pattern in patterns:
                runs[-1].rows.append((pattern, group))
    return runs


def knows_names(hat: Hat) -> bool:
    """Whether the listener must look up the names of its clients."""
    return any(_is_name(pattern) for group in hat.sender_groups for pattern in group.hosts)


def tables(configuration: Configuration, prefix: str, hat: Hat, verdict: Verdict) -> list[Raw]:
    """Adds the chain of tables, named with `prefix`, and returns it as a list of restrictions."""
    chain = []
    for number, run in enumerate(_runs(hat), 1):
        rows = [(pattern, verdict(group)) for pattern, group in run.rows]
        reference = configuration.table(f"{prefix}-{number}.{run.kind}", run.kind, rows)
        chain.append(Raw(f"check_client_access {reference}"))
    return chain


def chosen(configuration: Configuration, prefix: str, hat: Hat, wanted: Callable[[SenderGroup], bool]) -> Raw:
    """Adds tables named with `prefix` and returns a list of clients: all whose sender group is wanted.

    The first table that names a client decides, as in the HAT; those of groups that are not wanted stand
    with a `!`. Empty where no group is wanted.
    """
    parts = [
        (run.kind, is_wanted, [(pattern, "yes") for pattern, _group in rows])
        for run in _runs(hat)
        for is_wanted, rows in groupby(run.rows, key=lambda row: wanted(row[1]))
    ]
    while parts and not parts[-1][1]:
        parts.pop()
    return Raw(
        ", ".join(
            f"{'' if is_wanted else '!'}{configuration.table(f'{prefix}-{number}.{kind}', kind, rows)}"
            for number, (kind, is_wanted, rows) in enumerate(parts, 1)
        )
    )


def refusal(group: SenderGroup, policy: MailFlowPolicy) -> str:
    """What a client of a refused group reads."""
    name = f" {group.name}" if group.name.isascii() else ""
    return reply(policy.refusal_code, policy.reject_text or f"Sender group{name} refuses you")


def at_connection(configuration: Configuration, prefix: str, hat: Hat, accepted: Verdict) -> list[Raw]:
    """The restrictions that decide on a client before its greeting; who is in no group is refused."""

    def verdict(group: SenderGroup) -> str:
        policy = hat.policy(group.policy)
        return accepted(group) if policy.lets_in else refusal(group, policy)

    chain = tables(configuration, f"{prefix}-hat", hat, verdict)
    rest = [(network, UNKNOWN_CLIENT) for network in EVERYBODY]
    return [*chain, Raw(f"check_client_access {configuration.table(f'{prefix}-hat-rest', 'cidr', rest)}")]


def _hidden(policy: MailFlowPolicy) -> str:
    """What clients under a policy are not told; our own hosts may ask for notifications, and may chunk."""
    words = OWN_HOSTS if policy.behaviour == "relay" else STRANGERS
    return f"starttls, {words}" if policy.tls == "off" else words


def hidden_keywords(configuration: Configuration, prefix: str, hat: Hat) -> Raw | None:
    """The table of keywords that sender groups are not told; None where all groups are strangers with TLS.

    Postfix asks it by address only, so it cannot hold host names. What it finds takes the place of the
    general list (`configuration.STRANGERS`), so each row says all.
    """
    rows = [
        (network, _hidden(hat.policy(group.policy)))
        for group in hat.sender_groups
        for network in networks(group)
    ]
    if all(words == STRANGERS for _network, words in rows):
        return None
    return configuration.table(f"{prefix}-keywords.cidr", "cidr", rows)
