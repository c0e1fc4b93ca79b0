"""Groups, disconnect and reconnect over the API: the command, the outcome, one commit on the spot."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from clusters import replicas
from portal.jobs.rows import Job
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import Call

URL = "/api/v1/clusters/europe/membership/"


def test_machine_moves_to_another_group_after_a_dry_run(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """GRP-03."""
    client = calls(alice)
    found = client.get(URL).json()
    paris = next(g["id"] for g in found["groups"] if g["name"] == "Paris")
    berlin = next(m["serial"] for m in found["machines"] if m["name"] == "berlin.example")
    told = {"operation": "set_group", "machines": [berlin], "group": paris}
    vector = replicas.vector(europe.replica_id)
    looked = client.post(URL, {**told, "dry_run": True}, format="json").json()
    assert looked["command"] == "clusterconfig setgroup berlin.example Paris"
    assert [each["name"] for each in looked["impact"]] == ["berlin.example"]
    assert looked["job"] is None
    assert replicas.vector(europe.replica_id) == vector
    done = client.post(URL, told, format="json", headers={"Idempotency-Key": "one"}).json()
    again = client.post(URL, told, format="json", headers={"Idempotency-Key": "one"}).json()
    assert done == again
    assert Job.everything.get().pk == done["job"]["number"]
    assert replicas.state(europe.replica_id).machines[berlin].group == paris


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"operation": "explode"}, 400),
        ({}, 400),
        ({"operation": "add_group"}, 422),
        ({"operation": "add_group", "name": "Paris"}, 422),
        ({"operation": "disconnect"}, 422),
        ({"operation": "disconnect", "machines": ["nobody"]}, 404),
        ({"operation": "delete_group", "group": "nobody"}, 404),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    europe: ManagedCluster, alice: User, calls: Call, told: dict[str, object], status: int
) -> None:
    """GRP-02, CR-08."""
    vector = replicas.vector(europe.replica_id)
    assert calls(alice).post(URL, told, format="json").status_code == status
    assert replicas.vector(europe.replica_id) == vector


def test_operator_may_and_reader_may_not(
    europe: ManagedCluster, bob: User, charlie: User, calls: Call
) -> None:
    told = {"operation": "disconnect", "machines": [world.mode_of(europe, "rome.example").id]}
    reader = world.person("rita", "Rita", readonly=europe.tenant)
    assert calls(reader).post(URL, told, format="json").status_code == 403
    assert calls(charlie).post(URL, told, format="json").status_code == 404
    assert calls(bob).post(URL, told, format="json").json()["job"]["state"] == "done"


def test_portal_without_the_guide_has_no_operations(
    europe: ManagedCluster, alice: User, calls: Call, settings: object
) -> None:
    """CL-14."""
    settings.GATEFOLD_GUIDED_CLUSTERCONFIG = False  # type: ignore[attr-defined]  # pytest-django's fixture
    told = {"operation": "add_group", "name": "London"}
    assert calls(alice).post(URL, told, format="json").status_code == 404
    assert calls(alice).get(URL).status_code == 200
