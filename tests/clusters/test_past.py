"""How far back a replica can tell, and what it says of entries of which it cannot."""

from __future__ import annotations

import uuid

import pytest

from clusters import models, past, replicas
from clusters.versions import Address
from tests.clusters.histories import LDAP, ROUTES, edit

pytestmark = pytest.mark.django_db


def first() -> int:
    """A replica that wrote ROUTES, LDAP, ROUTES and ROUTES again."""
    row = replicas.new_replica("M1", uuid.uuid4())
    with replicas.opened(row.pk) as at:
        edit(at, ROUTES, {"n": 1})
        edit(at, LDAP, {"n": 1})
        edit(at, ROUTES, {"n": 2})
        edit(at, ROUTES, {"n": 3})
    return row.pk


def dated(replica_id: int) -> int:
    """The replica with its commits a second apart, beginning at 1000; copies are made before."""
    for model in (models.Commit, models.Head, models.Superseded):
        for found in model.objects.filter(replica=replica_id, origin="M1"):
            model.objects.filter(pk=found.pk).update(wall=1000 * found.number)
    return replica_id


def newcomer(replica_id: int, most: int) -> int:
    row = replicas.new_replica("P1", uuid.uuid4())
    replicas.absorb_snapshot(row.pk, *replicas.for_newcomer(replica_id, most))
    return dated(row.pk)


def forgotten(replica_id: int, wall: int) -> set[Address]:
    return past.forgotten(replica_id, wall, [ROUTES, LDAP])


def test_history_begins_with_the_oldest_commit_that_is_kept() -> None:
    whole = first()
    assert past.earliest(newcomer(whole, 2)) == 3000
    assert past.earliest(dated(whole)) == 1000
    assert past.earliest(replicas.new_replica("X", uuid.uuid4()).pk) is None


def test_whole_history_forgets_nothing() -> None:
    whole = dated(first())
    for wall in (0, 1000, 2500, 9000):
        assert forgotten(whole, wall) == set()


def test_version_before_the_history_is_forgotten_and_not_taken_for_absent() -> None:
    late = newcomer(first(), 2)
    assert forgotten(late, 2500) == {ROUTES}
    assert past.forgotten(late, 2500, [LDAP]) == set()
    assert forgotten(late, 3500) == set()
    assert replicas.state_at(late, 3500).entries[ROUTES].value == {"n": 2}


def test_version_that_came_with_a_snapshot_and_was_replaced_here_is_kept() -> None:
    bare = newcomer(first(), 0)
    with replicas.opened(bare) as at:
        edit(at, ROUTES, {"n": 4})
    models.Commit.objects.filter(replica=bare).update(wall=9000)
    assert forgotten(bare, 5000) == set()
    assert replicas.state_at(bare, 5000).entries[ROUTES].value == {"n": 3}


def test_commit_below_the_floor_that_is_still_in_the_log_is_kept() -> None:
    whole = dated(first())
    models.Replica.objects.filter(pk=whole).update(floor={"M1": 3})
    assert forgotten(whole, 1500) == set()
