"""Replicas agree, whatever the order in which they hear of commits (design, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.replication import Replica, SnapshotNeeded, StaleDraft
from clusters.state import ClusterState
from clusters.versions import (
    THE_CLUSTER,
    Address,
    Change,
    CommitId,
    Kind,
    MalformedCommit,
    Version,
    covers,
    joined,
    merge,
)
from tests.clusters.histories import (
    ENTRIES,
    LDAP,
    NOON,
    ROUTES,
    World,
    complete,
    edit,
    picture,
    replica,
    sync,
    worlds,
)


def documents(at: Replica) -> dict[Address, Any]:
    """The values in force."""
    return {a: found.value for a, found in ClusterState.of(at.store.all_heads()).entries.items()}


# commit


def test_commit_changes_all_its_entries_at_once() -> None:
    """CMT-01."""
    at = replica("A")
    commit = at.commit([Change(ROUTES, {"a": 1}), Change(LDAP, {})], user="ada", host="mail3", comment="why")
    assert commit.id == CommitId("A", 1)
    assert (commit.user, commit.host, commit.comment, commit.time.wall) == ("ada", "mail3", "why", NOON)
    assert documents(at) == {ROUTES: {"a": 1}, LDAP: {}}
    assert at.vector == {"A": 1}


def test_absent_is_not_empty() -> None:
    """CL-10: an entry made absent is out of force, and its version is known; an empty one is in force."""
    at = replica("A")
    edit(at, ROUTES, {})
    assert documents(at) == {ROUTES: {}}
    gone = edit(at, ROUTES, None)
    assert documents(at) == {}
    assert at.store.heads([ROUTES])[ROUTES][0].id == gone.id


def test_commit_on_a_replaced_version_is_refused_and_changes_nothing() -> None:
    """CMT-04: the whole commit stops, and says whose version is in force."""
    at = replica("A")
    base = edit(at, ROUTES, {"a": 1})
    now = edit(at, ROUTES, {"a": 2})
    before = picture(at)
    mine = Change(ROUTES, {"a": 3}, base.id)
    with pytest.raises(StaleDraft, match="settings/cluster/routes was changed by A/2") as caught:
        at.commit([Change(LDAP, {}), mine], user="bob", host="h")
    assert [(change, version.id) for change, version in caught.value.stale] == [(mine, now.id)]
    assert picture(at) == before


def test_commit_on_an_entry_that_appeared_meanwhile_is_refused() -> None:
    at = replica("A")
    edit(at, ROUTES, {})
    with pytest.raises(StaleDraft):
        at.commit([Change(ROUTES, {"a": 1})], user="bob", host="h")


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [Change(ROUTES, {}), Change(ROUTES, {"a": 1})],
        [Change(ROUTES, {"a": float("nan")})],
        [Change(ROUTES, {"a": "\x00"})],
        [Change(ROUTES, {1: 2})],
    ],
)
def test_commit_that_no_peer_could_read_is_refused(changes: list[Change]) -> None:
    at = replica("A")
    before = picture(at)
    with pytest.raises(MalformedCommit):
        at.commit(changes, user="ada", host="h")
    assert picture(at) == before
    assert list(at.store.commits_after({})) == []


@pytest.mark.parametrize("field", ["user", "host", "comment"])
def test_commit_with_an_endless_text_is_refused(field: str) -> None:
    texts = {"user": "ada", "host": "h", "comment": "", field: "x" * 5000}
    with pytest.raises(MalformedCommit):
        replica("A").commit([Change(ROUTES, {})], **texts)


# the laws


@given(worlds(), st.data())
def test_absorbing_in_any_order_repetition_or_pieces_gives_the_same_state(
    world: World, data: st.DataObject
) -> None:
    """Design, section 3: the merge rule; SYN-03."""
    whole = complete(world.commits)
    pile = data.draw(st.permutations(world.commits * 2))
    at = replica("Y")
    while not covers(at.vector, whole.vector):
        known = at.vector
        for start in range(0, len(pile), size := data.draw(st.integers(1, 9))):
            at.absorb(pile[start : start + size])
        assert at.vector != known
    assert picture(at) == picture(whole)
    assert at.absorb(pile).taken == ()
    assert picture(at) == picture(whole)


@given(worlds(), st.data())
def test_one_pile_of_commits_is_taken_whole_in_any_order(world: World, data: st.DataObject) -> None:
    at = replica("Y")
    result = at.absorb(data.draw(st.permutations(world.commits)))
    assert set(result.taken) == {commit.id for commit in world.commits}
    assert not result.gap
    assert picture(at) == picture(complete(world.commits))


@given(worlds())
def test_heads_of_every_replica_are_what_no_other_version_had_seen(world: World) -> None:
    for at in world.replicas:
        held = [c for c in world.commits if at.vector.get(c.id.origin, 0) >= c.id.number]
        for address, heads in at.store.all_heads():
            made = [c.version(x) for c in held for x in c.changes if x.address == address]
            assert heads == merge(made)


@given(worlds(), st.data())
def test_snapshot_and_tail_equal_the_log(world: World, data: st.DataObject) -> None:
    """Design, section 3: a newcomer gets a snapshot and the tail."""
    source = data.draw(st.sampled_from(world.replicas))
    newcomer = replica("Y")
    newcomer.absorb_snapshot(source.snapshot())
    assert picture(newcomer) == picture(source)
    newcomer.absorb(world.commits)
    assert picture(newcomer) == picture(complete(world.commits))


@given(worlds(), st.data())
def test_snapshots_joined_in_any_order_are_equal(world: World, data: st.DataObject) -> None:
    snapshots = data.draw(st.permutations([at.snapshot() for at in world.replicas] * 2))
    at = replica("Y")
    for snapshot in snapshots:
        at.absorb_snapshot(snapshot)
    everything = [c for c in world.commits if at.vector.get(c.id.origin, 0) >= c.id.number]
    assert len(everything) == len(world.commits)
    assert picture(at) == picture(complete(world.commits))


@given(worlds(), st.data())
def test_snapshot_taken_in_the_middle_of_a_life_loses_nothing(world: World, data: st.DataObject) -> None:
    """A snapshot that is behind in one origin and ahead in another: both sides' commits stay."""
    target, source = data.draw(st.sampled_from([(0, 1), (1, 2), (2, 0)]))
    at, other = world.replicas[target], world.replicas[source]
    reach = joined(at.vector, other.vector)
    at.absorb_snapshot(other.snapshot())
    known = [c for c in world.commits if reach.get(c.id.origin, 0) >= c.id.number]
    assert picture(at) == picture(complete(known))


