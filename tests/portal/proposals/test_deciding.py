"""Proposals: a second person, windows, and what becomes of the changes. Alice administers, Bob operates."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from clusters import commits, drafts, replicas
from clusters.modes import CLUSTER
from clusters.refusals import NothingPending
from clusters.versions import Commit
from portal.proposals import acting, deciding
from portal.proposals.proposal import Proposal, State, waiting_for, waiting_in
from portal.tenants import ClusterRole, ManagedCluster, Member, Role, Tenant, role_in
from tests.portal import world
from tests.portal.proposals.conftest import NEW, OLD, Submit, edit, policy, route_at, tick


def pending(cluster: ManagedCluster, user: str) -> list[str]:
    return [str(change.address) for change in drafts.changes(cluster.replica_id, user)]


def log(proposal: Proposal) -> str:
    return "\n".join(str(line) for line in proposal.lines.all())


def test_without_a_policy_a_commit_takes_effect_at_once(ask: Submit, bob: User) -> None:
    assert isinstance(ask(bob, comment="plain"), Commit)
    assert not Proposal.everything.exists()


def test_proposing_moves_the_changes_and_commits_nothing(
    proposed: Proposal, calm: ManagedCluster, bob: User
) -> None:
    assert proposed.state == State.APPROVAL
    assert pending(calm, "bob") == []
    assert [str(c.address) for c in proposed.frozen] == ["settings/cluster/smtproutes"]
    assert route_at(calm, "berlin.example") == OLD


def test_nothing_pending_cannot_be_proposed(calm: ManagedCluster, bob: User) -> None:
    with pytest.raises(NothingPending):
        deciding.submit(calm, bob, Role.OPERATOR, deciding.Wish(approval=True), "portal")


def test_policy_makes_every_commit_a_proposal(ask: Submit, calm: ManagedCluster, bob: User) -> None:
    policy(calm, approval=True)
    found = ask(bob)
    assert isinstance(found, Proposal)
    assert found.state == State.APPROVAL
    with pytest.raises(deciding.HeldByPolicy, match="propose it"):
        deciding.require_free(calm)


def test_approved_by_another_person_it_is_committed_in_its_authors_name(
    proposed: Proposal, calm: ManagedCluster, alice: User
) -> None:
    acting.act(proposed, alice, Role.ADMINISTRATOR, "approve", "Looks right")
    proposed.refresh_from_db()
    made = commits.last(calm.replica_id)
    assert (proposed.state, proposed.commit) == (State.COMMITTED, str(made.id))
    assert (made.user, made.comment) == ("bob", "New way")
    assert (proposed.decided_by, proposed.decision) == (alice, "Looks right")
    assert route_at(calm, "berlin.example") == NEW


def test_nobody_approves_their_own(ask: Submit, alice: User, calm: ManagedCluster) -> None:
    mine = ask(alice, role=Role.ADMINISTRATOR, approval=True)
    assert isinstance(mine, Proposal)
    for do in ("approve", "refuse"):
        with pytest.raises(deciding.OwnProposal):
            acting.act(mine, alice, Role.ADMINISTRATOR, do)
    assert {"approve", "refuse"}.isdisjoint(acting.offered(mine, alice, Role.ADMINISTRATOR))
    assert route_at(calm, "berlin.example") == OLD


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.ADMINISTRATOR, {"approve", "refuse", "withdraw"}),
        (Role.APPROVER, {"approve", "refuse"}),
        (Role.OPERATOR, set()),
        (Role.READONLY, set()),
        (Role.GUEST, set()),
    ],
)
def test_role_decides_what_it_may(proposed: Proposal, acme: Tenant, role: Role, may: set[str]) -> None:
    third = world.person("third", "Third Person", **{role.value: acme})
    assert acting.offered(proposed, third, role) == may
    for do in acting.ACTIONS.keys() - acting.allowed(proposed, third, role):
        with pytest.raises(PermissionDenied):
            acting.act(proposed, third, role, do)
    proposed.refresh_from_db()
    assert proposed.state == State.APPROVAL


def test_refused_changes_are_pending_again(proposed: Proposal, alice: User, calm: ManagedCluster) -> None:
    deciding.refuse(proposed, alice, "Not on a Friday")
    assert proposed.state == State.REFUSED
    assert pending(calm, "bob") == ["settings/cluster/smtproutes"]
    assert "Not on a Friday" in log(proposed)
    assert isinstance(
        deciding.submit(calm, proposed.author, Role.OPERATOR, deciding.Wish(), "portal"), Commit
    )


def test_withdrawn_changes_do_not_replace_newer_ones(
    proposed: Proposal, bob: User, calm: ManagedCluster
) -> None:
    edit(calm, "bob", "192.0.2.99")
    acting.act(proposed, bob, Role.OPERATOR, "withdraw")
    assert proposed.state == State.WITHDRAWN
    assert drafts.changes(calm.replica_id, "bob")[0].value == world.routes(a_example="192.0.2.99")
    assert "Newer pending changes stay" in log(proposed)


def test_decision_happens_once(proposed: Proposal, alice: User, bob: User, calm: ManagedCluster) -> None:
    twin = Proposal.everything.get(pk=proposed.pk)
    deciding.approve(proposed, alice)
    for late in (deciding.approve, deciding.refuse, deciding.withdraw):
        with pytest.raises(deciding.NotNow):
            late(twin, alice)
    assert pending(calm, "bob") == []
    assert sum(c.user == "bob" for c in commits.history(calm.replica_id).commits) == 1


def test_overtaken_proposal_says_who_and_is_taken_back(
    proposed: Proposal, bob: User, calm: ManagedCluster, alice: User
) -> None:
    """CMT-05."""
    world.define(calm, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"), comment="Faster")
    found = tick(proposed)
    assert found.state == State.STALE
    assert "alice on portal" in str(found.reason)
    assert "Faster" in str(found.reason)
    assert pending(calm, "bob") == []
    assert list(waiting_for(bob)) == [found]
    acting.act(found, bob, Role.OPERATOR, "take_back")
    (mine,) = drafts.pending(calm.replica_id, "bob")
    assert mine.stale is not None
    assert list(waiting_for(bob)) == []
    with pytest.raises(deciding.NotNow):
        deciding.take_back(found, bob)


def test_approval_of_what_was_overtaken_commits_nothing(
    proposed: Proposal, alice: User, calm: ManagedCluster
) -> None:
    """CMT-04."""
    world.define(calm, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"))
    deciding.approve(proposed, alice)
    assert proposed.state == State.STALE
    assert route_at(calm, "berlin.example") == "192.0.2.9"


def test_clash_at_once_is_a_conflict_and_all_stays_pending(calm: ManagedCluster, bob: User) -> None:
    edit(calm, "bob")
    world.define(calm, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"))
    with pytest.raises(commits.CommitConflict):
        deciding.submit(calm, bob, Role.OPERATOR, deciding.Wish(approval=True), "portal")
    assert len(pending(calm, "bob")) == 1


def test_author_who_lost_the_right_changes_nothing(
    proposed: Proposal, alice: User, bob: User, calm: ManagedCluster
) -> None:
    Member.objects.filter(user=bob).update(role=Role.READONLY)
    deciding.approve(proposed, alice)
    assert proposed.state == State.STOPPED
    assert route_at(calm, "berlin.example") == OLD


def test_author_who_is_gone_leaves_the_changes_here(
    proposed: Proposal, alice: User, bob: User, calm: ManagedCluster
) -> None:
    bob.delete()
    proposed.refresh_from_db()
    deciding.refuse(proposed, alice)
    assert proposed.state == State.REFUSED
    assert "author is gone" in log(proposed)


def test_proposal_waits_for_those_who_may_decide(
    proposed: Proposal, alice: User, bob: User, charlie: User, acme: Tenant
) -> None:
    ann = world.person("ann", "Ann Approver", approver=acme)
    assert list(waiting_for(alice)) == list(waiting_for(ann)) == [proposed]
    assert list(waiting_for(bob)) == list(waiting_for(charlie)) == []


@pytest.mark.parametrize("everywhere", ["", *Role])
@pytest.mark.parametrize("here", ["", *Role])
def test_what_waits_in_a_cluster_is_what_waits_of_it_anywhere(
    here: str, everywhere: str, proposed: Proposal, calm: ManagedCluster, acme: Tenant
) -> None:
    erik = world.person("erik", "Erik Ek")
    member = Member.objects.create(tenant=acme, user=erik, role=everywhere)
    if here:
        ClusterRole.objects.create(member=member, cluster=calm, role=here)
    own = {"tenant": acme, "cluster": calm, "author": erik}
    overtaken = Proposal.everything.create(**own, state=State.STALE)
    Proposal.everything.create(**own, state=State.APPROVAL)

    role = role_in(erik, acme.pk, calm.pk)

    found = set(waiting_in(calm, erik, role)) if role else set()
    decides = {proposed} if role in (Role.ADMINISTRATOR, Role.APPROVER) else set()
    assert found == set(waiting_for(erik)) == ({overtaken} | decides if role else set())


# windows


def test_commit_outside_the_window_waits_and_the_sweep_brings_it(
    ask: Submit, calm: ManagedCluster, bob: User, closed: list[dict[str, Any]]
) -> None:
    rule = policy(calm, windows=closed)
    found = ask(bob, comment="Later")
    assert isinstance(found, Proposal)
    assert tick(found).state == State.WINDOW
    assert route_at(calm, "berlin.example") == OLD
    rule.windows = []
    rule.save()
    assert tick(found).state == State.COMMITTED
    assert commits.last(calm.replica_id).comment == "Later"


def test_sweep_runs_what_is_due_only_once(
    ask: Submit, calm: ManagedCluster, bob: User, closed: list[dict[str, Any]]
) -> None:
    policy(calm, windows=closed)
    found = ask(bob)
    policy(calm, windows=[])
    before = replicas.vector(calm.replica_id)["PORTAL-TEST"]
    tick(found)
    tick(found)
    assert replicas.vector(calm.replica_id)["PORTAL-TEST"] == before + 1


def test_administrator_commits_at_once_with_a_reason_in_the_history(
    ask: Submit, calm: ManagedCluster, alice: User, bob: User, closed: list[dict[str, Any]]
) -> None:
    policy(calm, windows=closed)
    with pytest.raises(PermissionDenied):
        ask(bob, at_once="I want it")
    found = ask(alice, role=Role.ADMINISTRATOR, comment="Fix", at_once="Mail loops")
    assert isinstance(found, Proposal)
    assert found.state == State.COMMITTED
    assert "Mail loops (alice)" in commits.last(calm.replica_id).comment


def test_waiting_proposal_is_let_through_by_an_administrator_with_a_reason(
    ask: Submit, calm: ManagedCluster, alice: User, bob: User, closed: list[dict[str, Any]]
) -> None:
    policy(calm, windows=closed)
    found = ask(bob)
    assert isinstance(found, Proposal)
    with pytest.raises(deciding.NotNow, match="why"):
        acting.act(found, alice, Role.ADMINISTRATOR, "at_once")
    acting.act(found, alice, Role.ADMINISTRATOR, "at_once", "Queue is full")
    found.refresh_from_db()
    assert found.state == State.COMMITTED
    assert "Queue is full (alice)" in commits.last(calm.replica_id).comment


def test_reason_passes_by_the_window_and_not_by_the_approval(
    ask: Submit, calm: ManagedCluster, alice: User, closed: list[dict[str, Any]]
) -> None:
    policy(calm, windows=closed, approval=True)
    found = ask(alice, role=Role.ADMINISTRATOR, at_once="Mail loops")
    assert isinstance(found, Proposal)
    assert found.state == State.APPROVAL
    bea = world.person("bea", "Bea Approver", approver=calm.tenant)
    deciding.approve(found, bea)
    assert found.state == State.COMMITTED
