"""Idempotency keys: a repeated request gets the first answer, and nothing happens twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern
from django.utils import timezone

from clusters import commits, drafts, replicas
from clusters.modes import CLUSTER
from portal.api.idempotency import KEPT, LONGEST_WORK, Answered
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.api.test_rights import addresses, urlpatterns
from tests.portal.conftest import Call

COMMITS = "/api/v1/clusters/europe/commits/"


@pytest.fixture
def pending(europe: ManagedCluster, alice: User) -> None:
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(c_example="192.0.2.7"))


@pytest.mark.usefixtures("pending")
def test_repeated_commit_gets_the_first_answer(europe: ManagedCluster, alice: User, calls: Call) -> None:
    client = calls(alice)
    first = client.post(COMMITS, {"comment": "x"}, format="json", headers={"Idempotency-Key": "k1"})
    again = client.post(COMMITS, {"comment": "x"}, format="json", headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert str(commits.last(europe.replica_id).id) == first.json()["commit"]


@pytest.mark.usefixtures("pending")
def test_key_of_another_request_is_refused(europe: ManagedCluster, alice: User, calls: Call) -> None:
    client = calls(alice)
    client.post(COMMITS, {"comment": "x"}, format="json", headers={"Idempotency-Key": "k1"})
    other = client.post(COMMITS, {"comment": "y"}, format="json", headers={"Idempotency-Key": "k1"})
    assert other.status_code == 409


@pytest.mark.usefixtures("pending")
def test_key_of_another_person_is_another_key(
    europe: ManagedCluster, alice: User, bob: User, calls: Call
) -> None:
    calls(alice).post(COMMITS, {"comment": "x"}, format="json", headers={"Idempotency-Key": "k1"})
    answer = calls(bob).post(COMMITS, {"comment": "x"}, format="json", headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 422


def test_refused_request_may_be_tried_again_with_its_key(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    client, before = calls(alice), replicas.vector(europe.replica_id)
    for _attempt in range(2):
        answer = client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 422
    assert replicas.vector(europe.replica_id) == before
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(c_example="192.0.2.7"))
    answer = client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 201


@pytest.mark.usefixtures("pending")
def test_request_that_is_still_worked_on_is_told_so(europe: ManagedCluster, alice: User, calls: Call) -> None:
    client = calls(alice)
    client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"})
    Answered.objects.update(code=None)
    answer = client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 409


@pytest.mark.usefixtures("pending")
def test_key_of_a_request_whose_process_was_killed_is_taken_over(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """TRU-07: it has no answer, and none will come; not for a day."""
    Answered.objects.create(user=alice, key="k1", request="")
    client = calls(alice)
    client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k0"})
    Answered.objects.filter(key="k1").update(request=Answered.objects.get(key="k0").request)
    assert client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"}).status_code == 409

    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(d_example="192.0.2.8"))
    Answered.objects.update(created=timezone.now() - LONGEST_WORK - timedelta(seconds=1))
    done = client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"})
    again = client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"})

    assert (done.status_code, again.json()) == (201, done.json())


@pytest.mark.usefixtures("pending")
def test_key_of_another_query_is_refused(europe: ManagedCluster, alice: User, calls: Call) -> None:
    """TRU-07: what stands behind the question mark is part of the request."""
    client = calls(alice)
    client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"})
    other = client.post(f"{COMMITS}?dry=1", {}, format="json", headers={"Idempotency-Key": "k1"})
    assert other.status_code == 409


@pytest.mark.usefixtures("pending")
def test_old_answers_are_forgotten(europe: ManagedCluster, alice: User, calls: Call) -> None:
    client = calls(alice)
    client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k1"})
    row = Answered.objects.get()
    Answered.objects.update(created=row.created - KEPT - timedelta(seconds=1))
    client.post(COMMITS, {}, format="json", headers={"Idempotency-Key": "k2"})
    assert not Answered.objects.filter(key="k1").exists()


@pytest.mark.parametrize("key", ["x" * 201, "a\tb"])
def test_bad_key_is_refused(europe: ManagedCluster, alice: User, calls: Call, key: str) -> None:
    answer = calls(alice).post(COMMITS, {}, format="json", headers={"Idempotency-Key": key})
    assert answer.status_code == 400


HOLD_SECRETS = {"notifications/channels/", "tokens/", "tenants/<slug:tenant>/invitations/"}
"""Their answers are shown once and must not be kept."""
CHANGE_NOTHING = {"clusters/<slug:slug>/<mode:mode>/configuration-file/"}


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda p: str(p.pattern))
def test_every_post_that_changes_something_takes_a_key(
    pattern: URLPattern, europe: ManagedCluster, alice: User, calls: Call
) -> None:
    client = calls(alice)
    address = next(iter(addresses(pattern, europe)))
    answer = client.post(address, {}, format="json", headers={"Idempotency-Key": "a\tb"})
    takes = "Idempotency-Key" in str(answer.data)
    if answer.status_code != 405 and str(pattern.pattern) not in HOLD_SECRETS | CHANGE_NOTHING:
        assert takes or answer.status_code == 404, address
    else:
        assert not takes
