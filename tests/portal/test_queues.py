"""The queues of a cluster on pages: asked of machines, searched, worked on by jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from appliances.following.questions import OVERDUE, Question
from appliances.models import Connection, MachineStatus, Worker
from portal.jobs.rows import Job, JobPart
from portal.pages import queues as pages
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn

NOW_MS = 1_700_000_000_000


def message(ident: str, recipient: str, **more: Any) -> dict[str, Any]:
    found = {"id": ident, "state": "deferred", "arrived": NOW_MS, "size": 900, "sender": "a@here.example"}
    reason = "connect to 192.0.2.9: refused"
    return {**found, "recipients": [{"address": recipient, "reason": reason}], "more_recipients": 0, **more}


def says(cluster: ManagedCluster, name: str, *messages: dict[str, Any], **answer: Any) -> None:
    """The machine of that name answers what it was asked last."""
    serial = MachineStatus.objects.get(replica=cluster.replica_id, name=name).serial
    counts = {"incoming": 0, "active": 0, "deferred": len(messages), "hold": 0, "maildrop": 0}
    value = {"counts": counts, "oldest": NOW_MS, "matching": len(messages), "messages": list(messages)}
    question = Question.objects.filter(serial=serial).latest("pk")
    told = answer or {"code": 0, "said": json.dumps(value)}
    Question.objects.filter(pk=question.pk).update(answered=timezone.now(), taken=timezone.now(), **told)


Opened = Callable[..., str]


@pytest.fixture
def reported(europe: ManagedCluster) -> ManagedCluster:
    world.report(europe)
    return europe


@pytest.fixture
def client(alice: User, log_in: LogIn) -> Client:
    return log_in(alice)


def opened(client: Client, query: str = "") -> str:
    return client.get(f"/europe/queues/{query}").content.decode()


def again(client: Client, query: str = "") -> str:
    """The live part, as a hint makes the browser fetch it."""
    return client.get(f"/europe/queues/{query}", headers={"HX-Request": "true"}).content.decode()


def test_page_asks_every_machine_once_and_shows_answers_as_they_come(
    reported: ManagedCluster, client: Client
) -> None:
    """GUI-03, BP-10: data of each machine, asked over its link, with the machine that holds what."""
    html = opened(client)
    assert Question.objects.count() == 3
    assert "0 of 3 have answered" in html
    opened(client)
    assert Question.objects.count() == 3, "the same again asks nobody"
    question = Question.objects.first()
    assert question is not None
    assert (question.user, question.role) == ("alice", "administrator")
    assert question.words == ["queue", "list", "--limit", "200", "--json"]

    says(reported, "rome.example", message("ABCDEF1234", "bob@dest.example"))
    html = again(client)
    assert "1 of 3 have answered" in html
    assert Question.objects.count() == 3, "a look asks nobody"
    for text in ("ABCDEF1234", "bob@dest.example", "a@here.example", "refused", "rome.example"):
        assert text in html, text


def test_search_is_put_to_the_machines_in_their_words(reported: ManagedCluster, client: Client) -> None:
    opened(client, "?sender=Ann+B&host=dest.example&state=hold&nonsense=1")
    question = Question.objects.first()
    assert question is not None
    assert question.words[2:5] == ["sender=Ann B", "host=dest.example", "state=hold"]


@pytest.mark.parametrize("query", ["?state=nowhere", "?older=soon", f"?sender={'x' * 300}"])
def test_senseless_search_asks_nobody_and_says_so(
    reported: ManagedCluster, client: Client, query: str
) -> None:
    answer = client.get(f"/europe/queues/{query}", follow=True)
    assert answer.status_code == 200
    assert b'class="note bad' in answer.content
    assert all("nowhere" not in str(q.words) for q in Question.objects.all())


def test_question_without_an_answer_says_why(reported: ManagedCluster, client: Client) -> None:
    opened(client)
    Question.objects.update(asked=timezone.now() - OVERDUE - timedelta(seconds=1))
    assert "No worker is alive" in again(client)
    now = timezone.now()
    Worker.objects.create(name="w", started=now, seen=now)
    assert "The workers are busy" in again(client)
    Question.objects.update(taken=now)
    assert "The machine has not answered" in again(client)


def test_machine_that_cannot_be_asked_is_named_with_its_reason(
    reported: ManagedCluster, client: Client
) -> None:
    rows = MachineStatus.objects.filter(name="rome.example")
    rows.update(connection=Connection.DOWN, reason="no route to host")
    html = opened(client)
    assert Question.objects.count() == 2
    assert "no route to host" in html
    says(reported, "paris.example", error="the link was lost")
    assert "the link was lost" in again(client)


def test_old_answer_stands_with_its_age_while_a_new_one_is_awaited(
    reported: ManagedCluster, client: Client
) -> None:
    opened(client)
    says(reported, "rome.example", message("ABCDEF1234", "bob@dest.example"))
    Question.objects.update(asked=timezone.now() - timedelta(seconds=60))
    html = opened(client)
    assert Question.objects.count() == 6
    assert "ABCDEF1234" in html


def test_answer_of_another_release_breaks_no_page(reported: ManagedCluster, client: Client) -> None:
    for told in ("[]", "no json", '{"messages": [{"id": 1}], "counts": 5, "oldest": "x"}', '{"messages": 3}'):
        opened(client)
        says(reported, "rome.example", code=0, said=told)
        assert client.get("/europe/queues/", headers={"HX-Request": "true"}).status_code == 200


def test_marked_messages_become_a_job_with_a_part_per_machine(
    reported: ManagedCluster, client: Client
) -> None:
    berlin, rome = (MachineStatus.objects.get(name=f"{n}.example").serial for n in ("berlin", "rome"))
    marked = [f"{berlin}:AAAAAA1", f"{rome}:BBBBBB1", f"{rome}:BBBBBB2"]
    answer = client.post("/europe/queues/", {"do": "hold", "message": marked})
    job = Job.everything.get()
    assert answer.headers["Location"] == f"/jobs/{job.pk}/"
    assert job.asked == {"verb": "hold", "ids": {berlin: ["AAAAAA1"], rome: ["BBBBBB1", "BBBBBB2"]}}
    assert [part.name for part in job.parts.all()] == ["berlin.example", "rome.example"]


@pytest.mark.parametrize("verb", ["delete", "bounce"])
def test_what_cannot_be_undone_is_confirmed_with_count_and_machines(
    reported: ManagedCluster, client: Client, verb: str
) -> None:
    rome = MachineStatus.objects.get(name="rome.example").serial
    told = {"do": verb, "message": [f"{rome}:BBBBBB1", f"{rome}:BBBBBB2"]}
    html = client.post("/europe/queues/", told).content.decode()
    assert not Job.everything.exists()
    assert "2 messages" in html
    assert "rome.example" in html
    assert "berlin.example" not in html
    client.post("/europe/queues/", {**told, "confirmed": "yes"})
    assert Job.everything.get().asked["verb"] == verb


def test_all_that_match_are_confirmed_with_what_each_machine_said(
    reported: ManagedCluster, client: Client
) -> None:
    opened(client, "?host=dest.example")
    says(reported, "rome.example", *[message(f"ABCDEF{n}", "bob@dest.example") for n in range(7)])
    told = {"do": "delete", "scope": "matching", "host": "dest.example"}
    html = client.post("/europe/queues/", told).content.decode()
    assert "about 7" in html
    assert html.count("not answered") == 2
    client.post("/europe/queues/", {**told, "confirmed": "yes"})
    job = Job.everything.get()
    assert job.asked == {"verb": "delete", "terms": ["host=dest.example"]}
    assert job.parts.count() == 3


@pytest.mark.parametrize(
    "told",
    [
        {"do": "hold"},
        {"do": "hold", "message": "NOWHERE:AAAAAA1"},
        {"do": "hold", "message": "ALL"},
        {"do": "explode", "scope": "matching"},
        {"do": "hold", "scope": "matching", "machine": "NOWHERE"},
    ],
)
def test_senseless_work_starts_nothing(
    reported: ManagedCluster, client: Client, told: dict[str, str]
) -> None:
    answer = client.post("/europe/queues/", told, follow=True)
    assert b'class="note bad' in answer.content
    assert not Job.everything.exists()


def test_message_of_a_foreign_machine_is_not_chosen(
    reported: ManagedCluster, secret: ManagedCluster, client: Client
) -> None:
    foreign = MachineStatus.objects.get(replica=secret.replica_id).serial
    client.post("/europe/queues/", {"do": "hold", "message": f"{foreign}:AAAAAA1"})
    client.post("/europe/suspend/", {"do": "resume", "machine": foreign})
    assert not Job.everything.exists()


def test_suspending_is_confirmed_because_mail_stops(reported: ManagedCluster, client: Client) -> None:
    rome = MachineStatus.objects.get(name="rome.example").serial
    html = client.post("/europe/suspend/", {"do": "suspend", "machine": rome}).content.decode()
    assert "Mail stops on these machines" in html
    assert not Job.everything.exists()
    client.post("/europe/suspend/", {"do": "suspend", "machine": rome, "confirmed": "yes"})
    client.post("/europe/suspend/", {"do": "resume", "machine": rome})
    assert [job.asked["do"] for job in Job.everything.order_by("pk")] == ["suspend", "resume"]
    assert JobPart.objects.filter(name="rome.example").count() == 2


def test_what_is_suspended_stands_on_cluster_and_queues_page(
    reported: ManagedCluster, client: Client
) -> None:
    told = {"suspended": {"listeners": ["incoming"], "deliveries": False}}
    MachineStatus.objects.filter(name="rome.example").update(report=told)
    for path in ("/europe/", "/europe/queues/"):
        assert client.get(path).content.decode().count("receiving suspended") == 1, path


def test_guest_sees_counts_and_no_messages(reported: ManagedCluster, acme: Tenant, log_in: LogIn) -> None:
    client = log_in(world.person("gus", "Gus Guest", guest=acme))
    html = opened(client)
    assert {tuple(q.words) for q in Question.objects.all()} == {("queue", "status", "--json")}
    assert {q.role for q in Question.objects.all()} == {"guest"}
    assert "Search all machines" not in html
    assert client.post("/europe/queues/", {"do": "hold"}).status_code == 403
    assert client.post("/europe/suspend/", {"do": "suspend"}).status_code == 403


def test_reader_sees_messages_and_works_on_none(
    reported: ManagedCluster, acme: Tenant, log_in: LogIn
) -> None:
    client = log_in(world.person("rita", "Rita Reader", readonly=acme))
    opened(client)
    says(reported, "rome.example", message("ABCDEF1234", "bob@dest.example"))
    html = again(client)
    assert "ABCDEF1234" in html
    assert "checkbox" not in html
    assert client.post("/europe/queues/", {"do": "hold"}).status_code == 403


def test_filter_of_machines_and_search_of_messages_keep_each_other(
    reported: ManagedCluster, client: Client
) -> None:
    opened(client, "?host=dest.example")
    says(reported, "rome.example", message("ABCDEF1234", "bob@dest.example"))
    html = opened(client, "?host=dest.example&q=paris&messages=1")
    machines = html[html.index('action="/europe/suspend/"') : html.index("Messages that match")]
    assert "paris.example" in machines
    assert "rome.example" not in machines
    assert "0 of 3 have answered" not in html, "all are asked, and counted"
    assert "ABCDEF1234" in html, "the messages are those of all machines"
    search, narrow = re.findall(r'<form method="get" class="(?:card|filter).*?</form>', html, re.DOTALL)
    assert '<input type="hidden" name="q" value="paris">' in search
    assert '<input type="hidden" name="host" value="dest.example">' in narrow
    assert 'name="messages"' not in search, "another search begins at its first page"
    assert 'href="?host=dest.example&amp;messages=1"' in narrow
    assert 'href="?q=paris"' in search


def test_messages_have_pages_and_all_that_match_are_those_of_all_pages(
    reported: ManagedCluster, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SHOWN", 2)
    opened(client)
    says(
        reported, "rome.example", *[message(f"ABCDE{n}", "x@y.example", arrived=NOW_MS + n) for n in range(3)]
    )
    assert [f"ABCDE{n}" in again(client) for n in range(3)] == [True, True, False]
    html = again(client, "?messages=2")
    assert [f"ABCDE{n}" in html for n in range(3)] == [False, False, True]
    assert 'hx-get="/europe/queues/?messages=2"' in html
    assert '<span class="badge">3</span>' in html
    client.post("/europe/queues/?messages=2", {"do": "hold", "scope": "matching"})
    assert Job.everything.get().asked == {"verb": "hold", "terms": []}


def test_queries_of_the_page_do_not_grow_with_machines(
    reported: ManagedCluster, acme: Tenant, client: Client, django_assert_max_num_queries: Any
) -> None:
    big = world.cluster(acme, "Big", [f"mx{n}.example" for n in range(60)])
    world.report(big)
    client.get("/big/queues/")
    with django_assert_max_num_queries(12):
        client.get("/big/queues/", headers={"HX-Request": "true"})
