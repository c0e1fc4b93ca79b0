"""The demo's tenants, people, clusters, machines and settings, as plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
Settings = Mapping[str, Document]

NET = os.environ.get("GATEFOLD_DEMO_NET", "127.20")
"""The first half of every address of the demo; two demos at a time need two."""

PASSPHRASE = "gatefold-demo"
SSH_PORT = 2022
SMTP_PORT = 2525
SINK_PORT = 2526


@dataclass(frozen=True, slots=True)
class DemoMachine:
    """One gateway: its serial number, short name, loopback address, group and own settings."""

    serial: str
    name: str
    address: str
    group: str = "Main_Group"
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DemoCluster:
    """A cluster, its mail domains and its settings on the cluster and group level; machines join in order."""

    name: str
    tenant: str
    domain: str
    settings: Settings
    groups: Mapping[str, Settings]
    machines: tuple[DemoMachine, ...]

    def hostname(self, machine: DemoMachine) -> str:
        """The full name of a machine of this cluster."""
        return f"{machine.name}.{self.domain}"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A login of the portal; a role per tenant."""

    login: str
    name: str
    roles: Mapping[str, str]
    superuser: bool = False


TENANTS = {"northwind": "Northwind Logistics", "sakura": "Sakura Trading"}

PEOPLE = (
    DemoPerson("alice", "Alice Adams", {"northwind": "administrator"}),
    DemoPerson("bob", "Bob Brown", {"northwind": "operator"}),
    DemoPerson("chiyo", "Chiyo Mori", {"sakura": "administrator"}),
    DemoPerson("root", "Root of the portal", {"northwind": "administrator", "sakura": "administrator"}, True),
)

SINKS = {
    "mailstore-east": f"{NET}.200.1",
    "mailstore-west": f"{NET}.200.2",
    "archive": f"{NET}.200.3",
    "partners": f"{NET}.200.4",
}


def routes(table: Mapping[str, str]) -> Document:
    """An `smtproutes` document that sends each domain to the sink of that name."""
    hosts = {domain: [{"host": SINKS[sink], "port": SINK_PORT}] for domain, sink in table.items()}
    return {"routes": [{"domain": domain, "hosts": where} for domain, where in hosts.items()]}


def listener(domains: tuple[str, ...], *, disclaimer: str = "", banner: str = "") -> Document:
    """A public listener for these domains, with a HAT in the usual three parts."""
    policies = [
        {"name": "TRUSTED", "behaviour": "relay", "max_message_size": 0},
        {"name": "BLOCKED", "behaviour": "reject", "reject_text": "Mail from your network is not taken"},
        {
            "name": "ACCEPTED",
            "behaviour": "accept",
            "max_messages_per_connection": 50,
            "max_recipients_per_message": 100,
            "max_recipients_per_hour": 5000,
        },
    ]
    groups = [
        {"name": "WHITELIST", "hosts": [f"{NET}.201.0/24"], "policy": "TRUSTED"},
        {"name": "BLACKLIST", "hosts": [f"{NET}.66.0/24"], "policy": "BLOCKED"},
        {"name": "UNKNOWNLIST", "hosts": ["ALL"], "policy": "ACCEPTED"},
    ]
    public = {
        "name": "IncomingMail",
        "type": "public",
        "interface": "Management",
        "port": SMTP_PORT,
        "banner": banner,
        "disclaimer_below": disclaimer,
        "hat": {"sender_groups": groups, "policies": policies},
        "rat": {"entries": [{"recipient": domain, "action": "accept"} for domain in domains]},
    }
    return {"listeners": [public]}


def disclaimer(text: str, html: str = "") -> Document:
    """A `textconfig` document with one disclaimer named Company."""
    return {"resources": [{"name": "Company", "type": "disclaimer", "text": text, "html": html}]}


AMERICAS = DemoCluster(
    name="Americas",
    tenant="northwind",
    domain="americas.northwind.example",
    settings={
        "listenerconfig": listener(("northwind.example", "freight.example"), disclaimer="Company"),
        "textconfig": disclaimer("Northwind Logistics. Moving what matters."),
        "smtproutes": routes({"northwind.example": "mailstore-east", "freight.example": "partners"}),
        "destconfig": {
            "default": {"concurrency": 20},
            "destinations": [{"domain": "freight.example", "concurrency": 4, "messages_per_connection": 10}],
        },
        "aliasconfig": {
            "postmaster": "it@northwind.example",
            "aliases": [{"alias": "postmaster@northwind.example", "targets": ["it@northwind.example"]}],
        },
        "unsubscribe": {"action": "drop", "recipients": ["former@northwind.example"]},
    },
    groups={
        "Canada": {
            "textconfig": disclaimer("Northwind Logistics Canada. Confidential / Confidentiel."),
            "smtproutes": routes({"northwind.example": "mailstore-west", "freight.example": "partners"}),
        }
    },
    machines=(
        DemoMachine("NW-0001", "newyork", f"{NET}.1.1"),
        DemoMachine(
            "NW-0002",
            "losangeles",
            f"{NET}.1.2",
            settings={
                "smtproutes": routes({"northwind.example": "mailstore-west", "freight.example": "partners"})
            },
        ),
        DemoMachine("NW-0003", "toronto", f"{NET}.1.3", "Canada"),
        DemoMachine("NW-0004", "montreal", f"{NET}.1.4", "Canada"),
    ),
)

EUROPE = DemoCluster(
    name="Europe",
    tenant="northwind",
    domain="europe.northwind.example",
    settings={
        "listenerconfig": listener(("northwind-eu.example",), banner="Northwind Europe"),
        "smtproutes": routes({"northwind-eu.example": "mailstore-east"}),
        "aliasconfig": {"postmaster": "it@northwind-eu.example"},
    },
    groups={
        "Paris": {"bounceconfig": {"profiles": [{"name": "Default", "max_queue_lifetime": 86400}]}},
    },
    machines=(
        DemoMachine("NW-0101", "berlin", f"{NET}.2.1"),
        DemoMachine("NW-0102", "paris", f"{NET}.2.2", "Paris"),
    ),
)

JAPAN = DemoCluster(
    name="Japan",
    tenant="sakura",
    domain="sakura.example",
    settings={
        "listenerconfig": listener(("sakura.example",), disclaimer="Company", banner="Sakura Trading"),
        "textconfig": disclaimer("さくら商事株式会社"),
        "smtproutes": routes({"sakura.example": "archive"}),
        "aliasconfig": {"postmaster": "it@sakura.example"},
    },
    groups={"Osaka": {"smtproutes": routes({"sakura.example": "mailstore-west"})}},
    machines=(
        DemoMachine("SK-0001", "tokyo", f"{NET}.3.1"),
        DemoMachine("SK-0002", "osaka", f"{NET}.3.2", "Osaka"),
    ),
)

CLUSTERS = (AMERICAS, EUROPE, JAPAN)
