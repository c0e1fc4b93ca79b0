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
from appliances.features.fields import MAX_TABLE, EmailAddress, alias, email_address, hint
from appliances.features.hat import MAX_RECIPIENTS
from appliances.features.machine import kind_for
from appliances.features.patterns import key, narrowest
from appliances.features.sethostname import FEATURE as SETHOSTNAME
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


def _address_or_none(text: str) -> str:
    return email_address(text) if text else text


OptionalAddress = Annotated[
    str,
    Field(max_length=320, json_schema_extra=hint(format="optional_email_address")),
    AfterValidator(_address_or_none),
]
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
    """The alias table, and who reads what is sent to postmaster alone."""

    postmaster: OptionalAddress = Field(
        default="",
        title=_("Mail to postmaster"),
        description=_(
            "Who gets what comes for postmaster without a domain. Every mail server has to take it, whatever"
            " the RAT says."
        ),
    )
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


def postmaster_of(hostname: str) -> str:
    """What Postfix makes of `postmaster` without a domain on the machine of that name."""
    return key(f"postmaster@{hostname}")


def postmaster_is_read(settings: AliasSettings, hostname: str) -> bool:
    """Whether mail for postmaster without a domain goes where a setting says."""
    named = (postmaster_of(hostname), f"@{key(hostname)}")
    return not settings.rows.keys().isdisjoint(named) or bool(_own_row(settings, hostname))


def _own_row(settings: AliasSettings, hostname: str) -> dict[str, tuple[str, list[str]]]:
    """The row for postmaster; none where the table has one, or where its target leads back to it."""
    rows, own = settings.rows, postmaster_of(hostname)
    if not settings.postmaster or own in rows or own in _below(rows, key(settings.postmaster)):
        return {}
    return {own: (own, [settings.postmaster])}


def _below(rows: Mapping[str, list[str]], start: str) -> set[str]:
    """An address and all for whom it stands, by any number of steps."""
    waiting, seen = [start], {start}
    while waiting:
        further = [each for each in rows.get(waiting.pop(), ()) if each not in seen]
        seen.update(further)
        waiting += further
    return seen


def table(settings: AliasSettings, unsubscribed: UnsubscribeSettings, hostname: str) -> list[tuple[str, str]]:
    """Postfix's rows: aliases of who has not unsubscribed, and who must not fall to the row of a domain."""
    gone = {key(each): True for each in unsubscribed.recipients}
    rows = {
        key(each.alias): (each.alias, each.targets)
        for each in settings.aliases
        if narrowest(gone, each.alias.removeprefix("@")) is None
    } | _own_row(settings, hostname)
    named = [target for each in settings.aliases for target in each.targets]
    named += [settings.postmaster] if settings.postmaster else []
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
    rows = table(settings, machine.settings(UNSUBSCRIBE), machine.settings(SETHOSTNAME).hostname)
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
