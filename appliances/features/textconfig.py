"""Text resources: texts that other settings name, such as the disclaimers of listeners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import Label, Prose, hint
from appliances.features.wording import _, say
from appliances.postfix.disclaimers import Disclaimer
from clusters.catalogue import Problem, Scope


class TextResource(Settings):
    """One named text."""

    name: Label = Field(title=_("Name"), json_schema_extra=hint(item=True))
    type: Literal["disclaimer"] = Field(default="disclaimer", title=_("Type"))
    text: Prose = Field(title=_("Text"))
    html: Prose = Field(
        default="",
        title=_("HTML"),
        description=_("For HTML parts of a message; the plain text is used where this is empty."),
    )


class TextSettings(Settings):
    """The text resources."""

    resources: list[TextResource] = Field(default=[], max_length=1000, title=_("Text resources"))

    def named(self, name: str) -> TextResource | None:
        """The text of that name; None where none is defined here (DEP-01)."""
        return next((each for each in self.resources if each.name == name), None)

    def disclaimer(self, name: str) -> Disclaimer | None:
        """What the milter stamps for the text of that name; None where none is defined here."""
        found = self.named(name)
        return None if found is None else Disclaimer(found.text, found.html)

    def problems(self) -> Iterator[Problem]:
        """Doubled names, empty texts."""
        yield from repeated(
            "resources.{}.name", [each.name for each in self.resources], say(_("another text has this name"))
        )
        for index, resource in enumerate(self.resources):
            if not resource.text.strip():
                yield Problem(f"resources.{index}.text", say(_("must not be empty")))


FEATURE = MailFeature(
    name="textconfig",
    title=_("Text Resources"),
    help=_("Texts that other settings refer to by name: disclaimers that listeners stamp on messages."),
    scope=Scope.CLUSTERABLE,
    tab=Tab.MAIL_POLICIES,
    page="mail_policies/text_resources",
    position=60,
    model=TextSettings,
    factory=None,
    blank={},
    table="resources",
)
