"""Suspending and resuming mail on chosen machines of a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from portal.jobs.rows import Job, start
from portal.machines.queues import NothingChosen
from portal.machines.seen import machines_seen
from portal.machines.suspend_job import WORDS
from portal.place import Place

STOPS_MAIL = ("suspend", "suspend-listeners", "suspend-deliveries")
"""What a person confirms: mail stops."""


def machines_of(place: Place, serials: Iterable[str]) -> list[tuple[str, str]]:
    """These machines with their names; raises NothingChosen for none, and for one that is not here."""
    known = {one.status.serial: one.status.name or one.status.serial for one in machines_seen(place)}
    wanted = list(dict.fromkeys(serials))
    if not wanted:
        raise NothingChosen(_("Mark the machines first."))
    if any(serial not in known for serial in wanted):
        raise NothingChosen(_("One of the machines is none of this cluster."))
    return [(serial, known[serial]) for serial in wanted]


def tell(place: Place, person: Any, do: str, serials: Iterable[str]) -> Job:
    """Start the job; raises NothingChosen."""
    if do not in WORDS:
        raise NothingChosen(_("Say what to suspend or resume."))
    return start("suspend", place.cluster, person, {"do": do}, machines_of(place, serials))
