"""What holds while an entry is in conflict: the newest, or under safe wait what was before (SYN-08)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.replication import Replica, Snapshot
from clusters.standing import MOST_PAST_BYTES, standing
from clusters.versions import (
    MOST_PAST,
    THE_CLUSTER,
    Address,
    Commit,
    CommitId,
    Heads,
    Kind,
    MalformedCommit,
    Past,
    Timestamp,
    Version,
)
from tests.clusters.histories import (
    LDAP,
    ROUTES,
    Wall,
    World,
    complete,
    edit,
    replica,
    sync,
    waiting_worlds,
)

GROUP = Address(Kind.GROUP, "g1")


def pair(*, safe_wait: bool = True) -> tuple[Replica, Replica]:
    """Two replicas of a cluster that hold the same; B's clock is ahead."""
    here, there = replica("A"), replica("B", Wall(Wall().now + 1000))
    edit(here, THE_CLUSTER, {"name": "demo", "safe_wait": safe_wait})
    sync(here, there)
    return here, there


def meet(here: Replica, there: Replica) -> None:
    sync(here, there)
    sync(there, here)


def in_force(at: Replica, address: Address = ROUTES) -> Any:
    found = at.standing([address]).get(address)
    return found.value if found else None


def test_entry_in_conflict_stays_at_the_common_ancestor() -> None:
    here, there = pair()
    edit(here, ROUTES, {"was": 1})
    meet(here, there)
    edit(here, ROUTES, {"mine": 1})
    edit(here, ROUTES, {"mine": 2})
    assert in_force(here) == {"mine": 2}, "nobody has spoken against it yet"
    edit(there, ROUTES, {"theirs": 1})
    meet(here, there)
    assert in_force(here) == in_force(there) == {"was": 1}
    assert [head.value for head in here.store.heads([ROUTES])[ROUTES]] == [{"theirs": 1}, {"mine": 2}]


def test_newest_holds_where_the_cluster_did_not_choose_to_wait() -> None:
    here, there = pair(safe_wait=False)
    edit(here, ROUTES, {"was": 1})
    meet(here, there)
    edit(here, ROUTES, {"mine": 1})
    edit(there, ROUTES, {"theirs": 1})
    meet(here, there)
    assert in_force(here) == in_force(there) == {"theirs": 1}
    assert here.store.heads([ROUTES])[ROUTES][0].past is None


def test_entry_that_both_have_made_is_absent_until_somebody_decides() -> None:
    here, there = pair()
    edit(here, ROUTES, {"mine": 1})
    edit(there, ROUTES, {"theirs": 1})
    meet(here, there)
    assert here.standing([ROUTES, LDAP]) == {ROUTES: None}
    edit(here, ROUTES, {"decided": 1})
    meet(here, there)
    assert in_force(here) == in_force(there) == {"decided": 1}


def test_deletion_waits_like_any_change() -> None:
    """CL-10."""
    here, there = pair()
    edit(here, ROUTES, {"was": 1})
    edit(here, ROUTES, None)
    meet(here, there)
    edit(here, ROUTES, {"again": 1})
    edit(there, ROUTES, {"too": 1})
    meet(here, there)
    assert in_force(here) is None
    assert here.standing([ROUTES])[ROUTES] is not None, "made absent by somebody"


def test_groups_and_members_do_not_wait() -> None:
    here, there = pair()
    edit(here, GROUP, {"name": "one"})
    meet(here, there)
    edit(here, GROUP, {"name": "two"})
    edit(there, GROUP, {"name": "three"})
    meet(here, there)
    assert in_force(here, GROUP) == {"name": "three"}


def test_decision_against_a_change_that_was_still_on_its_way_waits_where_it_was() -> None:
    here, there = pair()
    edit(here, ROUTES, {"was": 1})
    meet(here, there)
    edit(here, ROUTES, {"mine": 1})
    edit(there, ROUTES, {"theirs": 1})
    sync(there, here)
    edit(here, ROUTES, {"decided": 1})
    edit(there, ROUTES, {"theirs": 2})
    meet(here, there)
    assert in_force(here) == in_force(there) == {"was": 1}
    edit(there, ROUTES, {"decided": 2})
    meet(here, there)
    (head,) = here.store.heads([ROUTES])[ROUTES]
    assert [version.value for version in head.past.versions if head.past] == [{"was": 1}]


def test_changes_made_before_the_choice_are_in_force_as_they_were() -> None:
    here, there = pair(safe_wait=False)
    edit(here, ROUTES, {"mine": 1})
    edit(there, ROUTES, {"theirs": 1})
    meet(here, there)
    edit(here, THE_CLUSTER, {"name": "demo", "safe_wait": True})
    assert in_force(here) == {"theirs": 1}
    edit(here, ROUTES, {"mine": 2})
    meet(here, there)
    edit(here, ROUTES, {"mine": 3})
    edit(there, ROUTES, {"theirs": 2})
    meet(here, there)
    assert in_force(here) == {"mine": 2}


