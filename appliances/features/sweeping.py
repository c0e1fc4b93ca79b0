"""Bounce profiles beyond Postfix's one: which waiting messages are past their time.

Postfix keeps one lifetime per instance, so the machine's own is the longest of all profiles, and the daemon
ends shorter ones: it asks `expired` now and then and expires what it names. A message to several domains
lives until the longest of their times is over, since Postfix can only expire a message as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from appliances.features.bounceconfig import DEFAULT
from appliances.features.bounceconfig import FEATURE as BOUNCECONFIG
from appliances.features.destconfig import FEATURE as DESTCONFIG
from appliances.features.fields import ALL
from appliances.features.machine import Machine
from appliances.features.patterns import key, narrowest
from appliances.postfix.configuration import Configuration
from appliances.postfix.queue import Queued


@dataclass(frozen=True)
class Lifetimes:
    """Seconds that a message may wait. `listeners` go by service name, `domains` by pattern."""

    default: int
    listeners: Mapping[str, int] = field(default_factory=dict)
    domains: Mapping[str, int] = field(default_factory=dict)

    @property
    def needs_sweeping(self) -> bool:
        """Whether any message must go before Postfix itself lets it go."""
        return bool({self.default, *self.listeners.values(), *self.domains.values()} - {self.longest})

    @property
    def longest(self) -> int:
        """What Postfix itself keeps to."""
        return max(self.default, *self.listeners.values(), *self.domains.values(), 0)

    def of(self, recipients: Iterable[str], listener: str | None) -> int:
        """Seconds for a message that came in by that listener (None: not known, or from this machine)."""
        other = self.listeners.get(listener or "", self.default)
        found = (narrowest(self.domains, recipient) for recipient in recipients)
        return max((other if each is None else each for each in found), default=other)


def lifetimes(machine: Machine) -> Lifetimes:
    """What the bounce profiles of a machine's listeners and destinations mean; unknown ones are Default.

    A destination that names the profile Default leaves the choice to the listener.
    """
    profiles, destinations = machine.settings(BOUNCECONFIG), machine.settings(DESTCONFIG)

    def seconds(name: str) -> int:
        return (profiles.named(name) or profiles.default).max_queue_lifetime

    chosen = {key(each.domain): each.bounce_profile for each in destinations.destinations}
    if destinations.default.bounce_profile != DEFAULT:
        chosen[ALL] = destinations.default.bounce_profile
    return Lifetimes(
        profiles.default.max_queue_lifetime,
        {name: seconds(listener.bounce_profile) for name, listener in machine.listeners.items()},
        {domain: seconds(profile) for domain, profile in chosen.items() if profile != DEFAULT},
    )


def write(lives: Lifetimes, configuration: Configuration) -> None:
    """Lets Postfix keep messages as long as any profile in use wants; the rest is the sweeper's."""
    configuration.set("maximal_queue_lifetime", f"{lives.longest}s")
    configuration.set("bounce_queue_lifetime", f"{lives.longest}s")


def expired(
    queue: Iterable[Queued], lives: Lifetimes, now: datetime, listener_of: Callable[[str], str | None]
) -> list[str]:
    """The queue ids of messages past their time at `now` (UTC); pure. Hand them to `Queue.expire`.

    `listener_of` tells the service name of the listener that took a message in, which Postfix's log names
    beside the queue id; None where nobody knows.
    """

    def is_over(message: Queued) -> bool:
        addresses = [waiting.address for waiting in message.recipients]
        life = lives.of(addresses, listener_of(message.queue_id))
        return (now - message.arrived).total_seconds() > life

    return [message.queue_id for message in queue if not message.expires_now and is_over(message)]
