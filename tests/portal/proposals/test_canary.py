"""Some machines first: the try, going on, the automatic return, and what a person may do meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from appliances.models import Connection, MachineStatus
from clusters import commits, drafts, enrolment, replicas
from clusters.modes import CLUSTER
from clusters.versions import settings_at
from portal.proposals import acting, carrying_out, deciding
from portal.proposals.carrying_out import go_back, go_on
from portal.proposals.choosing import NothingToTry, UnfitMachine
from portal.proposals.proposal import Proposal, State
from portal.proposals.stop_rule import Canary
from portal.tasks import sweep_proposals
from portal.tenants import ManagedCluster, Role
from tests.portal import world
from tests.portal.proposals.conftest import (
    BERLIN_FIRST,
    NEW,
    OLD,
    Submit,
    edit,
    later,
    obey,
    own_modes,
    policy,
    route_at,
    tick,
    told,
)

BERLIN, ROME, PARIS = "berlin.example", "rome.example", "paris.example"


@pytest.fixture
def trying(ask: Submit, bob: User, calm: ManagedCluster) -> Proposal:
    """Berlin tries Bob's change."""
    found = ask(bob, comment="New way", canary=BERLIN_FIRST)
    assert isinstance(found, Proposal)
    return found


def routes(cluster: ManagedCluster) -> list[str]:
    return [route_at(cluster, name) for name in (BERLIN, ROME, PARIS)]


def test_only_the_chosen_machines_get_it_first(trying: Proposal, calm: ManagedCluster) -> None:
    assert trying.state == State.CANARY
    assert routes(calm) == [NEW, OLD, "192.0.2.2"]
    assert own_modes(calm) == [BERLIN]
    assert "Tried first on berlin.example" in commits.last(calm.replica_id).comment


def test_well_machines_let_it_go_on_for_all_in_one_commit(trying: Proposal, calm: ManagedCluster) -> None:
    assert tick(trying).watched_until is None
    obey(calm)
    watched = tick(trying)
    assert watched.state == State.CANARY
    assert watched.watched_until is not None
    later(trying, 5)
    done = tick(trying)
    assert done.state == State.COMMITTED
    assert routes(calm) == [NEW, NEW, "192.0.2.2"]
    assert own_modes(calm) == []
    made = commits.last(calm.replica_id)
    assert (str(made.id), made.comment, made.user) == (done.commit, "New way", "bob")
    assert {str(c.address).split("/")[1].split(":")[0] for c in made.changes} == {"cluster", "machine"}


def test_refusal_on_a_trying_machine_returns_it_and_the_others_never_saw_it(
    trying: Proposal, calm: ManagedCluster
) -> None:
    told(calm, BERLIN, error="postconf: fatal: bad")
    done = tick(trying)
    assert done.state == State.STOPPED
    assert "berlin.example: It reports: postconf: fatal: bad" in str(done.reason)
    assert routes(calm) == [OLD, OLD, "192.0.2.2"]
    assert own_modes(calm) == []
    assert done.returned
    (mine,) = drafts.pending(calm.replica_id, "bob")
    assert mine.stale is None


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"connection": Connection.DOWN, "reason": "no answer"}, "is down"),
        ({"queue": 5000}, "has grown by"),
    ],
)
def test_stop_rule_returns(
    trying: Proposal, calm: ManagedCluster, columns: dict[str, Any], word: str
) -> None:
    obey(calm)
    told(calm, BERLIN, **columns)
    done = tick(trying)
    assert (done.state, own_modes(calm)) == (State.STOPPED, [])
    assert word in str(done.reason)


def test_machine_that_does_not_enforce_in_time_returns(trying: Proposal, calm: ManagedCluster) -> None:
    tick(trying)
    later(trying, 4)
    done = tick(trying)
    assert done.state == State.STOPPED
    assert "within 180 seconds" in str(done.reason)


def test_machine_has_its_own_settings_back_exactly(calm: ManagedCluster, bob: User) -> None:
    """Its own document, which the change itself replaces, comes back; the change stays pending on top."""
    mode = world.mode_of(calm, BERLIN)
    own = world.routes(a_example="192.0.2.7")
    world.define(calm, mode, "smtproutes", own)
    obey(calm)
    drafts.edit(calm.replica_id, "bob", mode, "smtproutes", world.routes(a_example=NEW))
    wish = deciding.Wish(canary=Canary(machines=(mode.id,)))
    trying = deciding.submit(calm, bob, Role.OPERATOR, wish, "portal")
    assert isinstance(trying, Proposal)
    assert route_at(calm, BERLIN) == NEW
    told(calm, BERLIN, error="no")
    assert tick(trying).state == State.STOPPED
    found = replicas.state(calm.replica_id).defined(mode, "smtproutes")
    assert found is not None
    assert found.value == own
    (mine,) = drafts.pending(calm.replica_id, "bob")
    assert mine.stale is None
    commits.commit_pending(calm.replica_id, user="bob", host="portal")
    assert route_at(calm, BERLIN) == NEW


