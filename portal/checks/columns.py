"""What a check of a cluster found, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clusters.checking import Held
from clusters.sealing import secrets_of
from clusters.side_by_side import Row, side_by_side
from portal.checks.rows import Finding
from portal.jobs.rows import Job, start
from portal.place import Place


@dataclass(frozen=True)
class Compared:
    """A finding with its versions in columns; templates call it `compared`."""

    finding: Finding

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """The versions, the latest first."""
        return self.finding.held()

    @property
    def rows(self) -> list[Row]:
        """Where the versions differ, secrets hidden."""
        values = [held.version.value if held.version else None for held in self.held]
        return side_by_side(values, secrets_of(self.finding.entry))

    @property
    def may_choose(self) -> bool:
        """Whether a version can still be made to hold everywhere."""
        forced = self.finding.resolution == Finding.Resolution.FORCED
        return not self.finding.behind and not forced


def job_of(place: Place) -> Job | None:
    """The check of this cluster that waits or runs now."""
    states = (Job.State.QUEUED, Job.State.RUNNING)
    return (
        Job.objects.of(place.cluster.tenant)
        .filter(cluster=place.cluster, kind="check", state__in=states)
        .first()
    )


def begin(place: Place, person: Any) -> Job:
    """Start a check, or follow the one that is under way."""
    return job_of(place) or start("check", place.cluster, person)
