"""How much of its log a replica keeps. The state is not touched: a peer that lacks more gets a snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db.models import QuerySet

from clusters import models, replicas
from clusters.versions import CommitId, covers

DAY = 86_400_000
MOST = 2000
"""Commits that one call forgets at most, so that nobody waits long for the replica."""


def expire(replica_id: int) -> int:
    """Forget commits older than GATEFOLD_KEEP_DAYS, but none of the last GATEFOLD_KEEP_COMMITS.

    The configurations kept for a rollback to before them go too. Returns how many commits went.
    """
    with replicas.opened(replica_id) as replica:
        log = models.Commit.objects.filter(replica=replica_id)
        vector: dict[str, int] = {}
        for commit in _old(log):
            vector[commit.origin] = max(vector.get(commit.origin, 0), commit.number)
        if not vector:
            return 0
        before = log.count()
        replica.compact(vector)
        _forget_rollbacks(replica_id, vector)
        return before - log.count()


def _old(log: QuerySet[models.Commit]) -> Iterator[models.Commit]:
    kept = log.order_by("-pk")[settings.GATEFOLD_KEEP_COMMITS :]
    since = replicas.now() - settings.GATEFOLD_KEEP_DAYS * DAY
    newest = kept.first()
    if newest is not None:
        old = log.filter(pk__lte=newest.pk, wall__lt=since).order_by("pk")
        yield from old.only("origin", "number")[:MOST]


def _forget_rollbacks(replica_id: int, vector: dict[str, int]) -> None:
    for point in models.RollbackPoint.objects.filter(replica=replica_id):
        ident = CommitId.parse(point.commit)
        if covers(vector, {ident.origin: ident.number}):
            point.delete()
