"""Queues and suspension over the API: the same as the pages do, with the same refusals."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from appliances.following.questions import Question
from appliances.models import MachineStatus
from portal.jobs.rows import Job
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import Call
from tests.portal.test_queues import message, says

AT = "/api/v1/clusters/europe"


@pytest.fixture
def reported(europe: ManagedCluster) -> ManagedCluster:
    world.report(europe)
    return europe


def test_queues_are_asked_and_answers_come_with_their_machine(
    reported: ManagedCluster, alice: User, calls: Call
) -> None:
    """GUI-03, BP-10."""
    client = calls(alice)
    asked = "?host=dest.example"

    def told(part: str, query: str = asked) -> Any:
        return client.get(f"{AT}/queues/{part}{query}").json()

    assert told("") == {"waits": True, "asked": 3, "answered": 0, "matching": 0}
    assert Question.objects.count() == 3
    says(reported, "rome.example", message("ABCDEF1234", "bob@dest.example"))
    assert told("") == {"waits": True, "asked": 3, "answered": 1, "matching": 1}
    found = told("messages/")["results"]
    assert [(m["machine"], m["id"]) for m in found] == [("rome.example", "ABCDEF1234")]
    (rome,) = told("machines/", f"{asked}&q=rome")["results"]
    assert (rome["waiting"], rome["matching"], rome["waits"]) == (1, 1, False)
    assert Question.objects.count() == 3
    told("messages/", "?host=dest.example&older=60&state=hold&sender=")
    words = ["queue", "list", "host=dest.example", "state=hold", "older=60", "--limit", "200", "--json"]
    assert Question.objects.latest("pk").words == words
    assert client.get(f"{AT}/queues/?state=nowhere").status_code == 400


def test_work_is_a_job_and_what_cannot_be_undone_wants_agreement(
    reported: ManagedCluster, alice: User, calls: Call
) -> None:
    client = calls(alice)
    rome = MachineStatus.objects.get(name="rome.example").serial
    body: dict[str, Any] = {"verb": "delete", "messages": [{"serial": rome, "id": "ABCDEF1234"}]}
    assert client.post(f"{AT}/queues/", body, format="json").status_code == 409
    assert not Job.everything.exists()
    answer = client.post(f"{AT}/queues/", {**body, "agreed": True}, format="json")
    assert answer.status_code == 202
    assert Job.everything.get(pk=answer.json()["number"]).asked["ids"] == {rome: ["ABCDEF1234"]}
    told = {"verb": "hold", "terms": {"sender": "x"}, "machines": [rome]}
    assert client.post(f"{AT}/queues/", told, format="json").status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "hold"},
        {"verb": "hold", "messages": []},
        {"verb": "hold", "messages": [{"serial": "X", "id": "ALL"}]},
        {"verb": "hold", "terms": {"colour": "red"}},
        {"verb": "hold", "terms": {}, "machines": ["X"]},
    ],
)
def test_senseless_work_is_refused(
    reported: ManagedCluster, alice: User, calls: Call, body: dict[str, Any]
) -> None:
    assert calls(alice).post(f"{AT}/queues/", body, format="json").status_code == 422
    assert not Job.everything.exists()


def test_suspension_wants_agreement_and_resuming_does_not(
    reported: ManagedCluster, bob: User, calls: Call
) -> None:
    rome = MachineStatus.objects.get(name="rome.example").serial
    client = calls(bob)
    body = {"do": "suspend", "machines": [rome]}
    assert client.post(f"{AT}/suspension/", body, format="json").status_code == 409
    assert client.post(f"{AT}/suspension/", {**body, "agreed": True}, format="json").status_code == 202
    assert client.post(f"{AT}/suspension/", {**body, "do": "resume"}, format="json").status_code == 202
    nobody = {"do": "resume", "machines": []}
    assert client.post(f"{AT}/suspension/", nobody, format="json").status_code == 422


def test_guest_gets_counts_and_no_messages(reported: ManagedCluster, acme: Tenant, calls: Call) -> None:
    client = calls(world.person("gus", "Gus Guest", guest=acme))
    for part in ("", "machines/"):
        assert client.get(f"{AT}/queues/{part}").status_code == 200
    assert client.get(f"{AT}/queues/messages/").status_code == 403
    assert {q.words[1] for q in Question.objects.all()} == {"status"}
