"""The portal came back from an older backup, and changes were committed before it heard of its later ones.

Its machines know other commits by the numbers that it has given anew, and would never take these. So the
portal goes on under another origin: what was committed since the restore gets new numbers, reaches
everybody, and is judged beside what the machines have by the merge rule.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clusters import joining, replicas
from clusters.models import Draft, Replica
from clusters.replication import ForkedHistory, Trail, parting
from clusters.versions import MAX_ORIGIN, CommitId

logger = logging.getLogger(__name__)

TOLD = timedelta(days=1)
"""For how long people are told of a fork that has been settled."""


class Fork(models.Model):
    """A history that had forked after `number`: so many `commits` were moved.

    Without `number` no peer went back far enough to tell which, and none was.
    """

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="forks")
    found = models.DateTimeField(_("found"), default=timezone.now)
    origin = models.CharField(_("origin before"), max_length=MAX_ORIGIN)
    fresh = models.CharField(_("origin since"), max_length=MAX_ORIGIN)
    number = models.PositiveBigIntegerField(_("last common commit"), null=True)
    commits = models.PositiveIntegerField(_("commits with new numbers"), default=0)

    class Meta:
        verbose_name = _("forked history")
        verbose_name_plural = _("forked histories")
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"{self.origin} → {self.fresh}"


def settle(replica_id: int, theirs: Trail) -> bool:
    """Compare what a peer knows of this portal's commits with the log; whether it had forked.

    It goes on under another origin then, and its commits since the fork with it.
    """
    with replicas.opened(replica_id) as replica:
        origin = replica.origin
        if theirs.origin != origin:  # settled meanwhile over another link
            return False
        fresh = joining.fresh_origin(origin)
        number: int | None = None
        moved: dict[CommitId, CommitId] = {}
        try:
            number = parting(replica.trail(origin), theirs)
            if number is None:
                return False
            moved = replica.resign(number, fresh)
        except ForkedHistory:
            # What is committed from now on reaches everybody; of what came before nobody can say it.
            replica.origin = fresh
        for old, new in moved.items():
            Draft.objects.filter(replica=replica_id, base=str(old)).update(base=str(new))
        made = Fork.objects.create(
            replica_id=replica_id, origin=origin, fresh=fresh, number=number, commits=len(moved)
        )
    logger.error("the database was restored from an older backup: %s, %s commits moved", made, made.commits)
    return True


def lately(replica_id: int, now: datetime) -> models.QuerySet[Fork]:
    """The forks of which people are told: those of the last day, and those that could not be settled."""
    return Fork.objects.filter(Q(number=None) | Q(found__gt=now - TOLD), replica=replica_id)
