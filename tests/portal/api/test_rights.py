"""Who may call what: every address of the API, for each person and role, from its own URL table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone
from rest_framework.test import APIClient

from clusters import commits, replicas
from portal.jobs.rows import Job
from portal.modes import ModeConverter
from portal.people.tokens import ApiToken, issue
from portal.proposals.proposal import Proposal
from portal.tenants import ManagedCluster, Role, Tenant
from tests.portal import world
from tests.portal.conftest import Call

METHODS = ("get", "put", "post", "delete", "patch")
urlpatterns = next(p for p in get_resolver().url_patterns if str(p.pattern) == "api/v1/").url_patterns
OF_CLUSTERS = [p for p in urlpatterns if "slug" in p.pattern.converters]


NOBODY = 404_404_404


def addresses(pattern: URLPattern, cluster: ManagedCluster, **rows: int) -> Iterator[str]:
    """The pattern with what a real cluster has in it, one address per mode.

    `rows` are the numbers of rows of other lists by its word ("jobs"); else nothing has the number there.
    """
    made = commits.last(cluster.replica_id).id
    state = replicas.state(cluster.replica_id)
    own = {"tenant": cluster.tenant, "cluster": cluster}
    proposal = Proposal.everything.filter(**own).first() or Proposal.everything.create(**own)
    values: dict[str, Any] = {
        "slug": cluster.slug,
        "serial": next(iter(state.machines)),
        "origin": made.origin,
        "number": {"commits": made.number, "proposals": proposal.pk, **rows}.get(_list_of(pattern), NOBODY),
        "key": "nonsense",
        "session": 0,
        "feature": "smtproutes",
        "tenant": cluster.tenant.slug,
    }
    names = pattern.pattern.converters
    for mode in state.modes() if "mode" in names else [None]:
        filled = "/api/v1/" + str(pattern.pattern)
        for name, converter in names.items():
            word = next(w for w in ("mode", "slug", "str", "int") if f"<{w}:{name}>" in filled)
            value = ModeConverter().to_url(mode) if mode and name == "mode" else values.get(name, "")
            filled = filled.replace(f"<{word}:{name}>", str(value))
            del converter
        yield filled


def _list_of(pattern: URLPattern) -> str:
    """The word of the list that a number in the address belongs to: "members"."""
    words = str(pattern.pattern).split("<int:number>")[0].split("/")
    return next((word for word in reversed(words) if word and "<" not in word), "")


def test_foreign_cluster_is_not_found(
    secret: ManagedCluster, europe: ManagedCluster, alice: User, charlie: User, calls: Call
) -> None:
    before = replicas.vector(secret.replica_id)
    stranger, owner, owner_sees = calls(alice), calls(charlie), 0
    for pattern in OF_CLUSTERS:
        for address in addresses(pattern, secret):
            for method in METHODS:
                answer = getattr(stranger, method)(address, {}, format="json")
                assert answer.status_code in (404, 405), (method, address)
                assert b"hush" not in answer.content
                assert b"whisper" not in answer.content
            owner_sees += owner.get(address).status_code == 200
        assert replicas.vector(secret.replica_id) == before, pattern
    assert owner_sees > len(OF_CLUSTERS) // 2


def test_lists_hold_only_what_is_mine(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, umbra: Tenant, calls: Call
) -> None:
    foreign = Job.everything.create(tenant=umbra, cluster=secret, kind="synchronise")
    client = calls(alice)
    assert [c["slug"] for c in client.get("/api/v1/clusters/").json()["results"]] == ["europe"]
    assert client.get("/api/v1/clusters/?tenant=umbra").json()["results"] == []
    assert client.get("/api/v1/jobs/").json()["results"] == []
    assert client.get(f"/api/v1/jobs/{foreign.pk}/").status_code == 404
    assert client.delete(f"/api/v1/jobs/{foreign.pk}/").status_code == 404


def test_nobody_gets_anything_without_login_or_with_a_bad_token(europe: ManagedCluster) -> None:
    clients = (APIClient(), APIClient(HTTP_AUTHORIZATION="Bearer gatefold_nonsense"))
    for pattern in urlpatterns:
        for address in addresses(pattern, europe):
            for client in clients:
                for method in METHODS:
                    answer = getattr(client, method)(address, {}, format="json")
                    assert answer.status_code == 401, (method, address)


@pytest.mark.parametrize("role", [Role.GUEST, Role.READONLY, Role.APPROVER])
def test_role_that_may_not_edit_changes_nothing(
    role: Role, europe: ManagedCluster, acme: Tenant, calls: Call
) -> None:
    client = calls(world.person("mallory", "Mallory Moss", **{role: acme}))
    before = replicas.vector(europe.replica_id)
    for pattern in OF_CLUSTERS:
        for address in addresses(pattern, europe):
            for method in ("put", "post", "delete", "patch"):
                # An approver decides on proposals; what is sent here decides nothing.
                decides = (
                    role is Role.APPROVER and "proposals/<int" in str(pattern.pattern) and method == "post"
                )
                answer = getattr(client, method)(address, {}, format="json")
                assert answer.status_code in ((400,) if decides else (403, 405)), (method, address)
        assert replicas.vector(europe.replica_id) == before, pattern
        assert not Job.everything.exists(), pattern


def test_guest_sees_states_and_no_settings(europe: ManagedCluster, acme: Tenant, calls: Call) -> None:
    client = calls(world.person("gus", "Gus Guest", guest=acme))
    assert client.get("/api/v1/clusters/europe/machines/").status_code == 200
    assert client.get("/api/v1/clusters/europe/cluster/settings/smtproutes/").status_code == 403
    assert client.get("/api/v1/clusters/europe/commits/").status_code == 403


def test_read_only_token_looks_and_changes_nothing(europe: ManagedCluster, alice: User, script: Any) -> None:
    client = script(alice)
    assert client.get("/api/v1/clusters/europe/cluster/settings/").status_code == 200
    body = {"value": {"routes": []}}
    address = "/api/v1/clusters/europe/cluster/settings/smtproutes/"
    assert client.put(address, body, format="json").status_code == 403
    assert script(alice, read_only=False).put(address, body, format="json").status_code == 200


def test_token_ends_with_its_date_its_revocation_and_its_person(
    europe: ManagedCluster, alice: User, calls: Call, script: Any
) -> None:
    past = timezone.now() - timedelta(seconds=1)
    assert script(alice, expires=past).get("/api/v1/clusters/").status_code == 401
    client = script(alice)
    assert client.get("/api/v1/clusters/").status_code == 200
    row = ApiToken.objects.latest("pk")
    assert row.used is not None
    assert calls(alice).delete(f"/api/v1/tokens/{row.pk}/").status_code == 204
    assert client.get("/api/v1/clusters/").status_code == 401
    client = script(alice)
    alice.is_active = False
    alice.save()
    assert client.get("/api/v1/clusters/").status_code == 401


def test_token_is_shown_once_and_makes_no_tokens(alice: User, bob: User, calls: Call, script: Any) -> None:
    client = calls(alice)
    made = client.post("/api/v1/tokens/", {"name": "nightly"}, format="json").json()
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {made['token']}").get("/api/v1/clusters/").status_code == 200
    assert "token" not in client.get("/api/v1/tokens/").json()["results"][0]
    assert not ApiToken.objects.filter(digest=made["token"]).exists()
    assert script(alice, read_only=False).post("/api/v1/tokens/", {"name": "x"}).status_code == 403
    assert calls(bob).delete(f"/api/v1/tokens/{made['number']}/").status_code == 404
    assert calls(bob).get("/api/v1/tokens/").json()["results"] == []


def test_description_and_live_docs_are_there_for_people_who_logged_in(alice: User, calls: Call) -> None:
    client = calls(alice)
    found = client.get(reverse("api_schema"), HTTP_ACCEPT="application/vnd.oai.openapi+json")
    assert found.status_code == 200
    assert "/api/v1/clusters/{slug}/{mode}/settings/{feature}/" in found.json()["paths"]
    page = client.get(reverse("api_docs"))
    assert page.status_code == 200
    # The policy of the portal's pages lets no inline script run.
    assert b"<script>" not in page.content
    assert b"<style" not in page.content


def test_token_text_is_not_kept(alice: User) -> None:
    row, text = issue(alice, "one")
    assert text not in (row.digest, row.name)
    assert len(text) > 40