def test_newest_holds_where_one_side_changed_more_often_than_it_remembers() -> None:
    here, there = pair()
    edit(here, ROUTES, {"was": 1})
    meet(here, there)
    for count in range(MOST_PAST):
        edit(here, ROUTES, {"mine": count})
    edit(there, ROUTES, {"theirs": 1})
    meet(here, there)
    assert in_force(here) == in_force(there) == {"was": 1}
    edit(here, LDAP, {"was": 1})
    meet(here, there)
    for count in range(MOST_PAST + 1):
        edit(here, LDAP, {"mine": count})
    edit(there, LDAP, {"theirs": 1})
    meet(here, there)
    assert in_force(here, LDAP) == in_force(there, LDAP) == here.store.heads([LDAP])[LDAP][0].value
    assert in_force(here, LDAP) != {"was": 1}


def test_long_documents_are_remembered_only_as_far_as_there_is_room() -> None:
    here, _there = pair()
    for letter in "abcd":
        edit(here, ROUTES, {"text": letter * (MOST_PAST_BYTES // 2 - 20)})
    (head,) = here.store.heads([ROUTES])[ROUTES]
    assert head.past is not None
    assert (len(head.past.versions), head.past.whole) == (2, False)
    assert all(version.past is None for version in head.past.versions)


@given(waiting_worlds())
def test_replicas_agree_on_what_is_in_force_in_any_order_and_by_snapshots(world: World) -> None:
    one = complete(world.commits)
    other = replica("Y")
    for each in world.replicas:
        other.absorb_snapshot(Snapshot.from_wire(json.loads(json.dumps(each.snapshot().to_wire()))))
    addresses = [address for address, _heads in one.store.all_heads()]
    assert one.standing(addresses) == other.standing(addresses)
    assert one.digest() == other.digest()


@given(waiting_worlds())
def test_what_is_in_force_was_seen_by_all_who_disagree(world: World) -> None:
    at = complete(world.commits)
    for address, heads in at.store.all_heads():
        stands = at.standing([address])[address]
        if len(heads) == 1 or address.kind is not Kind.SETTINGS:
            assert stands == heads[0]
        elif stands is not None and stands != heads[0]:
            assert all(head.had_seen(stands.id) and head.id != stands.id for head in heads)
        else:
            assert stands is None or not all(head.past is not None and head.past.whole for head in heads)


@given(waiting_worlds(), st.data())
def test_decision_that_saw_everything_is_in_force(world: World, data: st.DataObject) -> None:
    at = complete(world.commits)
    address = data.draw(st.sampled_from([a for a, _heads in at.store.all_heads()]))
    edit(at, address, {"name": "decided", "safe_wait": True})
    assert in_force(at, address) == {"name": "decided", "safe_wait": True}


def forged(past: Any) -> dict[str, Any]:
    """A commit that claims such a past."""
    here, _there = pair()
    edit(here, ROUTES, {"was": 1})
    wire = edit(here, ROUTES, {"now": 1}).to_wire()
    wire["changes"][0]["past"] = past
    return wire


def remembered(number: int = 2, **other: Any) -> dict[str, Any]:
    seen = {"A": number - 1} if number > 1 else {}
    made = Version(CommitId("A", number), Timestamp(1, 0), seen, "", "", "", {"was": 1})
    return {**made.to_wire(), **other}


@pytest.mark.parametrize(
    "past",
    [
        {"versions": []},
        {"versions": {}, "whole": True},
        {"versions": [], "whole": 1},
        {"versions": [remembered()] * (MOST_PAST + 1), "whole": True},
        {"versions": [remembered(3)], "whole": True},
        {"versions": [remembered(4)], "whole": True},
        {"versions": [remembered(past={"versions": [], "whole": True})], "whole": True},
        {"versions": ["nonsense"], "whole": True},
        [],
    ],
)
def test_past_that_nobody_can_have_is_refused(past: Any) -> None:
    Commit.from_wire(forged({"versions": [remembered()], "whole": True}))
    with pytest.raises(MalformedCommit):
        Commit.from_wire(forged(past))


def test_version_of_a_snapshot_with_a_past_it_cannot_have_is_refused() -> None:
    wire = remembered(past={"versions": [remembered(3)], "whole": True})
    with pytest.raises(MalformedCommit):
        Version.from_wire(wire)


def heads(*pasts: Past | None) -> Heads:
    """Heads by A, B and so on with these pasts, the first the newest."""
    return tuple(
        Version(CommitId(origin, 9), Timestamp(9 - place, 0), {}, "", "", "", {"by": origin}, past)
        for place, (origin, past) in enumerate(zip("ABC", pasts, strict=False))
    )


def past(*numbers: int, whole: bool = False) -> Past:
    return Past(tuple(Version.from_wire(remembered(number)) for number in numbers), whole)


@pytest.mark.parametrize(
    ("pasts", "number"),
    [
        ((past(3, 2, 1), past(2, 1)), 2),
        ((past(3, 2), past(4, 3, 2), past(2, 1)), 2),
        ((past(2, whole=True), past(1, whole=True)), None),
        ((past(2), past(1, whole=True)), 9),
        ((past(2), None), 9),
    ],
)
def test_latest_version_that_stood_for_all_holds(pasts: Sequence[Past | None], number: int | None) -> None:
    found = standing(heads(*pasts), safe_wait=True)
    assert (found and found.id.number) == number
