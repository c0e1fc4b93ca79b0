"""Global unsubscribe: recipients to whom nothing is ever delivered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import ALL, MAX_TABLE, RecipientPattern
from appliances.features.wording import _, say
from clusters.catalogue import Problem, Scope

REFUSAL = "error:5.7.1 This recipient has unsubscribed"
ACTIONS = {"bounce": REFUSAL, "drop": "discard:"}


class UnsubscribeSettings(Settings):
    """Who gets nothing, and what happens to it."""

    action: Literal["bounce", "drop"] = Field(
        default="drop",
        title=_("Action"),
        description=_("Bounce refuses the recipient or returns the message; drop accepts and forgets it."),
    )
    recipients: list[RecipientPattern] = Field(
        default=[],
        max_length=MAX_TABLE,
        title=_("Recipients"),
        description=_("Addresses, domains, or .example.com for all subdomains."),
    )

    def problems(self) -> Iterator[Problem]:
        """Doubled entries, and ALL, which would lose all mail."""
        yield from repeated("recipients.{}", self.recipients, say(_("stands in the list already")))
        for index, pattern in enumerate(self.recipients):
            if pattern == ALL:
                yield Problem(
                    f"recipients.{index}", say(_("ALL would stop all mail; name addresses or domains"))
                )

    @property
    def transport(self) -> str:
        """Where Postfix sends what is meant for these recipients."""
        return ACTIONS[self.action]


FEATURE = MailFeature(
    name="unsubscribe",
    title=_("Global Unsubscribe"),
    help=_(
        "Recipients who never get mail from this gateway, also where an alias stands for them."
        " Other recipients of the same message still do."
    ),
    scope=Scope.CLUSTERABLE,
    tab=Tab.MAIL_POLICIES,
    page="mail_policies/global_unsubscribe",
    position=70,
    model=UnsubscribeSettings,
    factory=None,
    blank={},
    table="recipients",
)
