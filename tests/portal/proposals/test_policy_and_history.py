"""The commit policy on its page, and what the history tells of careful commits."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from clusters import commits, drafts, replicas
from clusters.versions import settings_at
from portal.proposals import deciding
from portal.proposals.policy import CommitPolicy, policy_of
from portal.proposals.proposal import Proposal
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn
from tests.portal.proposals.conftest import (
    BERLIN_FIRST,
    PENDING,
    POLICY,
    TRY,
    Submit,
    edit,
    obey,
    path_of,
    policy,
    text,
)

# policy


def test_policy_is_set_by_an_administrator_and_read_by_all(
    calm: ManagedCluster, alice: User, bob: User, log_in: LogIn
) -> None:
    form = {
        **TRY,
        "approval": "on",
        "zone": "Europe/Berlin",
        "day": ["5", ""],
        "start": ["22:00", ""],
        "end": ["02:00", ""],
    }
    assert log_in(bob).post(POLICY, form).status_code == 403
    assert not CommitPolicy.objects.exists()
    assert log_in(alice).post(POLICY, form).status_code == 302
    found = policy_of(calm)
    assert (found.approval, found.try_first, found.zone) == (True, False, "Europe/Berlin")
    assert found.windows == [{"day": 5, "start": "22:00", "end": "02:00"}]
    assert found.defaults.enforce_within == 60
    html = text(log_in(bob), POLICY)
    assert "Saturday" in html
    assert "Save the policy" not in html
    assert "not held" in html


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Berlin"},
        {"day": ["5"], "start": [""], "end": ["02:00"]},
        {"day": [""], "start": ["22:00"], "end": ["02:00"]},
        {"minutes": "-1"},
    ],
)
def test_policy_that_makes_no_sense_changes_nothing(
    calm: ManagedCluster, alice: User, log_in: LogIn, wrong: dict[str, Any]
) -> None:
    answer = log_in(alice).post(POLICY, {**TRY, "zone": "UTC", **wrong})
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()
    assert not CommitPolicy.objects.exists()


# history


def test_history_tells_who_approved_and_what_was_tried(
    proposed: Proposal, alice: User, bob: User, ask: Submit, calm: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(alice)
    client.post(path_of(proposed), {"do": "approve"})
    obey(calm)
    edit(calm, "bob", "192.0.2.77")
    found = deciding.submit(calm, bob, deciding.Role.OPERATOR, deciding.Wish(canary=BERLIN_FIRST), "portal")
    assert isinstance(found, Proposal)
    obey(calm)
    deciding.skip(found, bob)
    html = text(client, "/europe/history/")
    for word in ("approved by alice", "try on some machines", "tried first"):
        assert word in html
    made = commits.last(calm.replica_id)
    assert "after 1 machine had tried it" in text(
        client, f"/europe/history/{made.id.origin}/{made.id.number}/"
    )


def test_one_entry_of_a_commit_is_reverted_alone(calm: ManagedCluster, alice: User, log_in: LogIn) -> None:
    berlin = world.mode_of(calm, "berlin.example")
    edit(calm, "alice")
    drafts.edit(calm.replica_id, "alice", berlin, "smtproutes", world.routes(a_example="192.0.2.51"))
    made = commits.commit_pending(calm.replica_id, user="alice", host="portal")
    path = f"/europe/history/{made.id.origin}/{made.id.number}/"
    client, address = log_in(alice), settings_at(berlin, "smtproutes")
    assert text(client, path).count("Revert only this") == 2
    assert client.post(path, {"entry": str(address)}).headers["Location"] == PENDING
    (change,) = drafts.pending(calm.replica_id, "alice")
    assert (change.address, change.value) == (address, None)
    world.define(calm, berlin, "smtproutes", world.routes(a_example="192.0.2.52"), user="bob")
    drafts.clear(calm.replica_id, "alice")
    answer = client.post(path, {"entry": str(address)})
    assert answer.status_code == 409
    assert f'name="entry" value="{address}"' in answer.content.decode()
    seen = str(replicas.heads(calm.replica_id, [address])[address][0].id)
    client.post(path, {"entry": str(address), "over": "yes", "seen": seen})
    assert len(drafts.pending(calm.replica_id, "alice")) == 1
    assert client.post(path, {"entry": "nonsense"}, follow=True).status_code == 200


def test_conflict_is_not_settled_past_the_policy(calm: ManagedCluster, alice: User, log_in: LogIn) -> None:
    policy(calm, approval=True)
    before = replicas.vector(calm.replica_id)
    form = {"do": "take", "entry": "settings/cluster/smtproutes", "version": "X/1"}
    answer = log_in(alice).post("/europe/conflicts/", form, follow=True)
    assert "propose it" in answer.content.decode()
    assert replicas.vector(calm.replica_id) == before
