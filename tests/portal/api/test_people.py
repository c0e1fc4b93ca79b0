"""The API about people does what the pages do, for administrators with a fresh confirmation, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from portal.audit import Action, AuditRow
from portal.tenants import ManagedCluster, Tenant
from tests.portal.conftest import Call, just_confirmed

BASE = "/api/v1/tenants/acme"
ADDRESSES = ["/", "/members/", "/members/{member}/", "/invitations/", "/invitations/1/", "/audit/"]


def test_members_are_listed_changed_and_removed(
    alice: User, bob: User, europe: ManagedCluster, calls: Call
) -> None:
    client = calls(alice)
    assert client.get("/api/v1/tenants/").json()["results"] == [
        {"slug": "acme", "name": "Acme", "second_factor": "nobody"}
    ]
    listed = client.get(f"{BASE}/members/").json()["results"]
    assert [(m["user"], m["role"], m["second_factor"]) for m in listed] == [
        ("alice", "administrator", False),
        ("bob", "operator", False),
    ]
    his = f"{BASE}/members/{listed[1]['number']}/"
    told = {"role": "", "clusters": [{"cluster": "europe", "role": "approver"}]}
    assert client.put(his, told, format="json").json()["clusters"] == [
        {"cluster": "europe", "role": "approver"}
    ]
    assert calls(bob).get("/api/v1/clusters/europe/pending/").status_code == 403
    told["clusters"][0]["cluster"] = "blacksite"
    assert client.put(his, told, format="json").status_code == 400
    assert client.put(his, {"role": "emperor"}, format="json").status_code == 400
    assert client.put(his, {"role": ""}, format="json").status_code == 422
    assert client.delete(his).status_code == 204
    mine = f"{BASE}/members/{listed[0]['number']}/"
    assert client.delete(mine).status_code == 422
    assert AuditRow.objects.filter(action=Action.MEMBER).count() == 2


def test_invitations_are_sent_and_taken_back(alice: User, europe: ManagedCluster, calls: Call) -> None:
    client = calls(alice)
    told = {"email": "frank@acme.example", "role": "guest", "clusters": ["europe"]}
    made = client.post(f"{BASE}/invitations/", told, format="json").json()
    assert made["clusters"] == ["europe"]
    assert APIClient().get(made["path"]).status_code == 200
    (listed,) = client.get(f"{BASE}/invitations/").json()["results"]
    assert (listed["number"], listed["clusters"]) == (made["number"], ["europe"])
    assert client.delete(f"{BASE}/invitations/{made['number']}/").status_code == 204
    assert client.delete(f"{BASE}/invitations/{made['number']}/").status_code == 404
    assert APIClient().get(made["path"]).status_code == 410


def test_policy_is_changed(alice: User, acme: Tenant, calls: Call) -> None:
    assert calls(alice).patch(f"{BASE}/", {"second_factor": "everybody"}, format="json").status_code == 200
    acme.refresh_from_db()
    assert acme.second_factor == "everybody"


def test_audit_log_is_read_in_pages(alice: User, bob: User, calls: Call) -> None:
    calls(bob)
    client = calls(alice)
    found = client.get(f"{BASE}/audit/?action=login&q=bob&page_size=1").json()
    assert (found["count"], found["results"][0]["who"]) == (1, "bob")
    assert found["results"][0]["hash"] == AuditRow.objects.get(actor="bob").hash


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_stranger_finds_nothing_and_operator_is_refused(
    address: str, method: str, alice: User, bob: User, charlie: User, calls: Call
) -> None:
    path = BASE + address.format(member=alice.memberships.get().pk)
    assert getattr(calls(charlie), method)(path, {}, format="json").status_code in (404, 405)
    assert getattr(calls(bob), method)(path, {}, format="json").status_code in (403, 405)
    assert alice.memberships.exists()


def test_session_of_long_ago_and_tokens_change_nobody(
    alice: User, bob: User, acme: Tenant, calls: Call, script: Any
) -> None:
    late = calls(alice)
    just_confirmed(late, alice, ago=16 * 60)
    his = f"{BASE}/members/{bob.memberships.get().pk}/"
    for client in (late, script(alice, read_only=False)):
        assert client.get(his).status_code == 200
        assert client.delete(his).status_code == 403
        assert client.patch(f"{BASE}/", {"second_factor": "everybody"}, format="json").status_code == 403
    assert late.post("/api/v1/tokens/", {"name": "x"}, format="json").status_code == 403
    assert script(alice).get(f"{BASE}/invitations/").status_code == 403
    assert bob.memberships.exists()


def test_token_is_made_with_limits(
    alice: User, europe: ManagedCluster, secret: ManagedCluster, calls: Call
) -> None:
    client = calls(alice)
    made = client.post("/api/v1/tokens/", {"name": "x", "clusters": ["europe"]}, format="json").json()
    assert made["clusters"] == ["europe"]
    named = APIClient(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert named.get("/api/v1/clusters/europe/").status_code == 200
    assert named.get(f"{BASE}/audit/").status_code == 404
    for wrong in ({"clusters": ["blacksite"]}, {"tenant": "umbra"}):
        assert client.post("/api/v1/tokens/", {"name": "x", **wrong}, format="json").status_code == 400
