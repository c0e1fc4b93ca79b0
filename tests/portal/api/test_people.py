"""The API about people does what the pages do, for administrators with a fresh confirmation, and no more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from portal.audit.log import Action, AuditRow
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import Call, just_confirmed

BASE = "/api/v1/tenants/acme"
SESSIONS = "/api/v1/sessions/"
BROWSER = {"user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "ip": "192.0.2.8"}
ADDRESSES = [
    *("/", "/members/", "/members/{member}/", "/invitations/", "/invitations/1/", "/audit/"),
    *("/members/{member}/sessions/", "/members/{member}/sessions/1/"),
]


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


@pytest.mark.usefixtures("alice", "bob")
def test_own_sessions_are_listed_and_ended() -> None:
    here, there, third, his = map(world.logged_in, ("alice", "alice", "alice", "bob"))
    key = there.session.session_key
    number = UserSession.objects.get(session_key=key).pk
    UserSession.objects.filter(pk=number).update(last_seen_at=timezone.now() + timedelta(hours=1), **BROWSER)
    first, *others = here.get(SESSIONS).json()["results"]
    assert (first["number"], first["device"], first["address"]) == (number, "Firefox · Linux", "192.0.2.8")
    assert [first["current"], *sorted(each["current"] for each in others)] == [False, False, True]
    assert his.delete(f"{SESSIONS}{number}/").status_code == 404
    assert there.get(SESSIONS).status_code == 200, "nobody ends the session of another person"
    assert here.delete(f"{SESSIONS}{number}/").status_code == 204
    assert here.delete(f"{SESSIONS}{number}/").status_code == 404
    assert there.get(SESSIONS).status_code == 401
    assert here.post(f"{SESSIONS}end-others/").json() == {"ended": 1}
    assert third.get(SESSIONS).status_code == 401
    assert his.get(SESSIONS).json()["count"] == 1
    (left,) = here.get(SESSIONS).json()["results"]
    assert here.delete(f"{SESSIONS}{left['number']}/").status_code == 204
    assert here.get(SESSIONS).status_code == 401
    assert AuditRow.objects.filter(action=Action.SESSION, target="alice").count() == 3


def test_sessions_of_a_member_are_seen_and_ended_by_administrators(
    alice: User, bob: User, charlie: User
) -> None:
    boss, his, foreign = map(world.logged_in, ("alice", "bob", "charlie"))
    of_bob = f"{BASE}/members/{bob.memberships.get().pk}/sessions/"
    (one,) = boss.get(of_bob).json()["results"]
    assert "current" not in one
    assert boss.delete(f"{of_bob}{UserSession.objects.get(user=charlie).pk}/").status_code == 404
    assert foreign.get(SESSIONS).status_code == 200
    assert boss.delete(f"{of_bob}{one['number']}/").status_code == 204
    assert his.get(SESSIONS).status_code == 401
    assert boss.get(f"{BASE}/members/{charlie.memberships.get().pk}/sessions/").status_code == 404


def test_sessions_are_ended_after_a_fresh_confirmation_and_never_by_tokens(
    alice: User, bob: User, script: Any
) -> None:
    late, other = map(world.logged_in, ("alice", "alice"))
    just_confirmed(late, alice, ago=16 * 60)
    of_bob = f"{BASE}/members/{bob.memberships.get().pk}/sessions/"
    number = UserSession.objects.get(session_key=other.session.session_key).pk
    world.logged_in("bob")
    assert late.get(SESSIONS).json()["count"] == 2
    for client in (late, script(alice, read_only=False)):
        assert client.delete(f"{SESSIONS}{number}/").status_code == 403
        assert client.post(f"{SESSIONS}end-others/").status_code == 403
        assert client.delete(f"{of_bob}{UserSession.objects.get(user=bob).pk}/").status_code == 403
    for address in (SESSIONS, of_bob):
        assert script(alice).get(address).status_code == 403
    assert UserSession.objects.count() == 3


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
