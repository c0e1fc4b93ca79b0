"""The main host name of one machine (machine only)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from appliances.features.feature import MailFeature, Settings, Tab
from appliances.features.fields import FullHostName
from appliances.features.wording import _
from clusters.catalogue import Scope

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration

FACTORY_NAME = "localhost.localdomain"


class HostnameSettings(Settings):
    """Who this machine says it is."""

    hostname: FullHostName = Field(
        default=FACTORY_NAME,
        title=_("Host name"),
        description=_("The full name with its domain. Mail that leaves this machine greets with it."),
    )


def write(settings: HostnameSettings, machine: Machine, configuration: Configuration) -> None:
    """Postfix's own name: greeting of outgoing mail, Received headers, bounces."""
    configuration.set("myhostname", settings.hostname)


FEATURE = MailFeature(
    name="sethostname",
    title=_("Host Name"),
    help=_("The name under which this machine is known."),
    scope=Scope.MACHINE,
    tab=Tab.SYSTEM_ADMINISTRATION,
    page="system_administration/host_name",
    position=20,
    model=HostnameSettings,
    factory=HostnameSettings(),
    blank={},
    write=write,
)
