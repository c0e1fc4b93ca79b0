"""clustercheck: what differs between replicas, by whom, and one version for all."""

import pytest

from clusters import checking, models, replicas
from clusters.catalogue import InvalidDocument
from clusters.checking import CheckIsOld, Holding, by_digest, compare
from clusters.membership_refusals import NotInCluster
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER, machine
from clusters.replication import Replica
from clusters.versions import Change, Clock, MalformedCommit, settings_at
from tests.clusters.conftest import BY, Cluster, rows

ROUTES = settings_at(CLUSTER, "routes")
TEXTS = settings_at(CLUSTER, "texts")


def copy_of(cluster: Cluster, origin: str) -> Replica:
    """What another machine holds."""
    other = Replica(MemoryStore(), origin, Clock(replicas.now))
    other.absorb_snapshot(replicas.snapshot(cluster.replica_id))
    return other


def sync(cluster: Cluster, other: Replica) -> None:
    other.absorb(replicas.missing(cluster.replica_id, other.vector))


def compared(cluster: Cluster, *others: Replica):
    mine = Holding.of(("M1",), replicas.snapshot(cluster.replica_id))
    return compare([mine, *(Holding.of((o.origin,), o.snapshot()) for o in others)])


def damage(cluster: Cluster, value) -> None:
    """A bit flips on M1's disk."""
    models.Head.objects.filter(replica=cluster.replica_id, address=str(ROUTES)).update(value=value)


def test_check_of_equal_replicas_finds_nothing(cluster: Cluster) -> None:
    two, three = copy_of(cluster, "M2"), copy_of(cluster, "M3")

    digests = {"M1": replicas.entries_digest(cluster.replica_id), "M2": two.digest(), "M3": three.digest()}

    assert by_digest(digests) == [("M1", "M2", "M3")]
    assert compared(cluster, two, three) == []


def test_check_names_the_damaged_entry_with_who_when_and_where(cluster: Cluster) -> None:
    two, three = copy_of(cluster, "M2"), copy_of(cluster, "M3")
    damage(cluster, rows("damaged"))
    digests = {"M1": replicas.entries_digest(cluster.replica_id), "M2": two.digest(), "M3": three.digest()}
    assert by_digest(digests) == [("M2", "M3"), ("M1",)]

    (found,) = compared(cluster, two, three)

    assert (found.address, found.behind) == (ROUTES, False)
    assert [(h.holders, h.version.value) for h in found.held] == [
        (("M2", "M3"), rows("example.com")),
        (("M1",), rows("damaged")),
    ]
    assert (found.held[0].version.user, found.held[0].version.host) == ("alice", "mx1.example.com")


def test_check_tells_who_is_merely_behind(cluster: Cluster) -> None:
    two = copy_of(cluster, "M2")
    cluster.put(CLUSTER, "routes", rows("new"), user="bob")
    cluster.put(CLUSTER, "texts", rows("first"))

    found = {f.address: f for f in compared(cluster, two)}

    assert {a: f.behind for a, f in found.items()} == {ROUTES: True, TEXTS: True}
    assert [(h.version.user, h.holders) for h in found[ROUTES].held] == [("bob", ("M1",)), ("alice", ("M2",))]
    assert [h.version is None for h in found[TEXTS].held] == [False, True]


def test_check_sees_a_difference_among_losers(cluster: Cluster) -> None:
    two = copy_of(cluster, "M2")
    base = two.store.heads([ROUTES])[ROUTES][0].id
    lost = two.commit([Change(ROUTES, rows("two"), base)], user="carol", host="mx2")
    cluster.put(CLUSTER, "routes", rows("one"))
    replicas.absorb(cluster.replica_id, [lost])

    (found,) = compared(cluster, two)

    assert found.behind


def test_force_makes_all_carry_the_chosen_version(cluster: Cluster) -> None:
    two = copy_of(cluster, "M2")
    damage(cluster, rows("damaged"))
    (found,) = compared(cluster, two)
    right = next(h for h in found.held if h.holders == ("M2",))

    made = checking.force(cluster.replica_id, [(found, right)], **BY, comment="repair")
    sync(cluster, two)

    assert made.comment == "repair"
    assert cluster.value(CLUSTER, "routes") == rows("example.com")
    assert compared(cluster, two) == []
    assert two.digest() == replicas.entries_digest(cluster.replica_id)


def test_force_of_a_version_never_heard_of_makes_it_absent(cluster: Cluster) -> None:
    two = copy_of(cluster, "M2")
    cluster.put(CLUSTER, "texts", rows("first"))
    (found,) = compared(cluster, two)

    checking.force(cluster.replica_id, [(found, found.held[1])], **BY)

    assert cluster.value(CLUSTER, "texts") is None


def test_force_refuses_a_damaged_value_and_nothing_at_all(cluster: Cluster) -> None:
    two = copy_of(cluster, "M2")
    damage(cluster, {"rows": "damaged"})
    (found,) = compared(cluster, two)
    wrong = next(h for h in found.held if h.holders == ("M1",))

    with pytest.raises(InvalidDocument):
        checking.force(cluster.replica_id, [(found, wrong)], **BY)
    with pytest.raises(MalformedCommit):
        checking.force(cluster.replica_id, [], **BY)
    assert [f.address for f in compared(cluster, two)] == [ROUTES]


def test_force_on_a_standalone_machine_is_refused(standalone: int) -> None:
    with pytest.raises(NotInCluster):
        checking.force(standalone, [], **BY)


def test_ignored_finding_appears_again(cluster: Cluster) -> None:
    two = copy_of(cluster, "M2")
    damage(cluster, rows("damaged"))

    assert compared(cluster, two) == compared(cluster, two) != []
    assert machine("M1") in cluster.state.settings


def test_force_overwrites_nothing_that_came_after_the_check(cluster: Cluster) -> None:
    """TRL-11: somebody commits while another waits before the menu."""
    two = copy_of(cluster, "M2")
    damage(cluster, rows("damaged"))
    (found,) = compared(cluster, two)
    cluster.put(CLUSTER, "routes", rows("newer"), user="bob")

    for held in found.held:
        with pytest.raises(CheckIsOld, match=r"routes \(Cluster.*bob on mx1\.example\.com"):
            checking.force(cluster.replica_id, [(found, held)], **BY)

    assert cluster.value(CLUSTER, "routes") == rows("newer")


def test_force_drops_no_loser_that_came_after_the_check(cluster: Cluster) -> None:
    """TRL-11: an earlier change that arrives late is not dropped unseen either."""
    two, far = copy_of(cluster, "M2"), copy_of(cluster, "M3")
    base = far.store.heads([ROUTES])[ROUTES][0].id
    late = far.commit([Change(ROUTES, rows("late"), base)], user="carol", host="mx3")
    cluster.put(CLUSTER, "routes", rows("mine"))
    sync(cluster, two)
    damage(cluster, rows("damaged"))
    (found,) = compared(cluster, two)
    replicas.absorb(cluster.replica_id, [late])

    with pytest.raises(CheckIsOld, match="carol"):
        checking.force(cluster.replica_id, [(found, found.held[0])], **BY)
