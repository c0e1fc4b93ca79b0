"""How far back `replicas.state_at` can tell what stood, and of which entries it cannot."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from clusters import models
from clusters.versions import Address, CommitId


def earliest(replica_id: int) -> int | None:
    """When the history kept here begins, in milliseconds since 1970 UTC; None while it is empty."""
    commits = models.Commit.objects.filter(replica=replica_id)
    return commits.order_by("wall").values_list("wall", flat=True).first()


def forgotten(replica_id: int, wall: int, addresses: Iterable[Address]) -> set[Address]:
    """Of these entries, those of which nobody here can tell what stood at that moment.

    A change after it replaced a version that came and went before this replica's history begins.
    """
    floor = models.Replica.objects.values_list("floor", flat=True).get(pk=replica_id)
    changes = models.Change.objects.filter(
        commit__replica=replica_id, commit__wall__gt=wall, address__in=[str(a) for a in addresses]
    )
    replaced = [
        (Address.parse(address), CommitId.parse(base))
        for address, base in changes.exclude(replaces="").values_list("address", "replaces")
    ]
    early = {(a, ident) for a, ident in replaced if ident.number <= floor.get(ident.origin, 0)}
    return {address for address, _ident in early - _kept(replica_id, early)} if early else set()


def _kept(replica_id: int, versions: Collection[tuple[Address, CommitId]]) -> set[tuple[Address, CommitId]]:
    numbers = {ident.number for _address, ident in versions}
    rows = models.Superseded.objects.filter(replica=replica_id, number__in=numbers)
    beside = {
        (Address.parse(address), CommitId(origin, number))
        for address, origin, number in rows.values_list("address", "origin", "number")
    }
    commits = models.Commit.objects.filter(replica=replica_id, number__in=numbers)
    logged = {CommitId(origin, number) for origin, number in commits.values_list("origin", "number")}
    return beside | {(address, ident) for address, ident in versions if ident in logged}
