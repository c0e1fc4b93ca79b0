"""Configuration files over the API: the same text, the same refusals, the same pending changes."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from appliances.features.userconfig import FEATURE, initial_users
from clusters import drafts, replicas
from clusters.modes import CLUSTER
from portal.config_files.backups import Backup
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import Call
from tests.portal.test_config_files_page import HASH, SECRET

BASE = "/api/v1/clusters/europe"
FILE = f"{BASE}/cluster/configuration-file/"
LOAD = f"{BASE}/configuration-file/load/"


@pytest.fixture(autouse=True)
def users(europe: ManagedCluster) -> None:
    world.define(europe, CLUSTER, "userconfig", FEATURE.check(initial_users(HASH)))


def test_file_is_saved_and_loaded_as_pending_changes(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """LOAD-01, LOAD-08."""
    client = calls(alice)
    assert HASH not in client.get(FILE).json()["text"]
    text = client.post(FILE, {"passphrase": SECRET}, format="json").json()["text"]
    world.define(europe, CLUSTER, "smtproutes", world.routes(x_example="192.0.2.3"))
    vector = replicas.vector(europe.replica_id)
    told = {"text": text, "passphrase": SECRET}
    looked = client.post(LOAD, {**told, "dry_run": True}, format="json").json()
    assert looked["entries"] == ["settings/cluster/smtproutes"]
    assert looked["pending"] is None
    assert not drafts.pending(europe.replica_id, "alice")
    loaded = client.post(LOAD, told, format="json").json()
    assert len(loaded["pending"]["changes"]) == 1
    assert replicas.vector(europe.replica_id) == vector
    assert [row["why"] for row in client.get(f"{BASE}/backups/").json()["results"]] == ["load"]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"text": "<config"}, 422),
        ({"text": ""}, 400),
        ({}, 400),
        ({"groups": {"nobody": "nobody"}}, 422),
        ({"passphrase": "another one"}, 422),
        ({"passphrase": ""}, 422),
    ],
)
def test_what_cannot_be_loaded_changes_nothing(
    europe: ManagedCluster, alice: User, calls: Call, told: dict[str, object], status: int
) -> None:
    """LOAD-09."""
    text = calls(alice).post(FILE, {"passphrase": SECRET}, format="json").json()["text"]
    sent = {"text": text, "passphrase": SECRET, **told} if told else {}
    assert calls(alice).post(LOAD, sent, format="json").status_code == status
    assert not drafts.pending(europe.replica_id, "alice")
    assert not Backup.objects.exists()


def test_groups_have_no_file_and_operators_load_none(
    europe: ManagedCluster, alice: User, bob: User, charlie: User, calls: Call
) -> None:
    """LOAD-05."""
    paris = world.mode_of(europe, "Paris").id
    assert calls(alice).get(f"{BASE}/group/{paris}/configuration-file/").status_code == 404
    machine = world.mode_of(europe, "paris.example").id
    flattened = calls(bob).get(f"{BASE}/machine/{machine}/configuration-file/").json()["text"]
    assert 'kind="machine"' in flattened
    assert calls(bob).post(LOAD, {"text": flattened}, format="json").status_code == 403
    assert calls(alice).post(LOAD, {"text": flattened}, format="json").status_code == 422
    assert calls(charlie).get(FILE).status_code == 404
    assert calls(bob).post(f"{BASE}/backups/").json()["number"] == 1
