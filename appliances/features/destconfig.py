"""Destination controls, the good neighbour table: how hard a machine may push on other hosts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from appliances.features.bounceconfig import DEFAULT
from appliances.features.bounceconfig import FEATURE as BOUNCECONFIG
from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import ALL, DomainPattern, Label, hint
from appliances.features.machine import unique_slugs
from appliances.features.wording import _, say
from clusters.catalogue import Problem, Scope

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration

OWN_AGENT = "relay"
"""Postfix's agent for mail to our own domains, beside `smtp` for the rest of the world.

Each has processes of its own, so slow hosts out there do not hold up what comes in.
"""

Tls = Literal["off", "preferred", "required"]


class Limits(Settings):
    """What each machine keeps to, by itself (FAQ-11)."""

    concurrency: int = Field(
        default=20,
        ge=1,
        le=1000,
        title=_("Connections at a time"),
        description=_("Each machine counts for itself: 50 means 50 on each machine."),
    )
    messages_per_connection: int = Field(
        default=50,
        ge=1,
        le=1000,
        title=_("Messages per connection"),
        description=_("At most; then a new connection."),
    )
    messages_per_minute: int = Field(
        default=0,
        ge=0,
        le=60,
        title=_("Messages per minute"),
        description=_(
            "0 sets no limit. Kept by one connection with a pause of whole seconds between messages,"
            " rounded up: 40 becomes 30 per minute."
        ),
    )
    tls: Tls = Field(default="preferred", title=_("TLS"))
    bounce_profile: Label = Field(
        default=DEFAULT, title=_("Bounce profile"), json_schema_extra=hint(reference=BOUNCECONFIG.name)
    )


class Destination(Limits):
    """Limits towards one domain; inherits the fields of the default entry, not its values."""

    domain: DomainPattern = Field(
        title=_("Domain"), description=_("example.com, or .example.com for all its subdomains.")
    )


class DestinationSettings(Settings):
    """The default entry and the table."""

    default: Limits = Field(default=Limits(), title=_("Default"))
    destinations: list[Destination] = Field(default=[], max_length=500, title=_("Destinations"))

    def problems(self) -> Iterator[Problem]:
        """Doubled domains, and ALL, whose place is the default entry."""
        domains = [each.domain for each in self.destinations]
        yield from repeated("destinations.{}.domain", domains, say(_("this domain is in the table already")))
        for index, name in enumerate(domains):
            if name == ALL:
                yield Problem(
                    f"destinations.{index}.domain", say(_("use the default entry for all other domains"))
                )


def transport_names(settings: DestinationSettings) -> dict[str, str]:
    """For each domain of the table, by its key, the delivery agent that keeps to its limits."""
    words = unique_slugs([each.domain for each in settings.destinations])
    return {domain: f"to_{word.replace('-', '_')}" for domain, word in words.items()}


def _rate_delay(limits: Limits) -> str:
    return f"{math.ceil(60 / limits.messages_per_minute)}s" if limits.messages_per_minute else "0s"


def _controls(limits: Limits) -> dict[str, str]:
    """What the queue manager keeps to."""
    return {
        "destination_concurrency_limit": str(limits.concurrency),
        "initial_destination_concurrency": str(min(5, limits.concurrency)),
        "destination_rate_delay": _rate_delay(limits),
    }


def _options(limits: Limits) -> dict[str, str]:
    """What the delivery agent keeps to."""
    # Postfix counts how often a connection is used again, and 0 sets no limit.
    again = limits.messages_per_connection - 1
    return {
        "smtp_tls_security_level": {"off": "none", "preferred": "may", "required": "encrypt"}[limits.tls],
        "smtp_connection_cache_on_demand": "yes" if again else "no",
        "smtp_connection_reuse_count_limit": str(again),
    }


def write(settings: DestinationSettings, machine: Machine, configuration: Configuration) -> None:
    """The default entry as parameters of the agents smtp and relay; all others as agents of their own."""
    for name, value in _controls(settings.default).items():
        for agent in ("smtp", OWN_AGENT):
            configuration.set(f"{agent}_{name}", value)
    for name, value in _options(settings.default).items():
        configuration.set(name, value)
    configuration.set("default_process_limit", str(max(100, settings.default.concurrency)))
    names = transport_names(settings)
    for entry in settings.destinations:
        configuration.transport(
            names[entry.domain],
            controls=_controls(entry),
            options=_options(entry),
            maxproc=max(100, entry.concurrency),
        )
    _flag_dangling(settings, machine)


def _flag_dangling(settings: DestinationSettings, machine: Machine) -> None:
    profiles = machine.settings(BOUNCECONFIG)
    for limits in (settings.default, *settings.destinations):
        if profiles.named(limits.bounce_profile) is None:
            domain = limits.domain if isinstance(limits, Destination) else ALL
            message = _("Destination {domain}: there is no bounce profile {name} here, Default holds")
            machine.flag(FEATURE.name, say(message, domain=domain, name=limits.bounce_profile))


FEATURE = MailFeature(
    name="destconfig",
    title=_("Destination Controls"),
    help=_(
        "How many connections and messages other hosts get from each machine, and whether TLS protects them."
    ),
    scope=Scope.CLUSTERABLE,
    tab=Tab.MAIL_POLICIES,
    page="mail_policies/destination_controls",
    position=40,
    model=DestinationSettings,
    factory=DestinationSettings(),
    blank={},
    write=write,
)
