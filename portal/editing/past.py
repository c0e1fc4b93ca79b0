"""Settings as they were at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from clusters import past
from clusters.modes import Mode
from clusters.versions import settings_at
from portal.place import Place

if TYPE_CHECKING:
    pass


class NoMoment(ValueError):
    """A text that is no moment of the past; the message says what to give instead."""


def moment(text: str, now: datetime) -> datetime:
    """A moment as an address has it, in the time zone of the person unless it names one. Raises NoMoment."""
    try:
        found = datetime.fromisoformat(text)
        found = found if timezone.is_aware(found) else timezone.make_aware(found)
        found.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise NoMoment(_("Give a moment such as 2026-11-24T12:00.")) from None
    if found > now:
        raise NoMoment(_("This moment has not come yet. You see the settings of now."))
    return found


def milliseconds(at: datetime) -> int:
    """The moment as the log counts it."""
    return max(int(at.timestamp() * 1000), 0)


@dataclass(frozen=True, slots=True)
class Picker:
    """What the choice of a moment offers: the earliest that is known, and the latest."""

    earliest: datetime | None
    latest: datetime
    chosen: datetime | None

    @property
    def too_early(self) -> bool:
        """Whether the history kept here begins after the chosen moment."""
        return self.chosen is not None and (self.earliest is None or self.chosen < self.earliest)


def picker(place: Place) -> Picker:
    """For the place as it is shown."""
    wall = past.earliest(place.replica_id)
    begin = None if wall is None else datetime.fromtimestamp(wall / 1000, UTC)
    return Picker(begin, timezone.now(), place.at)


def forgotten_at(place: Place, mode: Mode, feature: str) -> bool:
    """Whether it is not known any more what stood then in this mode or above it."""
    if place.at is None:
        return False
    entries = [settings_at(above, feature) for above in place.state.chain(mode)]
    return bool(past.forgotten(place.replica_id, milliseconds(place.at), entries))
