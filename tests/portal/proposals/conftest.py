"""A cluster whose three machines are in order, and changes of Bob that reach two of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from appliances.following import statuses
from appliances.models import MachineStatus
from clusters import drafts, replicas
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.modes import CLUSTER
from clusters.versions import Commit
from portal.proposals import watching
from portal.proposals.deciding import Wish, submit
from portal.proposals.policy import CommitPolicy
from portal.proposals.proposal import Proposal
from portal.proposals.stop_rule import Canary
from portal.tenants import ManagedCluster, Role
from tests.portal import world

NEW, OLD = "192.0.2.50", "192.0.2.1"


@pytest.fixture
def calm(europe: ManagedCluster) -> ManagedCluster:
    """Europe with machines that are connected and enforce what is wanted."""
    world.report(europe)
    return europe


def edit(cluster: ManagedCluster, user: str, host: str = NEW) -> None:
    """Draft another route for the whole cluster; berlin and rome inherit it."""
    drafts.edit(cluster.replica_id, user, CLUSTER, "smtproutes", world.routes(a_example=host))


Submit = Callable[..., Commit | Proposal]


@pytest.fixture
def ask(calm: ManagedCluster) -> Submit:
    """`ask(bob, approval=True)`: Bob edits and submits with that wish."""

    def made(person: User, role: Role = Role.OPERATOR, **wish: Any) -> Commit | Proposal:
        edit(calm, person.username)
        return submit(calm, person, role, Wish(**wish), "portal")

    return made


PENDING, PROPOSALS, POLICY = "/europe/pending/", "/europe/proposals/", "/europe/policy/"
TRY = {
    "per_group": 1, "minutes": 5, "enforce_within": 60, "queue_growth": 100, "deferred_share": 50,
    "bounced_share": 20, "rejected_rise": 30,
}  # fmt: skip
"""A try as the form has it."""


def text(client: Client, path: str) -> str:
    """A page that must be there."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def path_of(proposal: Proposal) -> str:
    """The address of its page."""
    return f"{PROPOSALS}{proposal.pk}/"


@pytest.fixture
def proposed(ask: Submit, bob: User) -> Proposal:
    """Bob's change, which waits for approval."""
    found = ask(bob, comment="New way", approval=True)
    assert isinstance(found, Proposal)
    return found


def policy(cluster: ManagedCluster, **columns: Any) -> CommitPolicy:
    """Give the cluster a policy."""
    return CommitPolicy.objects.update_or_create(cluster=cluster, defaults=columns)[0]


def route_at(cluster: ManagedCluster, machine: str) -> str:
    """The host of the first route that holds on a machine by the log."""
    mode = world.mode_of(cluster, machine)
    found = setting_at(replicas.state(cluster.replica_id), mode, "smtproutes", catalogue())
    return str(found.value["routes"][0]["hosts"][0]["host"])


def own_modes(cluster: ManagedCluster) -> list[str]:
    """The machines that define routes of their own."""
    state = replicas.state(cluster.replica_id)
    return [
        m.name for m in state.machines.values() if state.defined(world.mode_of(cluster, m.name), "smtproutes")
    ]


def tick(proposal: Proposal) -> Proposal:
    """What the sweep does for it."""
    found = Proposal.everything.select_related("cluster__replica").get(pk=proposal.pk)
    statuses.wanted(found.replica_id)
    watching.step(found)
    return Proposal.everything.get(pk=proposal.pk)


def obey(cluster: ManagedCluster) -> None:
    """All machines enforce what is in force now, and are connected."""
    statuses.wanted(cluster.replica_id)
    world.report(cluster)


def told(cluster: ManagedCluster, machine: str, **columns: Any) -> None:
    """A machine reports something."""
    MachineStatus.objects.filter(replica=cluster.replica_id, name=machine).update(**columns)


def later(proposal: Proposal, minutes: int) -> None:
    """Let time pass for the try."""
    row = Proposal.everything.get(pk=proposal.pk)
    moved = timedelta(minutes=minutes)
    assert row.began is not None
    began = row.began - moved
    Proposal.everything.filter(pk=proposal.pk).update(
        began=began, watched_until=row.watched_until and row.watched_until - moved
    )
    MachineStatus.objects.filter(replica=row.replica_id).update(wanted_since=began)


BERLIN_FIRST = Canary(minutes=5)
"""One machine of each group that the change reaches: Main_Group alone, so berlin."""
