"""Replicas in the database to which more have written than one condition can name (growth, section 12)."""

from __future__ import annotations

import pytest

from clusters import replicas
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.replication import Replica
from clusters.versions import Change, Clock, Commit, settings_at

ORIGINS = 1100


@pytest.fixture(scope="module")
def commits() -> list[Commit]:
    """One commit of each of many machines, and then a second one of each, unaware of one another."""
    made = []
    for number in range(ORIGINS):
        at = Replica(MemoryStore(), f"M{number:04}", Clock(replicas.now))
        for n in (1, 2):
            made.append(
                at.commit([Change(settings_at(CLUSTER, f"f{number}-{n}"), {"n": n})], user="u", host="h")
            )
    return sorted(made, key=lambda commit: commit.id.number)


@pytest.fixture
def replica_id(db: None, commits: list[Commit]) -> int:
    made = replicas.new_replica("P1").pk
    replicas.absorb(made, commits)
    return made


def test_newcomer_and_one_that_lacks_something_of_everyone_get_it_in_order(
    replica_id: int, commits: list[Commit]
) -> None:
    everything = replicas.missing(replica_id, {}, 5000)
    assert everything == commits
    firsts = {commit.id.origin: 1 for commit in commits}
    assert replicas.missing(replica_id, firsts, 5000) == commits[ORIGINS:]
    assert replicas.missing(replica_id, firsts, 3) == commits[ORIGINS : ORIGINS + 3]
    mixed = {o: n for o, n in firsts.items() if o < "M0550"}
    assert replicas.missing(replica_id, mixed, 5000) == [
        c for c in commits if mixed.get(c.id.origin, 0) < c.id.number
    ]
    assert replicas.missing(replica_id, replicas.vector(replica_id)) == []


def test_past_that_many_have_seen_can_be_shown(replica_id: int, commits: list[Commit]) -> None:
    firsts = {commit.id.origin: 1 for commit in commits}
    state = replicas.state_seen(replica_id, firsts)
    assert set(state.entries) == {c.changes[0].address for c in commits[:ORIGINS]}


def test_log_of_many_can_be_forgotten(replica_id: int, commits: list[Commit]) -> None:
    with replicas.opened(replica_id) as replica:
        replica.compact({commit.id.origin: 1 for commit in commits})
        assert list(replica.store.commits_after({})) == commits[ORIGINS:]
