"""What a person has changed and not committed yet (CMT-01..CMT-05).

Drafts belong to one user and one replica, span all levels, survive a restart and are never replicated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from clusters import effective, models, replicas
from clusters.acceptance import require_mode, require_staying
from clusters.catalogue import Document
from clusters.differences import PathChange, differences
from clusters.effective import MachineImpact, Overrides
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Mode
from clusters.naming import entry_label
from clusters.references import Unresolved, newly_broken
from clusters.refusals import NotADraft, Overtaken
from clusters.sealing import secrets_of
from clusters.standing import standing_each, waiting
from clusters.state import ClusterState, Machine
from clusters.versions import (
    THE_CLUSTER,
    Address,
    Change,
    CommitId,
    Heads,
    Kind,
    MalformedCommit,
    Version,
    canonical,
    digest,
    settings_at,
)

MAX_ADDRESS = 255


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an edit.

    `pending` is False when the value equals what is in force, so that nothing waits. `overrides` are the
    groups and machines below that keep their own settings (CLI-07); `reached` the machines that follow.
    `settles` are the versions of a conflict that committing this ends (TRL-14).
    """

    address: Address
    pending: bool
    overrides: Overrides = field(default_factory=Overrides)
    reached: tuple[Machine, ...] = ()
    settles: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class Stale:
    """A draft whose entry was changed by someone else since (CMT-04): `mine` against `now`."""

    address: Address
    mine: Document | None
    now: Version


@dataclass(frozen=True, slots=True)
class Pending:
    """One uncommitted change: `value` None makes the entry absent, `before` is what is in force.

    `stale` is the version that someone else made meanwhile, else None. `settles`: the entry is in conflict,
    and committing this ends it (SYN-08). `waiting` are its versions where it waits for a person: whoever
    commits names them, as the decision (TRL-14).
    """

    address: Address
    value: Document | None
    before: Document | None
    base: CommitId | None
    stale: Version | None
    updated: datetime
    settles: bool = False
    waiting: tuple[Version, ...] = ()

    @property
    def mode(self) -> Mode | None:
        """Where the settings live; None for a pending join."""
        return self.address.mode

    @property
    def mark(self) -> str:
        """Tells whether the change is still the one that a person was shown."""
        return mark([self])

    @property
    def paths(self) -> list[PathChange]:
        """What differs from what is in force, secrets hidden."""
        return differences(self.before, self.value, secrets_of(self.address))


@contextmanager
def held(replica_id: int) -> Iterator[None]:
    """One transaction in which nobody else writes to the replica (TRL-09).

    Whoever drafts a value made from what they have read does both in it: else a commit between the two is
    undone, and the draft, whose base is newer than what was read, hides that.
    """
    with transaction.atomic():
        _locked(replica_id)
        yield


def edit(replica_id: int, user: str, mode: Mode, feature: str, document: object) -> Edited:
    """Keep `document` as the user's draft of a feature at a mode (CLI-04); the answer holds the notices.

    Raises InvalidDocument, UnknownFeature, WrongLevel, UnknownMode; nothing changes then.
    """
    checked = catalogue().check(feature, mode, document)
    with transaction.atomic():
        return _keep(_locked(replica_id), user, settings_at(mode, feature), checked)


def remove(replica_id: int, user: str, mode: Mode, feature: str) -> Edited:
    """Draft that the mode no longer defines the feature, so that it inherits (SET-10, CL-10).

    Raises UnknownFeature, UnknownMode; InvalidDocument at the cluster for what has to be defined there, such
    as the users, without whom nobody could log in.
    """
    catalogue()[feature]
    if mode == CLUSTER:
        catalogue().require_dispensable(feature)
    with transaction.atomic():
        return _keep(_locked(replica_id), user, settings_at(mode, feature), None)


def edit_entry(replica_id: int, user: str, address: Address, value: Document | None) -> Edited:
    """Draft a change of an entry that waits for a commit: settings, or the list of pending joins (T17).

    The value of a pending join is checked by `clusters.joining`. Raises NotADraft for what changes at once,
    and what `edit` raises.
    """
    if address.mode is not None and value is not None:
        return edit(replica_id, user, address.mode, address.name, value)
    if address.mode is not None:
        return remove(replica_id, user, address.mode, address.name)
    if address.kind is not Kind.PENDING_JOIN:
        label = entry_label(replicas.state(replica_id), address)
        raise NotADraft(_("%(entry)s changes at once, not by a commit.") % {"entry": label})
    with transaction.atomic():
        return _keep(_locked(replica_id), user, address, value)


