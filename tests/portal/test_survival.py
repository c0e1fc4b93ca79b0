"""Pages, API and admin survive what is done to them: no failure, a clear word, nothing lost."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.signals import got_request_exception
from django.test import Client
from django.urls import URLPattern
from rest_framework.test import APIClient

from clusters import drafts, replicas
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster
from tests.portal import garbage, world
from tests.portal.api import test_rights as api
from tests.portal.conftest import LogIn
from tests.portal.test_admin_site import TABLES
from tests.portal.test_rights import filled, patterns

LEAVES = {"account_logout", "release_file"}
"""One ends the session that the test needs; the other takes no input."""


def looked_at() -> list[URLPattern]:
    return [p for p in patterns() if p.name not in LEAVES]


@pytest.fixture(autouse=True)
def raised() -> Iterator[list[str]]:
    """What the server has failed of, with the last lines for whoever mends it; there must be nothing."""
    found: list[str] = []

    def note(**_more: Any) -> None:
        found.append("\n".join(traceback.format_exc().strip().splitlines()[-5:])[:700])

    got_request_exception.connect(note)
    yield found
    got_request_exception.disconnect(note)
    assert sorted(set(found)) == []


@pytest.fixture
def tough(alice: User, log_in: LogIn) -> Client:
    """Alice's browser, which gets failures of the server as answers."""
    client = log_in(alice)
    client.raise_request_exception = False
    return client


def queries() -> Iterator[str]:
    for word in garbage.QUERIES:
        yield "&".join(f"{name}={word}" for name in garbage.ASKED)


def ask(client: Client, path: str) -> None:
    """Every wrong query, for the whole page and for its live part."""
    for query in queries():
        client.get(f"{path}?{query}")
        client.get(f"{path}?{query}", headers={"HX-Request": "true"})


def send(client: Client, path: str) -> None:
    """Every wrong body and form."""
    for body, kind in garbage.RAW:
        client.post(path, body, content_type=kind)
    for form in garbage.forms_of(client.get(path).content.decode()):
        client.post(path, form)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", looked_at(), ids=lambda p: str(p.name or p.pattern))
def test_page_survives_broken_and_oversized_input(
    pattern: URLPattern, europe: ManagedCluster, tough: Client
) -> None:
    world.report(europe)
    paths = list(filled(pattern, europe))
    for path in dict.fromkeys((paths[0], paths[-1])):
        ask(tough, path)
        send(tough, path)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", api.urlpatterns, ids=lambda p: str(p.pattern))
def test_api_survives_broken_and_oversized_input(
    pattern: URLPattern, europe: ManagedCluster, alice: User
) -> None:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(alice)
    bodies = [*garbage.NO_JSON, *(json.dumps(found).encode() for found in garbage.JSON)]
    for address in list(api.addresses(pattern, europe))[:2]:
        for query in queries():
            client.get(f"{address}?{query}")
        for method in ("post", "put", "patch", "delete"):
            for body in bodies:
                answer = getattr(client, method)(address, body, content_type="application/json")
                assert answer.status_code < 500, (method, address, body[:40])


@pytest.mark.slow
@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.label)
def test_admin_survives_broken_and_oversized_input(
    model: Any, europe: ManagedCluster, alice: User, tough: Client
) -> None:
    alice.is_superuser = alice.is_staff = True
    alice.save()
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(a_example="192.0.2.3"))
    before = replicas.vector(europe.replica_id)
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    row = model._base_manager.first()
    for name in ("q", "o", "p", "e", "pk", "no_such", "all"):
        for word in garbage.QUERIES:
            tough.get(f"{base}?{name}={word}")
    paths = [base, f"{base}add/", *([f"{base}{row.pk}/change/"] if row is not None else [])]
    for path in paths:
        for query in queries():
            tough.get(f"{path}?{query}")
        send(tough, path)
    for wrong in ("nonsense", garbage.HUGE):
        tough.get(f"{base}{wrong}/change/")
        tough.post(f"{base}{wrong}/change/", {"_save": "x"})
    assert replicas.vector(europe.replica_id) == before