@pytest.mark.parametrize("on_machine", [False, True])
def test_commit_of_others_to_the_same_entries_returns_and_says_who(
    trying: Proposal, calm: ManagedCluster, on_machine: bool
) -> None:
    """CMT-04, CMT-05: what they wrote stays."""
    mode = world.mode_of(calm, BERLIN) if on_machine else CLUSTER
    world.define(calm, mode, "smtproutes", world.routes(a_example="192.0.2.9"), comment="Mine")
    done = tick(trying)
    assert done.state == State.STALE
    assert "alice on portal" in str(done.reason)
    assert route_at(calm, BERLIN) == "192.0.2.9"
    assert own_modes(calm) == ([BERLIN] if on_machine else [])


def test_commit_of_others_to_other_entries_disturbs_nothing(trying: Proposal, calm: ManagedCluster) -> None:
    world.define(calm, world.mode_of(calm, PARIS), "smtproutes", world.routes(a_example="192.0.2.9"))
    obey(calm)
    tick(trying)
    later(trying, 5)
    assert tick(trying).state == State.COMMITTED


def test_removed_machine_ends_the_try(trying: Proposal, calm: ManagedCluster) -> None:
    serial = world.mode_of(calm, BERLIN).id
    enrolment.remove_machine(calm.replica_id, serial, user="alice", host="portal")
    done = tick(trying)
    assert done.state in (State.STALE, State.STOPPED)
    assert own_modes(calm) == []


def test_person_stops_a_try(trying: Proposal, calm: ManagedCluster, alice: User) -> None:
    acting.act(trying, alice, Role.ADMINISTRATOR, "stop", "Customers call")
    trying.refresh_from_db()
    assert (trying.state, trying.reason) == (State.STOPPED, "Customers call")
    assert routes(calm)[0] == OLD
    with pytest.raises(deciding.NotNow):
        deciding.stop(trying, alice)


def test_pause_keeps_it_from_going_on_and_still_stops_on_trouble(
    trying: Proposal, calm: ManagedCluster, bob: User
) -> None:
    obey(calm)
    tick(trying)
    acting.act(trying, bob, Role.OPERATOR, "pause")
    later(trying, 60)
    assert tick(trying).state == State.CANARY
    acting.act(trying, bob, Role.OPERATOR, "resume")
    resumed = tick(trying)
    assert (resumed.state, resumed.paused) == (State.CANARY, False)
    acting.act(resumed, bob, Role.OPERATOR, "pause")
    told(calm, BERLIN, error="no")
    assert tick(trying).state == State.STOPPED


def test_waiting_is_skipped_only_when_the_machines_are_well(
    trying: Proposal, calm: ManagedCluster, bob: User
) -> None:
    with pytest.raises(deciding.NotNow, match=r"berlin\.example is not well"):
        deciding.skip(trying, bob)
    obey(calm)
    acting.act(trying, bob, Role.OPERATOR, "skip")
    trying.refresh_from_db()
    assert trying.state == State.COMMITTED


def test_try_that_is_over_when_the_window_is_closed_waits_for_the_next(
    trying: Proposal, calm: ManagedCluster, alice: User, closed: list[dict[str, Any]]
) -> None:
    policy(calm, windows=closed)
    obey(calm)
    tick(trying)
    later(trying, 5)
    assert tick(trying).state == State.CANARY
    acting.act(trying, alice, Role.ADMINISTRATOR, "at_once", "It is fine")
    trying.refresh_from_db()
    assert trying.state == State.COMMITTED


def test_one_try_at_a_time_the_next_waits(trying: Proposal, calm: ManagedCluster, alice: User) -> None:
    drafts.edit(
        calm.replica_id, "alice", world.mode_of(calm, PARIS), "smtproutes", world.routes(b_example=NEW)
    )
    wish = deciding.Wish(canary=Canary(machines=(world.mode_of(calm, PARIS).id,)))
    obey(calm)
    second = deciding.submit(calm, alice, Role.ADMINISTRATOR, wish, "portal")
    assert isinstance(second, Proposal)
    assert second.state == State.WINDOW
    deciding.stop(trying, alice)
    obey(calm)
    assert tick(second).state == State.CANARY


def test_machine_that_cannot_show_anything_is_not_chosen(
    ask: Submit, calm: ManagedCluster, bob: User
) -> None:
    berlin, rome, paris = (world.mode_of(calm, name).id for name in (BERLIN, ROME, PARIS))
    told(calm, BERLIN, connection=Connection.DOWN)
    with pytest.raises(UnfitMachine, match=r"berlin\.example"):
        ask(bob, canary=Canary(machines=(berlin,)))
    with pytest.raises(NothingToTry):
        ask(bob, canary=Canary(machines=(paris,)))
    with pytest.raises(UnfitMachine, match="NOBODY"):
        ask(bob, canary=Canary(machines=("NOBODY",)))
    found = ask(bob, canary=BERLIN_FIRST)
    assert isinstance(found, Proposal)
    assert list(found.before) == [rome]
    assert len(drafts.changes(calm.replica_id, "bob")) == 0


