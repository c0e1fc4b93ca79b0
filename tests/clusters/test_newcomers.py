"""A newcomer gets the state and the last commits that led to it (design, section 3)."""

from __future__ import annotations

import uuid

import pytest

from clusters import replicas
from clusters.replication import SnapshotNeeded, history_from_wire
from clusters.versions import CommitId, MalformedCommit
from tests.clusters.histories import LDAP, ROUTES, edit, picture, replica, sync


def lives() -> tuple:
    """Two replicas that have written by turns; the first holds all five commits."""
    a, b = replica("A"), replica("B")
    for number in range(2):
        edit(a, ROUTES, {"by": "a", "n": number})
        sync(a, b)
        edit(b, LDAP, {"by": "b", "n": number})
        sync(b, a)
    edit(a, ROUTES, None)
    return a, b


def test_newcomer_with_the_whole_history_can_hand_it_on() -> None:
    a, _ = lives()
    newcomer = replica("C")
    newcomer.absorb_snapshot(a.snapshot(), a.recent(100))
    assert picture(newcomer) == picture(a)
    assert [c.id for c in newcomer.missing({})] == [c.id for c in a.missing({})]
    another = replica("D")
    another.absorb(newcomer.missing({}))
    assert picture(another) == picture(a)


def test_newcomer_with_a_part_of_the_history_sends_a_snapshot_to_those_who_lack_more() -> None:
    a, _ = lives()
    newcomer = replica("C")
    newcomer.absorb_snapshot(a.snapshot(), a.recent(2))
    assert picture(newcomer) == picture(a)
    assert [c.id for c in newcomer.recent(9)] == [CommitId("B", 2), CommitId("A", 3)]
    assert [c.id for c in newcomer.missing({"A": 2, "B": 2})] == [CommitId("A", 3)]
    with pytest.raises(SnapshotNeeded):
        newcomer.missing({"A": 1, "B": 1})


def test_history_is_not_taken_by_one_who_has_commits_of_their_own() -> None:
    a, b = lives()
    b.absorb_snapshot(a.snapshot(), a.recent(100))
    assert picture(b) == picture(a)
    assert len({c.id for c in b.recent(100)}) == len(b.recent(100))


def test_history_survives_the_wire() -> None:
    a, _ = lives()
    history = a.recent(100)
    assert history_from_wire([c.to_wire() for c in history], a.vector) == tuple(history)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda wire: "no list",
        lambda wire: [*wire, {"id": "A/9"}],
        lambda wire: [each for each in wire if each["id"] != "A/2"],
        lambda wire: wire[:-1],
    ],
)
def test_history_with_gaps_or_garbage_is_refused(spoil) -> None:
    a, _ = lives()
    wire = spoil([c.to_wire() for c in a.recent(100)])
    with pytest.raises(MalformedCommit):
        history_from_wire(wire, a.vector)


def test_history_of_another_life_is_refused() -> None:
    a, _ = lives()
    other = replica("A")
    for number in range(3):
        edit(other, LDAP, {"n": number})
    first, *rest = (c.to_wire() for c in other.recent(9))
    true = [c.to_wire() for c in a.recent(9) if c.id.origin == "A"]
    with pytest.raises(MalformedCommit, match="belongs before A/2"):
        history_from_wire([first, *true[1:]], a.vector)
    newcomer = replica("C")
    with pytest.raises(MalformedCommit, match="ends where its snapshot does"):
        newcomer.absorb_snapshot(a.snapshot(), history_from_wire([first, *rest], a.vector))
    assert picture(newcomer) == picture(replica("D"))


def test_history_leaves_out_what_has_gaps_here() -> None:
    """A log that a snapshot once jumped over is handed on from behind the jump only."""
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    sync(a, b)
    edit(a, ROUTES, {"n": 2})
    edit(b, LDAP, {"n": 1})
    b.absorb_snapshot(a.snapshot())
    sync(b, a)
    edit(a, ROUTES, {"n": 3})
    sync(a, b)
    assert [str(c.id) for c in b.store.last(9)] == ["A/1", "B/1", "A/3"]
    assert [str(c.id) for c in b.recent(9)] == ["B/1", "A/3"]


@pytest.mark.django_db
def test_newcomer_in_the_database_gets_the_same_history() -> None:
    first = replicas.new_replica("M1", uuid.uuid4())
    with replicas.opened(first.pk) as at:
        edit(at, ROUTES, {"n": 1})
        edit(at, ROUTES, {"n": 2})
    snapshot, history = replicas.for_newcomer(first.pk, 1)
    assert [c.id for c in history] == [CommitId("M1", 2)]
    newcomer = replicas.new_replica("P1", uuid.uuid4())
    replicas.absorb_snapshot(newcomer.pk, snapshot, history)
    assert replicas.entries_digest(newcomer.pk) == replicas.entries_digest(first.pk)
    assert [c.id for c in replicas.missing(newcomer.pk, {"M1": 1})] == [CommitId("M1", 2)]