def _locked(replica_id: int) -> models.Replica:
    return models.Replica.objects.select_for_update(no_key=True).get(pk=replica_id)


def _keep(row: models.Replica, user: str, address: Address, value: Document | None) -> Edited:
    require_staying(row)
    state = replicas.state_of(row)
    if address.mode is not None:
        require_mode(state, row.serial, address.mode)
    if len(str(address)) > MAX_ADDRESS:
        raise MalformedCommit(_("The name %(name)s is too long.") % {"name": address.name})
    heads = replicas.heads(row.pk, [address, THE_CLUSTER])
    pending = _write(row, user, address, value, heads)
    torn = heads.get(address, ()) if pending else ()
    settles = torn if len(torn) > 1 else ()
    if address.mode is None:
        return Edited(address, pending, settles=settles)
    after = state.changed(changes(row.pk, user))
    return Edited(
        address,
        pending,
        effective.overrides(after, address.mode, address.name),
        tuple(effective.reached(after, address.mode, address.name)),
        settles,
    )


def _write(
    row: models.Replica,
    user: str,
    address: Address,
    value: Document | None,
    heads: Mapping[Address, Heads],
) -> bool:
    stands = standing_each(heads).get(address)
    mine = row.drafts.filter(user=user, address=str(address))
    if canonical(value) == canonical(stands.value if stands else None):
        mine.delete()
        return False
    known = mine.first()
    base = str(heads[address][0].id) if address in heads else ""
    draft = known or models.Draft(replica=row, user=user, address=str(address), base=base)
    draft.value = value
    draft.save()
    return True


def changes(replica_id: int, user: str) -> list[Change]:
    """The user's drafts as the changes of a commit, in the order in which they began."""
    return [row.read() for row in models.Draft.objects.filter(replica=replica_id, user=user)]


def pending(replica_id: int, user: str) -> list[Pending]:
    """Everything the user has changed and not committed, over all levels (CMT-01)."""
    rows = list(models.Draft.objects.filter(replica=replica_id, user=user))
    if not rows:
        return []
    read = [(row, row.read()) for row in rows]
    heads = replicas.heads(replica_id, [THE_CLUSTER, *(change.address for _row, change in read)])
    stands, wait = standing_each(heads), waiting(heads)
    return [
        replace(
            _pending(row, c, heads.get(c.address, ()), stands.get(c.address)),
            waiting=wait.get(c.address, ()),
        )
        for row, c in read
    ]


def _pending(row: models.Draft, change: Change, heads: Heads, stands: Version | None) -> Pending:
    newest = heads[0] if heads else None
    changed = newest if newest and newest.id != change.replaces else None
    before = stands.value if stands else None
    told = (change.address, change.value, before, change.replaces, changed, row.updated)
    return Pending(*told, settles=len(heads) > 1)


def mark(shown: Iterable[Pending]) -> str:
    """Tells whether what a user has pending is still what they were shown; empty for nothing."""
    return _mark((str(each.address), str(each.base or ""), each.updated) for each in shown)


def _mark(found: Iterable[tuple[str, str, datetime]]) -> str:
    # Not of the values: they may be long, and a digest of a secret would help to guess it.
    lines = [f"{address} {base} {updated.timestamp()}" for address, base, updated in found]
    return digest(sorted(lines))[:16] if lines else ""


def require_shown(
    replica_id: int, user: str, shown: str | None, addresses: Iterable[Address] | None = None
) -> None:
    """See that what the user has pending, or has of `addresses`, is what they were `shown`: a `mark`.

    None is nobody who looked. Raises Overtaken (TRL-09); not where nothing is pending, for then nothing can
    be done that was not seen. The caller holds the replica.
    """
    if shown is None:
        return
    now = _mark(_drafted(replica_id, user, addresses).values_list("address", "base", "updated"))
    if now and now != shown:
        raise Overtaken(
            _(
                "Your pending changes are not the ones that you were shown: they were changed meanwhile, in"
                " another window or session of yours. Nothing was done; look, and repeat it if it is still"
                " what you want."
            )
        )


def _drafted(replica_id: int, user: str, addresses: Iterable[Address] | None) -> QuerySet[models.Draft]:
    rows = models.Draft.objects.filter(replica=replica_id, user=user)
    return rows if addresses is None else rows.filter(address__in=[str(each) for each in addresses])


def people(replica_id: int) -> list[str]:
    """The users who have something pending."""
    rows = models.Draft.objects.filter(replica=replica_id).order_by("user")
    return list(rows.values_list("user", flat=True).distinct())


