"""Alias tables: a recipient that stands for others.

Postfix also looks up what it has found: `info@` that stands for `anna@` would go where `@` of that domain
goes. Here a row for a whole domain holds for the recipients that mail comes to and that the table does not
name. So a target that has no row of its own gets one in Postfix's table that leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from appliances.features.expanding import Growth, cycles
from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import MAX_TABLE, EmailAddress, alias, hint
from appliances.features.hat import MAX_RECIPIENTS
from appliances.features.machine import kind_for
from appliances.features.patterns import key, narrowest
from appliances.features.unsubscribe import FEATURE as UNSUBSCRIBE
from appliances.features.unsubscribe import UnsubscribeSettings
from appliances.features.wording import _, say
from appliances.postfix.parts import quoted_address
from clusters.catalogue import Problem, Scope

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration

MOST_PLACES = MAX_RECIPIENTS
"""To how many one recipient may grow: as many as a message may have at all."""
MOST_SHOWN = 8
"""Addresses of one cycle that are named."""
USUAL = 1000
"""What Postfix allows by itself; above it we go in thousands, so that one row more changes nothing else."""


AliasName = Annotated[
    str, Field(min_length=3, max_length=320, json_schema_extra=hint(format="alias")), AfterValidator(alias)
]


class Alias(Settings):
    """One row of the table."""

    alias: AliasName = Field(
        title=_("Alias"),
        description=_(
            "user@example.com, or @example.com for every other user of that domain: all whom no row names,"
            " neither as an alias nor as a target."
        ),
    )
    targets: list[EmailAddress] = Field(min_length=1, max_length=500, title=_("Delivered to"))


class AliasSettings(Settings):
    """The alias table."""

    aliases: list[Alias] = Field(default=[], max_length=MAX_TABLE, title=_("Aliases"))

    @property
    def rows(self) -> dict[str, list[str]]:
        """The table as `expanding` reads it."""
        return {key(each.alias): [key(target) for target in each.targets] for each in self.aliases}

    def problems(self) -> Iterator[Problem]:
        """Doubled aliases; what never ends, and what grows beyond all that a message can hold."""
        names = [each.alias for each in self.aliases]
        yield from repeated("aliases.{}.alias", names, say(_("this alias is defined already")))
        places = {key(name): f"aliases.{index}.targets" for index, name in enumerate(names)}
        rows = self.rows
        endless = cycles(rows)
        for cycle in endless:
            message = _("mail to {alias} would go round for ever: {way}; take one of these targets out")
            yield Problem(places[cycle[0]], say(message, alias=cycle[0], way=_shown(cycle)))
        for name, count in () if endless else Growth(rows).above(MOST_PLACES):
            message = _("mail to {alias} would go to {count} recipients; make lists of at most {most}")
            yield Problem(places[name], say(message, alias=name, count=count, most=MOST_PLACES))


def _shown(cycle: list[str]) -> str:
    return " > ".join(cycle if len(cycle) <= MOST_SHOWN else [*cycle[: MOST_SHOWN - 2], "...", cycle[-1]])


def table(settings: AliasSettings, unsubscribed: UnsubscribeSettings) -> list[tuple[str, str]]:
    """Postfix's rows: aliases of who has not unsubscribed, and who must not fall to the row of a domain."""
    gone = {key(each): True for each in unsubscribed.recipients}
    rows = {
        key(each.alias): (each.alias, each.targets)
        for each in settings.aliases
        if narrowest(gone, each.alias.removeprefix("@")) is None
    }
    named = [target for each in settings.aliases for target in each.targets]
    for address in (*named, *unsubscribed.recipients):
        if _falls_to_a_domain(address, rows):
            rows[key(address)] = (key(address), [address])
    return [
        (quoted_address(name), ", ".join(map(quoted_address, targets))) for name, targets in rows.values()
    ]


def _falls_to_a_domain(address: str, rows: Mapping[str, object]) -> bool:
    _local, at, name = key(address).rpartition("@")
    return bool(at) and key(address) not in rows and f"@{name}" in rows


def write(settings: AliasSettings, machine: Machine, configuration: Configuration) -> None:
    """One table; expanded after the RAT has accepted a recipient."""
    rows = table(settings, machine.settings(UNSUBSCRIBE))
    configuration.set("virtual_alias_domains", "")
    configuration.set_raw("virtual_alias_maps", configuration.table("aliases", kind_for(rows), rows))
    widest = min(MOST_PLACES, Growth(settings.rows).bound)
    configuration.set("virtual_alias_expansion_limit", str(_in_thousands(widest)))
    # Beyond as many addresses Postfix forgets whom a message has already, and they would get it twice.
    configuration.set("duplicate_filter_limit", str(MOST_PLACES))
    # One place is replaced at most once by each row, because no row comes back to itself.
    configuration.set("virtual_alias_recursion_limit", str(_in_thousands(len(rows) + 1)))


def _in_thousands(count: int) -> int:
    return max(1, -(-count // USUAL)) * USUAL


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
