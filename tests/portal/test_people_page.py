"""The pages of people for administrators: the list does not grow in queries, sessions are seen and ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.audit.log import Action, AuditRow
from portal.demo import people as demo_people
from portal.demo.plan import PASSPHRASE, PEOPLE
from portal.people import invitations
from portal.tenants import ClusterRole, ManagedCluster, Member, Role, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn


def queries(client: Any, path: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200
    return len(found)


def test_list_takes_as_many_queries_for_many_members_as_for_few(
    acme: Tenant, alice: User, bob: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(alice)
    ClusterRole.objects.create(member=bob.memberships.get(), cluster=europe, role=Role.GUEST)
    few = queries(client, "/people/acme/"), queries(client, "/audit/acme/")
    for number in range(12):
        user = world.person(f"person{number}", f"Person {number}")
        member = Member.objects.create(tenant=acme, user=user, role="")
        ClusterRole.objects.create(member=member, cluster=europe, role=Role.OPERATOR)
        Client().post("/login/", {"username": user.username, "password": "wrong"})
    assert (queries(client, "/people/acme/"), queries(client, "/audit/acme/")) == few


@pytest.mark.usefixtures("contexts")
def test_invitations_are_found_by_their_address_beside_the_members(
    acme: Tenant, alice: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    def invite(*numbers: int) -> None:
        for number in numbers:
            invitations.invite(
                SimpleNamespace(user=alice), acme, f"g{number}@one.example", Role.GUEST, [europe]
            )

    client = log_in(alice)
    invite(1, 2)
    few, html = queries(client, "/people/acme/"), client.get("/people/acme/").content.decode()
    assert "Filter the invitations" not in html
    invite(*range(3, 13))
    assert queries(client, "/people/acme/") == few
    answer = client.get("/people/acme/?email=G1%40&q=alice")
    assert [one.email for one in answer.context["invitations"]] == ["g1@one.example"]
    assert [one.user for one in answer.context["page"]] == [alice]
    html = answer.content.decode()
    assert '<input type="hidden" name="q" value="alice">' in html
    assert 'href="?q=alice"' in html
    html = client.get("/people/acme/", {"email": "\0nobody"}).content.decode()
    assert "Nothing matches" in html
    assert "within a week" not in html


def test_administrator_of_two_tenants_chooses(alice: User, umbra: Tenant, log_in: LogIn) -> None:
    assert log_in(alice).get("/people/").headers["Location"] == "/people/acme/"
    Member.objects.create(user=alice, tenant=umbra, role=Role.ADMINISTRATOR)
    page = log_in(alice).get("/audit/").content.decode()
    assert "/audit/acme/" in page
    assert "/audit/umbra/" in page


def test_administrator_sees_and_ends_sessions_of_members_alone(
    alice: User, bob: User, charlie: User, log_in: LogIn
) -> None:
    browsers = {}
    for name in ("bob", "charlie"):
        browsers[name] = Client(REMOTE_ADDR="192.0.2.8")
        browsers[name].post("/login/", {"username": name, "password": world.PASSPHRASE})
    boss = log_in(alice)
    path = f"/people/acme/{bob.memberships.get().pk}/"
    assert "192.0.2.8" in boss.get(path).content.decode()
    boss.post(path, {"do": "end", "number": UserSession.objects.get(user=charlie).pk})
    assert browsers["charlie"].get("/").status_code == 200
    assert boss.get(f"/people/acme/{charlie.memberships.get().pk}/").status_code == 404
    boss.post(path, {"do": "end", "number": UserSession.objects.get(user=bob).pk})
    assert browsers["bob"].get("/").status_code == 302
    row = AuditRow.objects.get(action=Action.SESSION)
    assert (row.actor, row.target) == ("alice", "bob")


def test_logins_of_the_demo_work_and_nobody_needs_a_second_factor(db: None) -> None:
    demo_people.ensure()
    for person in PEOPLE:
        client = Client()
        client.post("/login/", {"username": person.login, "password": PASSPHRASE})
        assert client.get("/").status_code == 200, person.login
        allowed = 200 if "administrator" in person.roles.values() else 403
        assert client.get("/people/", follow=True).status_code == allowed, person.login


def test_broken_form_changes_nobody(alice: User, bob: User, europe: ManagedCluster, log_in: LogIn) -> None:
    boss, path = log_in(alice), f"/people/acme/{bob.memberships.get().pk}/"
    for told in (
        {"do": "roles", "role": "emperor"},
        {"do": "roles", "role": "", f"cluster.{europe.pk}": "emperor"},
        {"do": "end", "number": "x"},
        {"do": "nonsense"},
        {},
    ):
        assert boss.post(path, told).status_code == 302
    assert bob.memberships.get().role == Role.OPERATOR
    for number in ("x" * 5000, "9" * 5000, "9" * 25, "٣", "-1"):
        assert boss.post("/people/acme/", {"do": "revoke", "number": number}).status_code == 404
        assert boss.post("/account/sessions/", {"do": "end", "number": number}).status_code == 302
        assert boss.post("/account/tokens/", {"do": "revoke", "number": number}).status_code == 404
    told = {"do": "invite", "email": "no address", "role": "guest"}
    assert boss.post("/people/acme/", told).status_code == 422