def stale(replica_id: int, user: str) -> list[Stale]:
    """The user's drafts whose entries someone else has changed meanwhile (CMT-04)."""
    return [Stale(p.address, p.value, p.stale) for p in pending(replica_id, user) if p.stale]


def clear(
    replica_id: int, user: str, addresses: Iterable[Address] | None = None, shown: str | None = None
) -> int:
    """Drop the user's drafts, on all levels or only of `addresses` (CMT-03); returns how many.

    `shown` is what they were shown of these, a `mark`. Raises Overtaken, and keeps all, where it is something
    else by now (TRL-09).
    """
    asked = None if addresses is None else list(addresses)
    with held(replica_id):
        require_shown(replica_id, user, shown, asked)
        return _drafted(replica_id, user, asked).delete()[0]


def give_back(replica_id: int, user: str, changes: Iterable[Change]) -> list[Address]:
    """Make changes that were taken out of the drafts pending again, on the versions that they name.

    An entry of which the user has a newer draft keeps that one; returns these entries.
    """
    with transaction.atomic():
        row = _locked(replica_id)
        newer = set(row.drafts.filter(user=user).values_list("address", flat=True))
        changes = list(changes)
        models.Draft.objects.bulk_create(
            models.Draft(
                replica=row,
                user=user,
                address=str(change.address),
                value=change.value,
                base=str(change.replaces or ""),
            )
            for change in changes
            if str(change.address) not in newer
        )
        return [change.address for change in changes if str(change.address) in newer]


def follow(
    row: models.Replica,
    address: Address,
    replaced: CommitId | None,
    made: CommitId,
    again: Callable[[Document], Document | None],
) -> None:
    """Put the drafts that were made on one version of an entry on the version that a small change made of it.

    `again` makes the same change to a draft, or says None where the draft changes that very thing: such a
    draft stays behind, and its commit is a conflict (CMT-04). The caller holds the replica.
    """
    for draft in row.drafts.filter(address=str(address), base=str(replaced or "")):
        after = None if draft.value is None else again(draft.value)
        if after is not None:
            draft.value, draft.base = after, str(made)
            # Without `updated`: the person has not touched it.
            draft.save(update_fields=["value", "base"])


def rebase(replica_id: int, user: str, address: Address, over: CommitId, shown: str | None = None) -> Edited:
    """Keep the user's value knowingly on top of what someone else has committed meanwhile (CMT-05).

    `over` is the version that the person was shown, and `shown` the `mark` of their own change beside it.
    Raises NotADraft when the user has no draft of the entry, Overtaken when either is another by now
    (TRL-09).
    """
    with transaction.atomic():
        row = _locked(replica_id)
        draft = row.drafts.filter(user=user, address=str(address)).first()
        if draft is None:
            label = entry_label(replicas.state_of(row), address)
            raise NotADraft(_("You have no pending change of %(entry)s.") % {"entry": label})
        require_shown(replica_id, user, shown, [address])
        newest = replicas.heads(row.pk, [address]).get(address, ())
        if not newest or newest[0].id != over:
            text = _("%(entry)s was changed once more since you looked. Nothing was done; compare again.")
            raise Overtaken(text % {"entry": entry_label(replicas.state_of(row), address)})
        draft.delete()
        return _keep(row, user, address, draft.value)


def draft_state(replica_id: int, user: str) -> ClusterState:
    """What all modes would define if the user committed now."""
    return replicas.state(replica_id).changed(changes(replica_id, user))


def impact_of(replica_id: int, user: str) -> list[MachineImpact]:
    """Per machine what the user's drafts would change there (design, section 5)."""
    return list(impacts(replica_id, user))


def impacts(replica_id: int, user: str) -> Iterator[MachineImpact]:
    """The same one by one, for who does not wait for all: each takes its time with large tables."""
    now = replicas.state(replica_id)
    after = now.changed(changes(replica_id, user))
    return effective.impacts(now, after, catalogue(), holder_of(replica_id, now))


def broken_references(replica_id: int, user: str) -> list[Unresolved]:
    """What the user's drafts would leave without what it refers to: a warning, no obstacle (DEP-01)."""
    now = replicas.state(replica_id)
    after = now.changed(changes(replica_id, user))
    return newly_broken(now, after, catalogue(), holder_of(replica_id, now))


def holder_of(replica_id: int, state: ClusterState) -> tuple[Machine, ...]:
    """The machine that holds a standalone replica: no member of anything, and yet it has settings."""
    if not state.standalone:
        return ()
    serial = models.Replica.objects.get(pk=replica_id).serial
    return (Machine(serial),)
