"""Bounce profiles: how long and how often delivery is tried before a message bounces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import Label, hint
from appliances.features.wording import _, say
from clusters.catalogue import Problem, Scope

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration

DEFAULT = "Default"
DAY = 86_400


class BounceProfile(Settings):
    """One way of trying; times in seconds."""

    name: Label = Field(title=_("Name"), json_schema_extra=hint(item=True))
    max_queue_lifetime: int = Field(
        default=3 * DAY,
        ge=1,
        le=100 * DAY,
        title=_("Maximum time in queue (seconds)"),
        description=_("After this time a message bounces. Holds for every profile."),
    )
    initial_retry_wait: int = Field(
        default=60,
        ge=1,
        le=DAY,
        title=_("First wait before a retry (seconds)"),
        description=_("Holds for the whole machine; taken from the profile Default."),
    )
    max_retry_wait: int = Field(
        default=3600,
        ge=1,
        le=DAY,
        title=_("Longest wait before a retry (seconds)"),
        description=_("Holds for the whole machine; taken from the profile Default."),
    )
    delay_warning: int = Field(
        default=0,
        ge=0,
        le=30 * DAY,
        title=_("Warn the sender of a delay after (seconds)"),
        description=_("0 sends no warning. Holds for the whole machine; taken from the profile Default."),
    )


class BounceSettings(Settings):
    """The bounce profiles; one of them is named Default."""

    profiles: list[BounceProfile] = Field(
        default=[BounceProfile(name=DEFAULT)], min_length=1, max_length=200, title=_("Bounce profiles")
    )

    def named(self, name: str) -> BounceProfile | None:
        """The profile of that name; None where none is defined here (DEP-01)."""
        return next((each for each in self.profiles if each.name == name), None)

    @property
    def default(self) -> BounceProfile:
        """The profile that holds where nothing names another."""
        return self.named(DEFAULT) or BounceProfile(name=DEFAULT)

    def problems(self) -> Iterator[Problem]:
        """Doubled names, a missing Default, waits out of order."""
        names = [each.name for each in self.profiles]
        yield from repeated("profiles.{}.name", names, say(_("another bounce profile has this name")))
        if DEFAULT not in names:
            yield Problem("profiles", say(_("the profile named {name} must stay"), name=DEFAULT))
        for index, profile in enumerate(self.profiles):
            if profile.max_retry_wait < profile.initial_retry_wait:
                message = say(
                    _("must not be shorter than the first wait ({wait})"), wait=profile.initial_retry_wait
                )
                yield Problem(f"profiles.{index}.max_retry_wait", message)


def write(settings: BounceSettings, machine: Machine, configuration: Configuration) -> None:
    """Postfix knows one way of trying; how long it tries is written in `sweeping`."""
    default = settings.default
    configuration.set("minimal_backoff_time", f"{default.initial_retry_wait}s")
    configuration.set("maximal_backoff_time", f"{default.max_retry_wait}s")
    configuration.set("queue_run_delay", f"{min(300, default.initial_retry_wait)}s")
    configuration.set("delay_warning_time", f"{default.delay_warning}s")


FEATURE = MailFeature(
    name="bounceconfig",
    title=_("Bounce Profiles"),
    help=_(
        "How long a message stays in the queue and how often delivery is tried. Listeners and destination"
        " controls refer to profiles by name. The time in the queue holds for each profile; waits and delay"
        " warnings are those of the profile Default on the whole machine."
    ),
    scope=Scope.CLUSTERABLE,
    tab=Tab.NETWORK,
    page="network/bounce_profiles",
    position=40,
    model=BounceSettings,
    factory=BounceSettings(),
    blank={},
    write=write,
)
