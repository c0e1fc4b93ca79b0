"""IP interfaces of one machine and the services that answer on them (machine only)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import FullHostName, IpAddress, Label, Port, hint
from appliances.features.wording import _, say
from clusters.catalogue import Problem, Scope

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration


LIKE_FIRST = hint(likefirst=True)
"""A new row begins with what the first row has."""


class Service(Settings):
    """A service of the machine on one interface."""

    enabled: bool = Field(default=False, title=_("Enabled"))
    port: Port = Field(title=_("Port"))


class Ssh(Service):
    """Logins to the command line, and cluster traffic."""

    enabled: bool = Field(default=True, title=_("Enabled"))
    port: Port = Field(default=22, title=_("Port"), json_schema_extra=LIKE_FIRST)


class Ccs(Service):
    """The cluster communication service: cluster traffic only, off until somebody turns it on (T6)."""

    port: Port = Field(default=2222, title=_("Port"), json_schema_extra=LIKE_FIRST)


class Http(Service):
    """The machine's own web pages."""

    port: Port = Field(default=80, title=_("Port"), json_schema_extra=LIKE_FIRST)


class Https(Service):
    """The machine's own web pages over TLS."""

    port: Port = Field(default=443, title=_("Port"), json_schema_extra=LIKE_FIRST)


SERVICES = ("ssh", "ccs", "http", "https")
DOORS = ("ssh", "ccs")
"""The services through which people and members come in."""

Door = tuple[str, str, int]
"""A service, its address and its port."""


class Interface(Settings):
    """One address of the machine; listeners name it."""

    name: Label = Field(title=_("Name"), json_schema_extra=hint(item=True))
    ip: IpAddress = Field(
        title=_("IP address"),
        description=_("An address that this machine already has; it is not added to it."),
    )
    netmask: str = Field(
        default="24",
        max_length=45,
        json_schema_extra=hint(format="netmask"),
        title=_("Netmask"),
        description=_("A prefix length such as 24, or a mask such as 255.255.255.0."),
    )
    hostname: FullHostName = Field(
        title=_("Host name"),
        description=_("The name that mail clients and other machines see at this address."),
    )
    ssh: Ssh = Field(default=Ssh(), title=_("SSH"))
    ccs: Ccs = Field(default=Ccs(), title=_("Cluster Communication Service"))
    http: Http = Field(default=Http(), title=_("HTTP"))
    https: Https = Field(default=Https(), title=_("HTTPS"))

    def ports(self) -> Iterator[tuple[str, int]]:
        """The enabled services and their ports."""
        for name in SERVICES:
            service: Service = getattr(self, name)
            if service.enabled:
                yield name, service.port


class InterfaceSettings(Settings):
    """The interfaces of a machine, in their order."""

    interfaces: list[Interface] = Field(default=[], max_length=64, title=_("IP interfaces"))

    def named(self, name: str) -> Interface | None:
        """The interface of that name, None where this machine lacks it (DEP-05)."""
        return next((each for each in self.interfaces if each.name.casefold() == name.casefold()), None)

    def met_at(self) -> Interface | None:
        """Where other machines call: where CCS is on, as SSH does not pass then (COM-13), else SSH."""
        return min(
            self.interfaces, key=lambda each: (not each.ccs.enabled, not each.ssh.enabled), default=None
        )

    @property
    def doors(self) -> set[Door]:
        """Where SSH and CCS are on."""
        return {
            (name, each.ip, port) for each in self.interfaces for name, port in each.ports() if name in DOORS
        }

    @model_validator(mode="before")
    @classmethod
    def _as_the_others(cls, raw: Any) -> Any:
        """A service without a port takes the one that it has on the first interface that says one.

        A machine whose SSH is on 2200 has it there on its next interface too, unless somebody says another.
        """
        if not isinstance(raw, Mapping) or not isinstance(raw.get("interfaces"), list):
            return raw
        return {**raw, "interfaces": _with_ports(raw["interfaces"])}

    def problems(self) -> Iterator[Problem]:
        """Doubled names and ports, masks that fit no address."""
        yield from repeated(
            "interfaces.{}.name",
            [each.name for each in self.interfaces],
            say(_("another interface has this name")),
        )
        taken: dict[tuple[str, int], str] = {}
        for index, interface in enumerate(self.interfaces):
            yield from _mask_problems(index, interface)
            yield from _port_problems(index, interface, taken)


