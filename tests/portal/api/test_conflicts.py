"""The conflict desk in the API."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from clusters import commits, drafts
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import Call

DESK = "/api/v1/clusters/europe/conflicts/"


@pytest.fixture
def client(europe: ManagedCluster, alice: User, calls: Call) -> APIClient:
    world.conflict(europe)
    return calls(alice)


def test_conflict_has_all_three_values_and_what_differs(client: APIClient) -> None:
    (found,) = client.get(DESK).json()["results"]
    assert found["ancestor"]["value"] == world.routes(a_example="192.0.2.1")
    assert found["newest"]["value"] == world.routes(a_example="198.51.100.2")
    assert (found["other"]["user"], found["other"]["comment"]) == ("dora", "From afar")
    assert {row["path"]: row["suggested"] for row in found["rows"]} == {
        "routes[a.example].hosts": "newest",
        "routes[b.example]": "other",
    }


def test_merge_is_pending(client: APIClient, europe: ManagedCluster) -> None:
    (found,) = client.get(DESK).json()["results"]
    sent = {
        "entry": found["entry"],
        "version": found["other"]["commit"],
        "merge": {"routes[b.example]": "other"},
    }
    assert client.post(DESK, sent, format="json").status_code == 200
    (change,) = drafts.pending(europe.replica_id, "alice")
    assert change.value == world.routes(a_example="198.51.100.2", b_example="198.51.100.1")
    bad = client.post(DESK, {**sent, "version": "NOBODY/9"}, format="json")
    assert bad.status_code == 422


def test_loser_is_restored_and_winner_kept_by_a_commit(client: APIClient, europe: ManagedCluster) -> None:
    (found,) = client.get(DESK).json()["results"]
    sent = {"entry": found["entry"], "version": found["other"]["commit"]}
    assert client.post(DESK, sent, format="json").status_code == 201
    assert commits.conflicts(europe.replica_id) == []
    assert client.post(DESK, {"entry": found["entry"]}, format="json").status_code == 422
