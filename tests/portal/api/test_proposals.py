"""Careful commits by calls: commit answers, proposals, the policy. Alice administers, Bob operates."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from clusters import commits, drafts
from clusters.modes import CLUSTER
from portal.proposals.policy import policy_of
from portal.proposals.proposal import Proposal, State
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import Call
from tests.portal.proposals.conftest import NEW, edit, obey, policy, route_at

BASE = "/api/v1/clusters/europe"
COMMITS, PROPOSALS, POLICY = f"{BASE}/commits/", f"{BASE}/proposals/", f"{BASE}/policy/"


@pytest.fixture
def calm(europe: ManagedCluster) -> ManagedCluster:
    """Machines in order, and a change of Bob's."""
    world.report(europe)
    edit(europe, "bob")
    return europe


def post(client: Any, path: str, body: dict[str, Any] | None = None, status: int = 200) -> dict[str, Any]:
    answer = client.post(path, body or {}, format="json")
    assert answer.status_code == status, answer.content
    return dict(answer.json())


def test_commit_is_answered_with_the_commit_where_nothing_holds_it(
    calm: ManagedCluster, bob: User, calls: Call
) -> None:
    assert post(calls(bob), COMMITS, {"comment": "plain"}, 201)["comment"] == "plain"


def test_commit_is_answered_with_the_proposal_where_the_policy_holds_it(
    calm: ManagedCluster, alice: User, bob: User, calls: Call
) -> None:
    policy(calm, approval=True)
    made = post(calls(bob), COMMITS, {"comment": "please"}, 202)
    assert (made["state"], made["user"], made["commit"]) == ("approval", "bob", "")
    one = f"{PROPOSALS}{made['number']}/"
    found = calls(alice).get(one).json()
    assert found["offered"] == ["approve", "refuse", "withdraw"]
    assert [i["name"] for i in found["impact"]] == ["berlin.example", "rome.example"]
    assert found["entries"][0]["entry"] == "settings/cluster/smtproutes"
    assert post(calls(bob), one, {"do": "approve"}, 403)
    done = post(calls(alice), one, {"do": "approve", "comment": "Good"})
    assert (done["state"], done["decided_by"], done["decision"]) == ("committed", "alice", "Good")
    assert done["commit"] == str(commits.last(calm.replica_id).id)
    assert "is committed" in post(calls(alice), one, {"do": "approve"}, 409)["detail"]
    assert route_at(calm, "rome.example") == NEW


def test_own_proposal_is_answered_with_403_and_another_person(
    calm: ManagedCluster, alice: User, calls: Call
) -> None:
    edit(calm, "alice")
    made = post(calls(alice), COMMITS, {"approval": True}, 202)
    refused = post(calls(alice), f"{PROPOSALS}{made['number']}/", {"do": "approve"}, 403)
    assert "another person" in refused["detail"]


def test_window_holds_and_an_administrator_passes_with_a_reason(
    calm: ManagedCluster, alice: User, bob: User, calls: Call, closed: list[dict[str, Any]]
) -> None:
    policy(calm, windows=closed)
    assert post(calls(bob), COMMITS, {"at_once": "Now"}, 403)
    edit(calm, "alice")
    assert post(calls(alice), COMMITS, {"at_once": "Loops"}, 202)["state"] == "committed"
    assert "Loops (alice)" in commits.last(calm.replica_id).comment


def test_try_is_asked_for_watched_and_stopped(calm: ManagedCluster, bob: User, calls: Call) -> None:
    made = post(calls(bob), COMMITS, {"canary": {"minutes": 3}}, 202)
    assert (made["state"], made["canary"]["minutes"], made["canary"]["per_group"]) == ("canary", 3, 1)
    one = f"{PROPOSALS}{made['number']}/"
    (watched,) = calls(bob).get(one).json()["watched"]
    assert (watched["name"], watched["health"]) == ("berlin.example", "waiting")
    done = post(calls(bob), one, {"do": "stop", "comment": "No"})
    assert (done["state"], done["reason"]) == ("stopped", "No")
    assert len(drafts.changes(calm.replica_id, "bob")) == 1
    assert post(calls(bob), one, {"do": "stop"}, 409)


def test_try_on_a_machine_that_cannot_show_anything_is_refused(
    calm: ManagedCluster, bob: User, calls: Call
) -> None:
    refused = post(calls(bob), COMMITS, {"canary": {"machines": ["NOBODY"]}}, 422)
    assert "NOBODY" in refused["detail"]
    assert post(calls(bob), COMMITS, {"canary": {"minutes": -1}}, 400)
    assert len(drafts.changes(calm.replica_id, "bob")) == 1