def _with_ports(raw: list[Any]) -> list[Any]:
    """The rows, each service without a port with that of the first row that says one of another address."""
    rows = list(raw)
    for name in SERVICES:
        known = next(((row, port) for row in rows if (port := _port_in(row, name)) is not None), None)
        if known is not None:
            rows = [_with_port(row, name, *known) for row in rows]
    return rows


def _port_in(row: Any, service: str) -> int | None:
    found = row.get(service) if isinstance(row, Mapping) else None
    port = found.get("port") if isinstance(found, Mapping) else None
    # What is no number is complained about once, in its own row.
    return port if type(port) is int else None


def _with_port(row: Any, service: str, like: Mapping[str, Any], port: int) -> Any:
    if not isinstance(row, Mapping) or not isinstance(row.get(service, {}), Mapping):
        return row
    # Two interfaces may share an address: there the port is taken.
    if "port" in row.get(service, {}) or row.get("ip") == like.get("ip"):
        return row
    return {**row, service: {**row.get(service, {}), "port": port}}


def _mask_problems(index: int, interface: Interface) -> Iterator[Problem]:
    try:
        ipaddress.ip_network(f"{interface.ip}/{interface.netmask}", strict=False)
    except ValueError:
        message = say(_("must be a prefix length such as 24, or a mask such as 255.255.255.0"))
        yield Problem(f"interfaces.{index}.netmask", message)


def _port_problems(index: int, interface: Interface, taken: dict[tuple[str, int], str]) -> Iterator[Problem]:
    for service, port in interface.ports():
        holder = taken.setdefault((interface.ip, port), f"{interface.name} {service.upper()}")
        if holder != f"{interface.name} {service.upper()}":
            message = say(
                _("port {port} of {ip} is already taken by {holder}"),
                port=port,
                ip=interface.ip,
                holder=holder,
            )
            yield Problem(f"interfaces.{index}.{service}.port", message)


def _closed(settings: InterfaceSettings) -> Iterator[str]:
    services = {service for service, _address, _port in settings.doors}
    if not services:
        yield say(
            _(
                "SSH and CCS are off on every interface: nobody can log in at this machine, and no member can"
                " call it"
            )
        )
    elif "ssh" not in services:
        yield say(_("SSH is off on every interface: nobody can log in at this machine"))


def write(settings: InterfaceSettings, machine: Machine, configuration: Configuration) -> None:
    """Machines that share a host, each with a loopback address of its own, also send from that address.

    A machine on which nobody can log in says so.
    """
    for message in _closed(settings):
        machine.flag("interfaceconfig", message)
    own = next((each.ip for each in settings.interfaces if ipaddress.ip_address(each.ip).is_loopback), None)
    if own is not None:
        configuration.set("smtp_bind_address6" if ":" in own else "smtp_bind_address", own)


FEATURE = MailFeature(
    name="interfaceconfig",
    title=_("IP Interfaces"),
    help=_(
        "Addresses of this machine, and the services that answer on them. Listeners refer to them by name."
    ),
    scope=Scope.MACHINE,
    tab=Tab.NETWORK,
    page="network/ip_interfaces",
    position=10,
    model=InterfaceSettings,
    factory=InterfaceSettings(
        interfaces=[
            Interface(name="Management", ip="127.0.0.1", netmask="8", hostname="localhost.localdomain")
        ]
    ),
    blank={},
    write=write,
)
