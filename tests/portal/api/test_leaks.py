"""The leak matrix of the API: a role in one cluster, a token's limits, and no more than the pages show."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from clusters import replicas
from portal.alerts.incidents import Fact, happened
from portal.alerts.kinds import Kind
from portal.people.tokens import issue
from portal.tenants import ManagedCluster, Member, Right, Role, Tenant
from tests.portal import world
from tests.portal.api.test_rights import METHODS, OF_CLUSTERS, addresses, urlpatterns
from tests.portal.conftest import Call, LogIn
from tests.portal.test_leaks import ROLES, WORDS, named
from tests.portal.test_rights import SEES


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.usefixtures("tenants")
def test_other_cluster_of_the_tenant_is_not_found_in_the_api(
    role: Role, europe: ManagedCluster, asia: ManagedCluster, calls: Call
) -> None:
    client = calls(world.in_one(europe, role))
    before = replicas.vector(asia.replica_id)
    for pattern in OF_CLUSTERS:
        for address in addresses(pattern, asia):
            for method in METHODS:
                answer = getattr(client, method)(address, {}, format="json")
                assert answer.status_code in (404, 405), (method, address)
    assert replicas.vector(asia.replica_id) == before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.usefixtures("tenants")
def test_no_answer_of_the_api_names_the_other_cluster(
    role: Role, europe: ManagedCluster, calls: Call
) -> None:
    client = calls(world.in_one(europe, role))
    asked = [a for pattern in urlpatterns for a in addresses(pattern, europe) if "schema" not in a]
    asked += [f"/api/v1/search/?q={word}" for word in WORDS]
    lists = ("alerts", "jobs", "clusters", "notifications/deliveries", "tenants/acme/audit")
    asked += [f"/api/v1/{each}/?cluster=asia&tenant=umbra&q=asia&machine=tokyo" for each in lists]
    asked.append("/api/v1/alerts/?cluster=asia&state=all")
    for address in asked:
        answer = client.get(address)
        assert answer.status_code < 500, address
        assert not named(answer.content.decode(), address), address


PAGE_OF = {
    "": "cluster",
    "modes/": "mode",
    "machines/": "cluster",
    "machines/<str:serial>/": "cluster",
    "machines/<str:serial>/monitor/": "monitor",
    "machines/<str:serial>/applies/": "monitor",
    "links/": "links",
    "matrix/": "matrix",
    "pending/": "pending",
    "commits/": "history",
    "commits/<str:origin>/<int:number>/": "commit",
    "advice/": "advice",
    "references/": "references",
    "check/": "check",
    "check/findings/": "check",
    "conflicts/": "conflicts",
    "policy/": "policy",
    "proposals/": "proposals",
    "proposals/<int:number>/": "proposal",
    "alerts/": "cluster_alerts",
    "windows/": "cluster_alerts",
    "membership/": "feature",
    "backups/": "configuration_file",
    "<mode:mode>/configuration-file/": "configuration_file",
    "queues/": "queues",
    "queues/machines/": "queues",
    "queues/messages/": "queues",
    "suspension/": "queues",
    "upgrades/": "upgrades",
    "upgrades/machines/": "upgrades",
    "<mode:mode>/settings/": "mode",
    "<mode:mode>/settings/<slug:feature>/": "feature",
}
"""Which page shows what an address of the API tells; addresses that are only sent to are not here."""
PREFIX = "clusters/<slug:slug>/"


@pytest.mark.parametrize("role", ROLES)
def test_api_shows_a_role_no_more_than_its_pages(role: Role, europe: ManagedCluster, calls: Call) -> None:
    client = calls(world.in_one(europe, role))
    for pattern in OF_CLUSTERS:
        part = str(pattern.pattern).removeprefix(PREFIX)
        codes = {client.get(address).status_code for address in addresses(pattern, europe)}
        if 200 in codes:
            assert PAGE_OF[part] in SEES[role], part
        elif part in PAGE_OF and codes - {404, 405}:
            assert codes <= {403, 404}, (part, codes)


@pytest.mark.parametrize("everywhere", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_role_in_the_cluster_decides_over_an_alert(
    role: Role, everywhere: Role, europe: ManagedCluster, calls: Call, log_in: LogIn
) -> None:
    person = world.in_one(europe, role, everywhere)
    alert = happened(europe.tenant, europe, Fact(Kind.DOWN, "berlin"), timezone.now())
    code = calls(person).post(f"/api/v1/alerts/{alert.pk}/acknowledge/", {}, format="json").status_code
    assert code == (200 if role.may(Right.EDIT) else 403)
    page = log_in(person).post(f"/alerts/{alert.pk}/", {"note": "x"}).status_code
    assert page == (302 if role.may(Right.EDIT) else 403)


def test_token_of_one_tenant_keeps_no_notifications_of_another(
    acme: Tenant, umbra: Tenant, europe: ManagedCluster, alice: User
) -> None:
    Member.objects.create(user=alice, tenant=umbra, role=Role.ADMINISTRATOR)
    text = issue(alice, "x", read_only=False, tenant=acme)[1]
    script = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")
    body = {"tenant": "umbra", "name": "x", "way": "mail", "recipients": "a@example.com"}
    assert script.post("/api/v1/notifications/channels/", body, format="json").status_code == 400
    body["tenant"] = "acme"
    assert script.post("/api/v1/notifications/channels/", body, format="json").status_code == 201
    narrow = APIClient(HTTP_AUTHORIZATION=f"Bearer {issue(alice, 'y', clusters=[europe])[1]}")
    assert narrow.get("/api/v1/notifications/channels/").status_code == 403
