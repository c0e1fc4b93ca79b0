"""Settling conflicts and going back: each with its row in the audit log, in one transaction (TRL-25)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from clusters import commits
from clusters.versions import Address, Commit, CommitId
from portal.audit.log import Action, record
from portal.proposals.deciding import require_free
from portal.tenants import Right

if TYPE_CHECKING:
    from portal.place import Place


@transaction.atomic
def settle(
    who: Any,
    place: Place,
    address: Address,
    version: CommitId | None = None,
    comment: str = "",
    seen: Collection[CommitId] | None = None,
) -> Commit:
    """End a conflict by a commit: put one of its versions in force, or keep what is (SYN-08).

    `seen` are the versions that the person was shown. Raises PermissionDenied, HeldByPolicy where another
    version needs a proposal, and what commits.settle raises.
    """
    place.require(Right.EDIT)
    if version is not None:
        require_free(place.cluster)
    by = {"user": place.user, "host": settings.GATEFOLD_PORTAL_NAME, "comment": comment}
    made = commits.settle(place.replica_id, address, version, seen=seen, **by)
    record(who, Action.COMMIT, place.cluster, place.cluster.tenant, commit=str(made.id), by="conflicts")
    return made


@transaction.atomic
def revert(
    who: Any,
    place: Place,
    commit: CommitId,
    *,
    over: bool = False,
    only: Address | None = None,
    seen: Collection[CommitId] | None = None,
    shown: str | None = None,
) -> None:
    """Draft the values before a commit, or of one entry of it (CMT-02); `over` the versions `seen`.

    `shown` is the drafts.mark of what they have pending, which goes where it is in the way.

    Raises PermissionDenied, and what commits.revert raises.
    """
    place.require(Right.EDIT)
    commits.revert(place.replica_id, place.user, commit, over=over, only=only, seen=seen, shown=shown)
    record(who, Action.REVERT, place.cluster, place.cluster.tenant, commit=str(commit))
