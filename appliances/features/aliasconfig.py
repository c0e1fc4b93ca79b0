"""Alias tables: a recipient that stands for others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import MAX_TABLE, EmailAddress, alias, hint
from appliances.features.machine import kind_for
from appliances.features.wording import _, say
from appliances.postfix.parts import quoted_address
from clusters.catalogue import Problem, Scope

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration


AliasName = Annotated[
    str, Field(min_length=3, max_length=320, json_schema_extra=hint(format="alias")), AfterValidator(alias)
]


class Alias(Settings):
    """One row of the table."""

    alias: AliasName = Field(
        title=_("Alias"),
        description=_("user@example.com, or @example.com for every other user of that domain."),
    )
    targets: list[EmailAddress] = Field(min_length=1, max_length=500, title=_("Delivered to"))


class AliasSettings(Settings):
    """The alias table."""

    aliases: list[Alias] = Field(default=[], max_length=MAX_TABLE, title=_("Aliases"))

    def problems(self) -> Iterator[Problem]:
        """Doubled aliases."""
        names = [each.alias for each in self.aliases]
        yield from repeated("aliases.{}.alias", names, say(_("this alias is defined already")))


def write(settings: AliasSettings, machine: Machine, configuration: Configuration) -> None:
    """One table; expanded after the RAT has accepted a recipient."""
    configuration.set("virtual_alias_domains", "")
    rows = [
        (quoted_address(each.alias), ", ".join(map(quoted_address, each.targets)))
        for each in settings.aliases
    ]
    table = configuration.table("aliases", kind_for(rows), rows)
    configuration.set_raw("virtual_alias_maps", table)


FEATURE = MailFeature(
    name="aliasconfig",
    title=_("Alias Tables"),
    help=_("Recipients that stand for other recipients. Aliases may point to aliases."),
    scope=Scope.CLUSTERABLE,
    tab=Tab.MAIL_POLICIES,
    page="mail_policies/alias_tables",
    position=50,
    model=AliasSettings,
    factory=None,
    blank={},
    write=write,
    table="aliases",
)