def test_list_is_filtered_and_holds_one_cluster(
    calm: ManagedCluster, secret: ManagedCluster, umbra: Tenant, alice: User, bob: User, calls: Call
) -> None:
    foreign = Proposal.everything.create(tenant=umbra, cluster=secret, comment="whisper")
    post(calls(bob), COMMITS, {"approval": True, "comment": "mine"}, 202)
    found = calls(alice).get(PROPOSALS).json()
    assert [p["comment"] for p in found["results"]] == ["mine"]
    assert calls(alice).get(f"{PROPOSALS}?state=stale").json()["count"] == 0
    assert calls(alice).get(f"{PROPOSALS}{foreign.pk}/").status_code == 404
    assert calls(alice).post(f"{PROPOSALS}{foreign.pk}/", {"do": "approve"}).status_code == 404


@pytest.mark.parametrize("role", ["readonly", "guest"])
def test_reader_decides_nothing(
    calm: ManagedCluster, acme: Tenant, bob: User, calls: Call, role: str
) -> None:
    made = post(calls(bob), COMMITS, {"approval": True}, 202)
    reader = calls(world.person("rita", "Rita Reader", **{role: acme}))
    for do in ("approve", "refuse", "withdraw", "stop"):
        post(reader, f"{PROPOSALS}{made['number']}/", {"do": do}, 403)
    assert Proposal.everything.get().state == State.APPROVAL


def test_policy_is_read_by_all_and_set_by_administrators(
    calm: ManagedCluster, alice: User, bob: User, calls: Call
) -> None:
    body = {
        "approval": True,
        "zone": "Asia/Tokyo",
        "windows": [{"day": 5, "start": "22:00", "end": "02:00"}],
        "canary": {"minutes": 7},
    }
    assert calls(bob).put(POLICY, body, format="json").status_code == 403
    assert calls(bob).get(POLICY).json()["open"] is True
    found = calls(alice).put(POLICY, body, format="json").json()
    assert (found["approval"], found["canary"]["minutes"], found["zone"]) == (True, 7, "Asia/Tokyo")
    assert calls(bob).get(POLICY).json()["opens"] is not None
    for wrong in ({"zone": "Nowhere"}, {"windows": [{"day": 9, "start": "1", "end": "2"}]}):
        assert calls(alice).put(POLICY, {**body, **wrong}, format="json").status_code == 400
    assert policy_of(calm).zone == "Asia/Tokyo"


def test_one_entry_of_a_commit_is_reverted_alone(calm: ManagedCluster, bob: User, calls: Call) -> None:
    mode = world.mode_of(calm, "rome.example")
    drafts.edit(calm.replica_id, "bob", mode, "smtproutes", world.routes(a_example="192.0.2.7"))
    made = post(calls(bob), COMMITS, {}, 201)
    back = f"{COMMITS}{made['origin']}/{made['number']}/revert/"
    answer = post(calls(bob), back, {"entry": "settings/cluster/smtproutes"})
    assert [c["entry"] for c in answer["changes"]] == ["settings/cluster/smtproutes"]
    post(calls(bob), back, {"entry": "settings/cluster/unsubscribe"}, 422)


def test_conflict_is_not_settled_past_the_policy(calm: ManagedCluster, bob: User, calls: Call) -> None:
    policy(calm, approval=True)
    body = {"entry": "settings/cluster/smtproutes", "version": "X/1"}
    assert "propose" in post(calls(bob), f"{BASE}/conflicts/", body, 409)["detail"]


def test_overtaken_proposal_is_taken_back(calm: ManagedCluster, alice: User, bob: User, calls: Call) -> None:
    """CMT-05."""
    made = post(calls(bob), COMMITS, {"approval": True}, 202)
    one = f"{PROPOSALS}{made['number']}/"
    world.define(calm, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"))
    found = post(calls(alice), one, {"do": "approve"})
    assert found["state"] == "stale"
    assert "alice on portal" in found["reason"]
    assert post(calls(bob), one, {"do": "take_back"})["state"] == "withdrawn"
    assert calls(bob).get(f"{BASE}/pending/").json()["changes"][0]["stale"]["user"] == "alice"


def test_answers_hold_what_is_enforced(calm: ManagedCluster, bob: User, calls: Call) -> None:
    made = post(calls(bob), COMMITS, {"canary": {}}, 202)
    obey(calm)
    done = post(calls(bob), f"{PROPOSALS}{made['number']}/", {"do": "skip"})
    assert (done["state"], done["watched"], done["impact"]) == ("committed", [], [])
