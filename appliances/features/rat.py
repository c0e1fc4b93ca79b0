"""The recipient access table of a public listener: for whom mail is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from appliances.features.feature import Settings, repeated
from appliances.features.fields import ALL, MAX_TABLE, RecipientPattern, Reply, hint
from appliances.features.machine import kind_for
from appliances.features.patterns import reachable
from appliances.features.replies import reply, text_problems
from appliances.features.wording import _, say
from appliances.postfix.parts import Raw
from clusters.catalogue import Problem

if TYPE_CHECKING:
    from appliances.postfix.configuration import Configuration


NOT_OURS = "554 5.7.1 Relay access denied"


class RatEntry(Settings):
    """One rule of the table."""

    recipient: RecipientPattern = Field(
        title=_("Recipient"),
        description=_("user@example.com, example.com, .example.com for its subdomains, or ALL."),
    )
    action: Literal["accept", "reject"] = Field(default="accept", title=_("Action"))
    code: int = Field(default=550, ge=400, le=599, title=_("Reply code"), description=_("For reject."))
    text: Reply = Field(
        default="",
        title=_("Reply text"),
        description=_("For reject; without the reply code. May begin with an enhanced code such as 5.1.1."),
    )

    @property
    def verdict(self) -> str:
        """What Postfix does with the recipient."""
        if self.action == "accept":
            return "OK"
        return reply(self.code, self.text or "Recipient refused")


class Rat(Settings):
    """Entries in order; the first that names a recipient decides; recipients in none are rejected."""

    entries: list[RatEntry] = Field(
        default=[],
        max_length=MAX_TABLE,
        title=_("Entries"),
        description=_("The first that names a recipient decides."),
        json_schema_extra=hint(first_match="recipient"),
    )

    def problems(self) -> Iterator[Problem]:
        """Doubled recipients, codes that would end the connection, texts with a code that does not fit."""
        recipients = [each.recipient for each in self.entries]
        yield from repeated(
            "entries.{}.recipient", recipients, say(_("this recipient is in the table already"))
        )
        for index, entry in enumerate(self.entries):
            yield from text_problems(f"entries.{index}.text", entry.code, entry.text)
            if entry.code in (421, 521):
                yield Problem(
                    f"entries.{index}.code",
                    say(_("{code} would close the connection; use another"), code=entry.code),
                )

    @property
    def accepted(self) -> list[str]:
        """The patterns for which mail is taken, those left out that an earlier entry hides."""
        rows = reachable((entry.recipient, entry) for entry in self.entries)
        return [pattern for pattern, entry in rows if entry.action == "accept"]


def restrictions(configuration: Configuration, prefix: str, rat: Rat) -> list[Raw]:
    """Adds the tables of a RAT, named with `prefix`, and returns the checks of a recipient; all end.

    Postfix finds the narrowest key of a table, the RAT means the first: without the entries that an earlier
    one hides, both say the same. The entry ALL, which no key can say, comes after the table.
    """
    rows = [(pattern, entry.verdict) for pattern, entry in reachable((e.recipient, e) for e in rat.entries)]
    named = [(pattern, verdict) for pattern, verdict in rows if pattern != ALL]
    rest = [("/^/", verdict) for pattern, verdict in rows if pattern == ALL] or [("/^/", NOT_OURS)]
    checks = [configuration.table(f"{prefix}-rat-rest", "pcre", rest)]
    if named:
        checks.insert(0, configuration.table(f"{prefix}-rat", kind_for(named), named))
    return [*(Raw(f"check_recipient_access {table}") for table in checks), Raw("reject")]
