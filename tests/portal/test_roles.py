"""Roles in a tenant and in single clusters: on pages, jobs, sockets, tokens and in the API, and at once."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from rest_framework.test import APIClient

from portal.hints import group_of, hint
from portal.jobs.rows import Job
from portal.live.consumers import NOT_LOGGED_IN, Live
from portal.people import members
from portal.people.members import LastAdministrator, NoRole
from portal.people.tokens import issue
from portal.tenants import (
    ClusterRole,
    Limits,
    ManagedCluster,
    Member,
    Right,
    Role,
    Tenant,
    role_in,
    tenants_with,
)
from tests.portal import world
from tests.portal.conftest import LogIn


@pytest.fixture
def erik(acme: Tenant, europe: ManagedCluster) -> User:
    """Has no role in the tenant, only in Europe."""
    user = world.person("erik", "Erik Ek")
    member = Member.objects.create(tenant=acme, user=user, role="")
    ClusterRole.objects.create(member=member, cluster=europe, role=Role.OPERATOR)
    return user


def member_of(user: User) -> Member:
    return user.memberships.get()


def test_member_of_one_cluster_sees_that_one_alone(
    erik: User, europe: ManagedCluster, asia: ManagedCluster, log_in: LogIn
) -> None:
    hers = Job.everything.create(tenant=europe.tenant, cluster=europe, kind="synchronise")
    Job.everything.create(tenant=europe.tenant, cluster=asia, kind="synchronise")
    of_the_tenant = Job.everything.create(tenant=europe.tenant, kind="adopt")
    assert list(ManagedCluster.objects.seen_by(erik)) == [europe]
    assert list(Job.objects.seen_by(erik)) == [hers]
    client = log_in(erik)
    assert client.get("/europe/pending/").status_code == 200
    assert client.get("/asia/").status_code == 404
    assert client.get(f"/jobs/{of_the_tenant.pk}/").status_code == 404
    assert "Asia" not in client.get("/").content.decode()
    assert client.get("/adopt/").status_code == 403
    assert client.get("/people/acme/").status_code == 403


def test_role_in_a_cluster_stands_instead_of_the_one_in_the_tenant(
    bob: User, europe: ManagedCluster, asia: ManagedCluster, log_in: LogIn
) -> None:
    ClusterRole.objects.create(member=member_of(bob), cluster=europe, role=Role.READONLY)
    ClusterRole.objects.create(member=member_of(bob), cluster=asia, role=Role.ADMINISTRATOR)
    tenant = europe.tenant_id
    assert role_in(bob, tenant, europe.pk) is Role.READONLY
    assert role_in(bob, tenant, asia.pk) is Role.ADMINISTRATOR
    assert role_in(bob, tenant) is Role.OPERATOR
    assert list(tenants_with(bob, Right.ADMINISTER)) == []
    client = log_in(bob)
    assert client.get("/europe/pending/").status_code == 403
    assert client.get("/asia/pending/").status_code == 200


def test_administrator_of_a_cluster_is_none_of_the_tenant(
    erik: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    ClusterRole.objects.update(role=Role.ADMINISTRATOR)
    assert role_in(erik, europe.tenant_id, europe.pk) is Role.ADMINISTRATOR
    assert role_in(erik, europe.tenant_id) is None
    assert log_in(erik).get("/people/acme/").status_code == 403
    assert log_in(erik).get("/audit/acme/").status_code == 403


def test_role_in_a_foreign_cluster_is_refused(bob: User, secret: ManagedCluster) -> None:
    with pytest.raises(ValidationError):
        ClusterRole(member=member_of(bob), cluster=secret, role=Role.GUEST).clean()
    with pytest.raises(ValidationError):
        members.change(bob, member_of(bob), Role.OPERATOR, {secret: Role.OPERATOR})
    assert list(ManagedCluster.objects.seen_by(bob)) == []


def test_changed_role_holds_on_a_page_that_is_open(
    alice: User, bob: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    open_page, boss = log_in(bob), log_in(alice)
    assert open_page.get("/europe/pending/").status_code == 200
    path = f"/people/acme/{member_of(bob).pk}/"
    assert boss.post(path, {"do": "roles", "role": "guest"}).status_code == 302
    assert open_page.get("/europe/pending/").status_code == 403
    assert open_page.post("/europe/synchronise/").status_code == 403
    assert boss.post(path, {"do": "remove"}).status_code == 302
    assert open_page.get("/europe/").status_code == 404


def test_changed_role_holds_for_tokens_at_once(
    alice: User, bob: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    script = APIClient(HTTP_AUTHORIZATION=f"Bearer {issue(bob, 'x', read_only=False)[1]}")
    assert script.post("/api/v1/clusters/europe/synchronise/").status_code == 202
    members.change(alice, member_of(bob), Role.READONLY, {})
    assert script.post("/api/v1/clusters/europe/synchronise/").status_code == 403
    members.remove(alice, member_of(bob))
    assert script.get("/api/v1/clusters/europe/").status_code == 404


@pytest.mark.parametrize("limit", ["cluster", "tenant"])
def test_token_reaches_no_further_than_its_limits(
    limit: str,
    alice: User,
    umbra: Tenant,
    europe: ManagedCluster,
    asia: ManagedCluster,
    secret: ManagedCluster,
) -> None:
    Member.objects.create(user=alice, tenant=umbra, role=Role.ADMINISTRATOR)
    limits: dict[str, Any] = {"clusters": [europe]} if limit == "cluster" else {"tenant": europe.tenant}
    script = APIClient(HTTP_AUTHORIZATION=f"Bearer {issue(alice, 'x', read_only=False, **limits)[1]}")
    slugs = {each["slug"] for each in script.get("/api/v1/clusters/").json()["results"]}
    assert slugs == ({"europe"} if limit == "cluster" else {"europe", "asia"})
    assert script.get("/api/v1/clusters/blacksite/").status_code == 404
    assert script.post("/api/v1/clusters/blacksite/synchronise/").status_code == 404
    assert script.get("/api/v1/tenants/umbra/audit/").status_code == 404
    assert script.get("/api/v1/tenants/acme/audit/").status_code == (404 if limit == "cluster" else 200)


def test_token_whose_clusters_are_gone_opens_none(
    alice: User, europe: ManagedCluster, asia: ManagedCluster
) -> None:
    text = issue(alice, "x", clusters=[asia])[1]
    asia.delete()
    script = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert script.get("/api/v1/clusters/").json()["results"] == []
    assert script.get("/api/v1/clusters/europe/").status_code == 404


def test_limits_include_what_they_name() -> None:
    assert Limits().include(1, None)
    assert Limits(1).include(1, 5)
    assert not Limits(1).include(2, 5)
    assert Limits(clusters=frozenset({5})).include(1, 5)
    assert not Limits(clusters=frozenset({5})).include(1, None)


def test_last_administrator_stays(alice: User, bob: User, europe: ManagedCluster) -> None:
    one = member_of(alice)
    with pytest.raises(LastAdministrator):
        members.remove(alice, one)
    with pytest.raises(LastAdministrator):
        members.change(alice, one, Role.OPERATOR, {europe: Role.ADMINISTRATOR})
    members.change(alice, member_of(bob), Role.ADMINISTRATOR, {})
    members.change(alice, one, Role.OPERATOR, {})
    assert member_of(alice).role == Role.OPERATOR
    bob.is_active = False
    bob.save()
    members.change(alice, one, Role.ADMINISTRATOR, {})
    with pytest.raises(LastAdministrator):
        members.remove(alice, one)


def test_member_without_any_role_is_refused(alice: User, bob: User, europe: ManagedCluster) -> None:
    with pytest.raises(NoRole):
        members.change(alice, member_of(bob), "", {europe: ""})
    assert member_of(bob).role == Role.OPERATOR


def socket(user: Any) -> WebsocketCommunicator:
    found = WebsocketCommunicator(Live.as_asgi(), "/live/")
    found.scope["user"] = user
    return found


@pytest.mark.django_db(transaction=True)
async def test_changed_role_holds_on_an_open_socket(
    alice: User, bob: User, erik: User, europe: ManagedCluster, asia: ManagedCluster
) -> None:
    his = socket(erik)
    assert (await his.connect())[0]
    one = await sync_to_async(member_of)(erik)
    await sync_to_async(members.change)(alice, one, "", {asia: Role.GUEST})
    told = await his.receive_json_from(timeout=10)
    assert told["cluster"] == "", "the page is told to look again"
    await sync_to_async(hint)(group_of(europe.replica_id), "status", "europe")
    await sync_to_async(hint)(group_of(asia.replica_id), "status", "asia")
    while told["cluster"] != "asia":
        told = await his.receive_json_from(timeout=10)
        assert told["cluster"] != "europe"
    await his.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_socket_of_a_closed_account_is_closed(bob: User, europe: ManagedCluster) -> None:
    his = socket(bob)
    assert (await his.connect())[0]
    bob.is_active = False
    await sync_to_async(bob.save)()
    closed = await his.receive_output(timeout=10)
    assert (closed["type"], closed["code"]) == ("websocket.close", NOT_LOGGED_IN)
    await his.wait()


@pytest.mark.django_db(transaction=True)
async def test_socket_of_an_ended_session_is_closed(
    bob: User, alice: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    client, boss = await sync_to_async(log_in)(bob), await sync_to_async(log_in)(alice)
    await sync_to_async(note)(client)
    his = socket(bob)
    his.scope["session"] = client.session
    assert (await his.connect())[0]
    one = await sync_to_async(member_of)(bob)
    session = await UserSession.objects.aget(user=bob)
    path = f"/people/acme/{one.pk}/"
    assert (await sync_to_async(boss.post)(path, {"do": "end", "number": session.pk})).status_code == 302
    closed = await his.receive_output(timeout=10)
    assert (closed["type"], closed["code"]) == ("websocket.close", NOT_LOGGED_IN)
    await his.wait()
    assert (await sync_to_async(client.get)("/")).status_code == 302


def note(client: Client) -> None:
    """Let the portal note the session as one that is used."""
    session = client.session
    del session["noted"]
    session.save()
    client.get("/")