def test_no_machine_in_order_tries_nothing_and_all_stays_pending(
    ask: Submit, calm: ManagedCluster, bob: User
) -> None:
    world.report(calm, connection=Connection.DOWN)
    with pytest.raises(NothingToTry):
        ask(bob, canary=BERLIN_FIRST)
    assert len(drafts.changes(calm.replica_id, "bob")) == 1
    assert not Proposal.everything.exists()


def test_machines_that_fell_ill_while_it_waited_stop_it(
    ask: Submit, calm: ManagedCluster, bob: User, alice: User
) -> None:
    found = ask(bob, canary=BERLIN_FIRST, approval=True)
    assert isinstance(found, Proposal)
    world.report(calm, connection=Connection.DOWN)
    deciding.approve(found, alice)
    assert found.state == State.STOPPED
    assert len(drafts.changes(calm.replica_id, "bob")) == 1


def test_policy_has_every_change_tried_first(ask: Submit, calm: ManagedCluster, bob: User) -> None:
    policy(calm, try_first=True, canary={"per_group": 2, "minutes": 1})
    found = ask(bob)
    assert isinstance(found, Proposal)
    assert found.state == State.CANARY
    assert routes(calm)[:2] == [NEW, NEW]


def test_policy_lets_through_what_cannot_be_tried(calm: ManagedCluster, bob: User) -> None:
    policy(calm, try_first=True)
    mode = world.mode_of(calm, BERLIN)
    drafts.edit(calm.replica_id, "bob", mode, "sethostname", {"hostname": "mx.example.com"})
    found = deciding.submit(calm, bob, Role.OPERATOR, deciding.Wish(), "portal")
    assert isinstance(found, Proposal)
    assert found.state == State.COMMITTED


def test_what_cannot_be_tried_comes_with_the_rest_at_the_end(
    trying: Proposal, calm: ManagedCluster, alice: User, bob: User
) -> None:
    deciding.stop(trying, alice)
    mode = world.mode_of(calm, ROME)
    drafts.edit(calm.replica_id, "bob", mode, "sethostname", {"hostname": "mx.example.com"})
    obey(calm)
    again = deciding.submit(calm, bob, Role.OPERATOR, deciding.Wish(canary=BERLIN_FIRST), "portal")
    assert isinstance(again, Proposal)
    address = settings_at(mode, "sethostname")
    assert replicas.heads(calm.replica_id, [address]) == {}
    obey(calm)
    deciding.skip(again, bob)
    assert replicas.heads(calm.replica_id, [address])[address][0].value is not None


def test_two_workers_that_look_at_once_go_on_once(trying: Proposal, calm: ManagedCluster) -> None:
    twin = Proposal.everything.get(pk=trying.pk)
    before = replicas.vector(calm.replica_id)["PORTAL-TEST"]
    go_on(trying)
    go_on(twin)
    assert not go_back(twin, State.STOPPED, "late")
    assert replicas.vector(calm.replica_id)["PORTAL-TEST"] == before + 1


def test_worker_that_dies_between_writes_leaves_the_state_before(
    trying: Proposal, calm: ManagedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object, **_kwargs: object) -> None:
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(Proposal, "say", die)
        with pytest.raises(SystemExit):
            carrying_out.go_on(trying)
    found = Proposal.everything.get(pk=trying.pk)
    assert (found.state, found.commit, routes(calm)[1]) == (State.CANARY, "", OLD)
    carrying_out.go_on(found)
    assert routes(calm)[1] == NEW


def test_sweep_goes_on_beyond_a_proposal_that_fails(
    trying: Proposal, calm: ManagedCluster, secret: ManagedCluster, charlie: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    edit(secret, "charlie")
    other = deciding.submit(secret, charlie, Role.ADMINISTRATOR, deciding.Wish(approval=True), "portal")
    assert isinstance(other, Proposal)
    world.define(secret, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"))
    monkeypatch.setattr("portal.proposals.watching.watch", lambda _p: 1 / 0)
    sweep_proposals()
    other.refresh_from_db()
    assert other.state == State.STALE


def test_machine_of_another_cluster_is_no_machine_here(
    ask: Submit, calm: ManagedCluster, secret: ManagedCluster, bob: User
) -> None:
    foreign = MachineStatus.objects.filter(replica=secret.replica_id).get()
    with pytest.raises(UnfitMachine):
        ask(bob, canary=Canary(machines=(foreign.serial,)))