@given(worlds(), st.data())
def test_compaction_changes_no_state_and_hinders_no_sync(world: World, data: st.DataObject) -> None:
    whole = complete(world.commits)
    for at in world.replicas:
        before = picture(at)
        at.compact({o: data.draw(st.integers(1, n)) for o, n in at.vector.items()})
        assert picture(at) == before
    for _ in range(2):
        for source in world.replicas:
            for target in world.replicas:
                try:
                    target.absorb(source.missing(target.vector))
                except SnapshotNeeded:
                    target.absorb_snapshot(source.snapshot())
    for at in world.replicas:
        assert picture(at) == picture(whole)


@given(worlds())
def test_missing_gives_each_commit_after_all_that_it_had_seen(world: World) -> None:
    for at in world.replicas:
        known: dict[str, int] = {}
        for commit in at.missing({}, 1000):
            assert covers(known, commit.seen)
            known[commit.id.origin] = commit.id.number
        assert known == at.vector


@given(worlds(), st.data())
def test_missing_is_just_what_the_peer_lacks(world: World, data: st.DataObject) -> None:
    """Design, section 3: the cost of a sync grows with what is missing."""
    ours, theirs = data.draw(st.permutations(world.replicas))[:2]
    lacking = {
        c.id
        for c in world.commits
        if ours.vector.get(c.id.origin, 0) >= c.id.number > theirs.vector.get(c.id.origin, 0)
    }
    assert {commit.id for commit in ours.missing(theirs.vector, 1000)} == lacking


def test_missing_gives_no_more_than_the_limit_and_goes_on_from_there() -> None:
    a, b = replica("A"), replica("B")
    for n in range(7):
        edit(a, ROUTES, {"n": n})
    sizes = []
    while batch := a.missing(b.vector, 3):
        sizes.append(len(batch))
        b.absorb(batch)
    assert sizes == [3, 3, 1]
    assert picture(a) == picture(b)


# what absorb reports


