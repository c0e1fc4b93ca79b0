"""The steps of a log that call for a saved configuration: machines came or went, a file was loaded (L18)."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from clusters import models
from clusters.layout import Step
from clusters.versions import CommitId, Kind


def of_log(replica_id: int, since: int, loaded: int | None) -> Iterator[Step]:
    """The last coming or going of a machine after `since`, and the commit of what was loaded.

    `since` is when the configuration was saved last, `loaded` when a file was made pending last, in ms since
    1970 UTC; None where that is not known.
    """
    moved = next(_comings_and_goings(replica_id, since), None)
    if moved is not None:
        yield Step(moved.comment or str(moved), moved.wall)
    if loaded is not None:
        after = models.Commit.objects.filter(replica=replica_id, wall__gt=loaded)
        first = after.order_by("wall", "counter").first()
        if first is not None:
            yield Step(_("a configuration file was loaded"), first.wall)


def _comings_and_goings(replica_id: int, since: int) -> Iterator[models.Commit]:
    """The latest first."""
    recent = models.Change.objects.filter(commit__replica=replica_id, commit__wall__gt=since)
    about = recent.filter(address__startswith=f"{Kind.MACHINE}/").select_related("commit")
    for change in about.order_by("-commit__wall", "-commit__counter"):
        if change.value is None or _was_away(replica_id, change):
            yield change.commit


def _was_away(replica_id: int, change: models.Change) -> bool:
    """Whether the machine was no member before that change."""
    if not change.replaces:
        return True
    origin, number = CommitId.parse(change.replaces)
    before = models.Change.objects.filter(
        commit__replica=replica_id, commit__origin=origin, commit__number=number, address=change.address
    )
    return before.filter(value__isnull=True).exists()
