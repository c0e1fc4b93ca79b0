"""What loading a file would do, for a person to look at before anything is pending (LOAD-06, LOAD-08)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from clusters import effective
from clusters.catalogue import Document
from clusters.config_files import loading
from clusters.config_files.loading import Assignment
from clusters.config_files.reading import ConfigFile
from clusters.differences import PathChange, differences
from clusters.effective import MachineImpact
from clusters.installed import catalogue
from clusters.models import Draft
from clusters.modes import Mode
from clusters.refusals import Refused
from clusters.sealing import secrets_of
from clusters.state import ClusterState
from clusters.versions import Address
from clusters.wire import canonical, digest
from portal.config_files import backups, preflight
from portal.config_files.uploads import Upload
from portal.guided.checklist import Check
from portal.tenants import ManagedCluster, Person


class Changed(Refused):
    """The cluster is not what it was when the person looked at the review."""


@dataclass(frozen=True, slots=True)
class EntryReview:
    """One entry that would change."""

    address: Address
    mode: Mode
    value: Document | None
    paths: list[PathChange]


@dataclass(frozen=True)
class Review:
    """The changes per entry, what they mean on each machine, and what to look at."""

    entries: list[EntryReview]
    impacts: list[MachineImpact]
    checks: list[Check]
    replaced: int
    seen: str


def review(state: ClusterState, file: ConfigFile, wanted: Assignment, replica_id: int, user: str) -> Review:
    """What the mapping would change now. Raises NotForClusters, BadMapping.

    `seen` names exactly this outcome; `replaced` counts the person's pending changes that would go.
    """
    planned = loading.plan(state, file, wanted)
    after = state.changed(planned.changes)
    entries = []
    for change in planned.changes:
        before = state.entries.get(change.address)
        told = differences(before.value if before else None, change.value, secrets_of(change.address))
        if change.address.mode is not None:
            entries.append(EntryReview(change.address, change.address.mode, change.value, told))
    addresses = [str(change.address) for change in planned.changes]
    mine = Draft.objects.filter(replica=replica_id, user=user, address__in=addresses)
    return Review(
        entries,
        effective.impact(state, after, catalogue()),
        list(preflight.of_mapping(state, file, wanted)),
        mine.count(),
        digest([canonical([str(c.address), c.value]) for c in planned.changes])[:16],
    )


@transaction.atomic
def confirm(upload: Upload, cluster: ManagedCluster, state: ClusterState, person: Person, seen: str) -> int:
    """Make the loaded settings pending, after a backup; returns how many (LOAD-08).

    Nothing is active before the person commits. Raises Changed where the review was another one.
    """
    user, replica_id = person.get_username(), cluster.replica_id
    file, wanted = upload.file, upload.assignment
    if review(state, file, wanted, replica_id, user).seen != seen:
        raise Changed(_("The cluster has changed since you looked. Look at the review once more."))
    backups.keep(cluster, backups.Backup.Why.LOAD, person)
    edited = loading.stage(replica_id, user, loading.plan(state, file, wanted))
    upload.delete()
    return sum(each.pending for each in edited)
