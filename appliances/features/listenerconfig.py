"""Listeners: where mail comes in, who may bring it (HAT) and for whom (RAT)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from appliances.features import factory_hats
from appliances.features.bounceconfig import DEFAULT
from appliances.features.bounceconfig import FEATURE as BOUNCECONFIG
from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import ALL, Label, Port, Reply, domain, hint, label
from appliances.features.hat import MEGABYTE, Hat
from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.listening import open_ports
from appliances.features.rat import Rat
from appliances.features.smtproutes import FEATURE as SMTPROUTES
from appliances.features.textconfig import FEATURE as TEXTCONFIG
from appliances.features.wording import _, say
from clusters.catalogue import Problem, Scope

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration


def _name_or_none(text: str) -> str:
    return label(text) if text else text


def _domain_or_none(text: str) -> str:
    return domain(text) if text else text


OptionalLabel = Annotated[
    str, Field(max_length=63, json_schema_extra=hint(format="optional_label")), AfterValidator(_name_or_none)
]
OptionalDomain = Annotated[
    str,
    Field(max_length=254, json_schema_extra=hint(format="optional_domain")),
    AfterValidator(_domain_or_none),
]


class Listener(Settings):
    """One SMTP service on one interface of each machine that has that interface (DEP-05)."""

    name: Label = Field(title=_("Name"), json_schema_extra=hint(item=True))
    type: Literal["public", "private"] = Field(
        default="public",
        title=_("Type"),
        description=_("public: takes mail for the recipients of its RAT. private: relays for its own hosts."),
    )
    interface: Label = Field(
        title=_("Interface"),
        description=_("On machines without an interface of this name the listener is disabled."),
        json_schema_extra=hint(reference=INTERFACECONFIG.name),
    )
    port: Port = Field(default=25, title=_("Port"))
    banner: Reply = Field(
        default="",
        title=_("Greeting"),
        description=_("Follows the host name in the first line of a session."),
    )
    bounce_profile: Label = Field(
        default=DEFAULT, title=_("Bounce profile"), json_schema_extra=hint(reference=BOUNCECONFIG.name)
    )
    disclaimer_above: OptionalLabel = Field(
        default="", title=_("Disclaimer above"), json_schema_extra=hint(reference=TEXTCONFIG.name)
    )
    disclaimer_below: OptionalLabel = Field(
        default="", title=_("Disclaimer below"), json_schema_extra=hint(reference=TEXTCONFIG.name)
    )
    disclaimer_on_signed: bool = Field(
        default=False,
        title=_("Disclaimer on signed incoming mail"),
        description=_(
            "It breaks the signature (DKIM, ARC), and who checks it may refuse the message."
            " Off: what comes signed from senders that may not relay stays as it is."
        ),
    )
    max_connections: int = Field(
        default=50,
        ge=1,
        le=1000,
        title=_("Connections at a time"),
        description=_("Further clients wait; each machine counts for itself."),
    )
    max_connections_per_client: int = Field(
        default=10,
        ge=1,
        le=1000,
        title=_("Connections of one client"),
        description=_(
            "At a time; so one client cannot take all connections. A mail flow policy may set more or fewer."
        ),
    )
    max_message_size: int = Field(
        default=20 * MEGABYTE, ge=1024, le=1024 * MEGABYTE, title=_("Maximum message size (bytes)")
    )
    default_domain: OptionalDomain = Field(
        default="",
        title=_("Default domain"),
        description=_("Added to addresses without a domain; without it such addresses are refused."),
    )
    hat: Hat = Field(default=factory_hats.PUBLIC, validate_default=True, title=_("Host Access Table"))
    rat: Rat = Field(default=Rat(), title=_("Recipient Access Table"))

    @field_validator("hat")
    @classmethod
    def _untouched_fits_the_type(cls, hat: Hat, info: ValidationInfo) -> Hat:
        """The public factory HAT is none for a private listener: where nobody touched it, it gets its own.

        Not the other way round, which would let in whom the table keeps out.
        """
        if info.data.get("type") == "private" and hat == factory_hats.PUBLIC:
            return factory_hats.PRIVATE
        return hat

    def problems(self) -> Iterator[Problem]:
        """What HAT and RAT say, and what a private listener cannot have."""
        yield from _below("hat", self.hat.problems())
        yield from _below("rat", self.rat.problems())
        if self.type == "private":
            yield from self._private_problems()

    def _private_problems(self) -> Iterator[Problem]:
        if self.rat.entries:
            yield Problem("rat.entries", say(_("a private listener has no recipient access table")))
        for index, policy in enumerate(self.hat.policies):
            if policy.behaviour == "accept":
                message = say(_("a private listener has no RAT to accept by: use relay, reject or tcprefuse"))
                yield Problem(f"hat.policies.{index}.behaviour", message)


class ListenerSettings(Settings):
    """The listeners, each with its HAT and RAT."""

    listeners: list[Listener] = Field(default=[], max_length=64, title=_("Listeners"))

    def problems(self) -> Iterator[Problem]:
        """Doubled names, two listeners on one port, and what each listener has wrong."""
        names = [each.name for each in self.listeners]
        places = [f"{each.interface} {each.port}" for each in self.listeners]
        yield from repeated("listeners.{}.name", names, say(_("another listener has this name")))
        yield from repeated(
            "listeners.{}.port", places, say(_("another listener has this interface and port"))
        )
        for index, listener in enumerate(self.listeners):
            yield from _below(f"listeners.{index}", listener.problems())


def _below(path: str, problems: Iterator[Problem]) -> Iterator[Problem]:
    for problem in problems:
        yield Problem(f"{path}.{problem.path}", problem.message)


def write(settings: ListenerSettings, machine: Machine, configuration: Configuration) -> None:
    """SMTP ports with HAT and RAT; flags for the listeners that this machine cannot open."""
    open_ports(settings, machine, configuration)


def _takes_mail_for_domains(settings: ListenerSettings) -> bool:
    """Such mail goes on by SMTP routes; by DNS it would most likely come back (`dangers.unrouted`)."""
    return any(pattern != ALL for listener in settings.listeners for pattern in listener.rat.accepted)


FEATURE = MailFeature(
    name="listenerconfig",
    title=_("Listeners"),
    help=_(
        "SMTP services that take mail in, with the host access table (sender groups and mail flow policies)"
        " and the recipient access table of each."
    ),
    scope=Scope.CLUSTERABLE,
    tab=Tab.NETWORK,
    page="network/listeners",
    position=20,
    model=ListenerSettings,
    factory=None,
    blank={},
    write=write,
    table="listeners",
    needs={SMTPROUTES.name: _takes_mail_for_domains},
)