def test_absorb_reports_conflicts_once_and_every_touched_entry() -> None:
    """SYN-08: the loser is kept and named."""
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"by": "a"})
    edit(b, ROUTES, {"by": "b"})
    lost = edit(b, LDAP, {})
    result = a.absorb(b.missing({}))
    assert result.taken == (CommitId("B", 1), lost.id)
    assert result.conflicts == (ROUTES,)
    assert result.changed == {ROUTES, LDAP}
    assert [v.value for v in a.store.heads([ROUTES])[ROUTES]] == [{"by": "b"}, {"by": "a"}]
    edit(b, ROUTES, {"by": "b again"})
    result = a.absorb(b.missing(a.vector))
    assert (result.changed, result.conflicts) == ({ROUTES}, ())
    assert len(a.store.heads([ROUTES])[ROUTES]) == 2


def test_returning_side_without_own_changes_is_updated_without_conflict() -> None:
    """SYN-04."""
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"n": 1})
    sync(a, b)
    edit(a, ROUTES, {"n": 2})
    result = b.absorb(a.missing(b.vector))
    assert (result.conflicts, result.held, result.gap) == ((), {}, False)
    assert len(b.store.heads([ROUTES])[ROUTES]) == 1


def test_commit_of_the_person_who_saw_the_conflict_ends_it() -> None:
    a, b = replica("A"), replica("B")
    edit(a, ROUTES, {"by": "a"})
    edit(b, ROUTES, {"by": "b"})
    sync(b, a)
    edit(a, ROUTES, {"by": "a again"})
    sync(a, b)
    assert picture(a) == picture(b)
    assert len(b.store.heads([ROUTES])[ROUTES]) == 1


def test_gap_is_reported_and_nothing_is_taken_out_of_turn() -> None:
    a, b = replica("A"), replica("B")
    first, second = edit(a, ROUTES, {"n": 1}), edit(a, ROUTES, {"n": 2})
    result = b.absorb([second])
    assert (result.taken, result.gap, b.vector) == ((), True, {})
    assert b.store.held() == []
    assert not b.absorb([first]).gap
    assert b.absorb([second]).taken == (second.id,)


def test_commit_that_builds_on_another_origins_unknown_commit_is_a_gap() -> None:
    a, b, c = replica("A"), replica("B"), replica("C")
    edit(a, ROUTES, {"n": 1})
    sync(a, b)
    built = edit(b, LDAP, {})
    assert c.absorb([built]).gap
    assert c.vector == {}


def test_nothing_new_writes_nothing() -> None:
    a = replica("A")
    commit = edit(a, ROUTES, {})
    before = picture(a)
    assert a.absorb([commit, commit]).changed == frozenset()
    assert a.absorb([]).taken == ()
    assert picture(a) == before


# the digest


@given(worlds(), st.data())
def test_digest_tells_silent_corruption(world: World, data: st.DataObject) -> None:
    """SYN-10."""
    at = complete(world.commits)
    before = at.digest()
    entries = [(address, heads) for address, heads in at.store.all_heads() if heads]
    if not entries:
        return
    address, heads = data.draw(st.sampled_from(entries))
    at.store.put_heads({address: (replace(heads[0], value={"rotten": True}), *heads[1:])})
    assert at.digest() != before


def test_digest_is_of_entries_and_not_of_their_order() -> None:
    a, b = replica("A"), replica("B")
    for address in (*ENTRIES, THE_CLUSTER, Address(Kind.MACHINE, "m")):
        edit(a, address, {"n": 1})
    pile = a.missing({})
    b.store.put_heads(dict(reversed(list(a.store.all_heads()))))
    assert len(pile) == 6
    assert a.digest() == b.digest()


# cost


@pytest.mark.parametrize("batch", [500, 20_000])
def test_cost_of_a_long_log_of_one_entry_grows_with_its_length(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 commits on one entry, counted in commits read and versions compared rather than in seconds."""
    a, b = replica("A"), replica("B")
    for n in range(2000):
        edit(a, ROUTES, {"n": n})
    read, compared = Counter(a.store.commits_after), Counter(Version.had_seen)
    monkeypatch.setattr(a.store, "commits_after", lambda vector: map(read.count, read.function(vector)))
    monkeypatch.setattr(Version, "had_seen", lambda *pair: compared.function(*compared.count(pair)))
    while commits := a.missing(b.vector, batch):
        b.absorb(commits)
    assert picture(a) == picture(b)
    assert read.calls == 2000
    assert compared.calls <= 2 * 2000


@dataclass
class Counter:
    """Counts how often something passes by."""

    function: Callable[..., Any]
    calls: int = 0

    def count(self, item: Any) -> Any:
        self.calls += 1
        return item
