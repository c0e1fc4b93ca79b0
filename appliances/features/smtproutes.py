"""SMTP routes: where mail for a domain goes instead of to its MX hosts.

A host by name means what it means to Postfix and to the appliances that people come from: its MX hosts, or
its address where it has none. `[name]` means its address alone. An address never has an MX.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from appliances.features.destconfig import FEATURE as DESTCONFIG
from appliances.features.destconfig import OWN_AGENT, DestinationSettings, transport_names
from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import ALL, MAX_TABLE, DomainPattern, Port, hint, host
from appliances.features.machine import kind_for
from appliances.features.patterns import key, narrowest
from appliances.features.unsubscribe import FEATURE as UNSUBSCRIBE
from appliances.features.unsubscribe import UnsubscribeSettings
from appliances.features.wording import _, say
from clusters.catalogue import Problem, Scope

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration

NOWHERE = "/dev/null"
USEDNS = "USEDNS"
_BRACKETED = re.compile(r"\[[^\[\]]+\]")
_WITH_PORT = re.compile(r"(\[[A-Za-z0-9.:-]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")


def _destination(text: str) -> str:
    if text.lower() == NOWHERE:
        return NOWHERE
    if text.upper() == USEDNS:
        return USEDNS
    if found := _WITH_PORT.fullmatch(text):
        message = _("the port has a field of its own: host {host}, port {port}")
        raise ValueError(say(message, host=found[1], port=found[2]))
    if "[" not in text and "]" not in text:
        return host(text)
    if not _BRACKETED.fullmatch(text):
        raise ValueError(say(_("brackets stand around the whole host, as in [mail.example.com]")))
    name = host(text[1:-1])
    return name if _is_address(name) else f"[{name}]"


def _is_address(name: str) -> bool:
    # A host name cannot end in a number; see `fields.host`.
    return ":" in name or name.rpartition(".")[2].isdigit()


DestinationHost = Annotated[
    str,
    Field(min_length=1, max_length=255, json_schema_extra=hint(format="destination_host")),
    AfterValidator(_destination),
]


class RouteHost(Settings):
    """One host to try."""

    host: DestinationHost = Field(
        title=_("Host"),
        description=_(
            "mail.example.com for its MX hosts, or its address where it has none; [mail.example.com] for"
            " its address alone; an IP address; USEDNS for the MX hosts of the domain;"
            " /dev/null to drop the mail."
        ),
    )
    port: Port = Field(default=25, title=_("Port"))


class Route(Settings):
    """The way of one domain."""

    domain: DomainPattern = Field(
        title=_("Receiving domain"),
        description=_("example.com, .example.com for all its subdomains, or ALL for every other domain."),
    )
    hosts: list[RouteHost] = Field(
        min_length=1, max_length=20, title=_("Destination hosts"), description=_("Tried in this order.")
    )


class RouteSettings(Settings):
    """The table of SMTP routes."""

    routes: list[Route] = Field(default=[], max_length=MAX_TABLE, title=_("SMTP routes"))

    def problems(self) -> Iterator[Problem]:
        """Doubled domains; USEDNS or /dev/null beside other hosts."""
        domains = [each.domain for each in self.routes]
        yield from repeated("routes.{}.domain", domains, say(_("this domain has a route already")))
        for number, route in enumerate(self.routes):
            for index, each in enumerate(route.hosts):
                if each.host in (NOWHERE, USEDNS) and len(route.hosts) > 1:
                    message = say(_("{host} must be the only host of a route"), host=each.host)
                    yield Problem(f"routes.{number}.hosts.{index}.host", message)


def _next_hop(route: Route | None) -> str:
    if route is None or route.hosts[0].host == USEDNS:
        return ""
    return ", ".join(f"{_next(each.host)}:{each.port}" for each in route.hosts)


def _next(name: str) -> str:
    return f"[{name}]" if _is_address(name) else name


def transports(
    routes: RouteSettings,
    destinations: DestinationSettings,
    unsubscribed: UnsubscribeSettings,
    own: Iterable[str] = (),
) -> list[tuple[str, str]]:
    """The one table that says where mail goes: who it is for, by which agent, to which host.

    SMTP routes, destination controls, global unsubscribe and the recipients of `own` domains each know a part
    of a row. For every pattern that one of them names, the row holds what the narrowest pattern of each says.
    """
    by_domain = {each.domain: each for each in routes.routes}
    agents = transport_names(destinations)
    dropped = {key(each): unsubscribed.transport for each in unsubscribed.recipients}
    inward = {key(each).rpartition("@")[2]: OWN_AGENT for each in own if each != ALL}
    rows = []
    for pattern in {**by_domain, **agents, **dropped, **inward}:
        route = narrowest(by_domain, pattern)
        if (lost := narrowest(dropped, pattern)) is not None:
            value = lost
        elif route is not None and route.hosts[0].host == NOWHERE:
            value = "discard:"
        else:
            agent = narrowest(agents, pattern) or narrowest(inward, pattern) or "smtp"
            value = f"{agent}:{_next_hop(route)}"
        rows.append(("*" if pattern == ALL else pattern, value))
    return rows


def in_words(transport: str, address: str) -> str:
    """What a value of the transport table does with mail to an address, for a person; empty: no row."""
    agent, _colon, hops = transport.partition(":")
    if agent in ("error", "discard"):
        return transport
    if not hops:
        return say(_("by the MX records of {domain}"), domain=address.rpartition("@")[2])
    names = [hop.rpartition(":")[0] for hop in hops.split(", ") if not hop.startswith("[")]
    if not names:
        return hops
    message = _("{hosts} (the MX hosts of {names}, or the address where there are none)")
    return say(message, hosts=hops, names=", ".join(names))


def write_transports(machine: Machine, configuration: Configuration) -> None:
    """The transport table, in which all features meet that have a say in where mail goes.

    Comes after all listeners are open: what their RATs accept is for our own domains.
    """
    own = [pattern for listener in machine.listeners.values() for pattern in listener.rat.accepted]
    routes, destinations = machine.settings(FEATURE), machine.settings(DESTCONFIG)
    rows = transports(routes, destinations, machine.settings(UNSUBSCRIBE), own)
    configuration.set_raw("transport_maps", configuration.table("transport", kind_for(rows), rows))


FEATURE = MailFeature(
    name="smtproutes",
    title=_("SMTP Routes"),
    help=_(
        "Hosts to which mail for a domain is sent, in order, instead of to the hosts that DNS names."
        " A name means its MX hosts, or its address where it has none; [name] means its address alone."
    ),
    scope=Scope.CLUSTERABLE,
    tab=Tab.NETWORK,
    page="network/smtp_routes",
    position=30,
    model=RouteSettings,
    factory=None,
    blank={},
    table="routes",
)
