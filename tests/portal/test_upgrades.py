"""The run-book of upgrades on its page: pre-flight list, order, who may begin it, going back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from appliances.following import statuses
from appliances.following.questions import Question
from appliances.models import Connection, MachineStatus
from clusters import membership
from portal.jobs.rows import Job, JobPart, skip, start
from portal.pages import upgrades as pages
from portal.tenants import ManagedCluster, Tenant
from tests.appliances.releases.test_releases import listed
from tests.portal import world
from tests.portal.conftest import Call, LogIn

READY = {"release": "0.1.0", "previous": None, "offers": ["2.0.0"], "problems": [], "free": 10**10}


@pytest.fixture
def offered(europe: ManagedCluster, tmp_path: Path, settings: Any) -> ManagedCluster:
    """Europe reports, and the portal offers release 2.0.0."""
    settings.GATEFOLD_RELEASES = str(tmp_path)
    listed(tmp_path, b"a release")
    world.report(europe)
    return europe


@pytest.fixture
def client(alice: User, log_in: LogIn) -> Client:
    return log_in(alice)


def serial(name: str) -> str:
    return MachineStatus.objects.get(name=f"{name}.example").serial


def opened(client: Client, query: str = "") -> str:
    return client.get(f"/europe/upgrades/{query}").content.decode()


def say(client: Client, *names: str, **more: Any) -> None:
    """These machines, or all, answer the pre-flight question."""
    opened(client)
    for question in Question.objects.filter(answered=None):
        name = MachineStatus.objects.get(serial=question.serial).name.partition(".")[0]
        if names and name not in names:
            continue
        said = json.dumps({**READY, **more})
        Question.objects.filter(pk=question.pk).update(answered=timezone.now(), code=0, said=said)


def press(client: Client, **told: Any) -> str:
    """The page after a button of it."""
    return client.post("/europe/upgrades/", told, follow=True).content.decode()


def begin(client: Client, *names: str) -> Any:
    """The run over these machines, as it is confirmed."""
    serials = [serial(name) for name in names]
    told = {"do": "begin", "release": "2.0.0", "machine": serials, "confirmed": "yes"}
    return client.post("/europe/upgrades/", told)


def test_page_shows_releases_offers_and_what_stands_in_the_way(
    offered: ManagedCluster, client: Client
) -> None:
    """UPG-09, UPG-10: the pre-flight list of each machine, from its own answer."""
    html = opened(client)
    assert "2.0.0" in html
    assert html.count("asked, not answered yet") == 3
    say(client, "berlin", "rome")
    say(client, "paris", problems=["DNS does not know paris.example"], offers=[])
    MachineStatus.objects.filter(name="rome.example").update(queue=5000)
    html = opened(client)
    assert "DNS does not know paris.example" in html
    assert "It finds no release 2.0.0 where it looks" in html
    assert "5000 messages wait" in html
    assert html.count("</svg>ready</span>") == 1, "berlin"


def test_machines_go_in_the_order_that_was_chosen(offered: ManagedCluster, client: Client) -> None:
    """UPG-02: one at a time, in order; a machine may be left out."""
    say(client)
    berlin, rome, paris = (serial(name) for name in ("berlin", "rome", "paris"))
    assert turns(opened(client)) == [berlin, paris, rome]
    assert turns(press(client, down=berlin)) == [paris, berlin, rome]
    html = press(client, leave=berlin)
    assert turns(html) == [paris, rome]
    assert "1 machine is left out" in html
    assert turns(press(client, up=rome)) == [rome, paris], "past the one that is left out"
    assert turns(opened(client)) == [rome, paris], "it is kept"
    warned = press(client, do="begin", release="2.0.0")
    assert "Upgraded machines stay disconnected" in warned
    assert re.findall(r'name="machine" value="([^"]+)"', warned) == [rome, paris]
    assert not Job.everything.exists()
    begin(client, "rome", "paris")
    job = Job.everything.get()
    assert (job.kind, job.asked) == ("upgrade", {"release": "2.0.0"})
    assert [part.name for part in job.parts.all()] == ["rome.example", "paris.example"]
    assert turns(opened(client)) == [berlin, paris, rome], "the next run is another one"


def turns(html: str) -> list[str]:
    """The machines of the page that take part, in their order."""
    found = re.findall(r'<span class="muted">(\d+)</span><button[^>]*name="up" value="([^"]+)"', html)
    numbers = [int(number) for number, _serial in found]
    assert numbers == sorted(numbers)
    return [serial for _number, serial in found]


@pytest.fixture
def in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines on each page."""
    monkeypatch.setattr(pages, "MACHINES", 2)


@pytest.mark.usefixtures("in_twos")
def test_run_is_over_the_whole_cluster_whatever_page_is_shown(
    offered: ManagedCluster, client: Client
) -> None:
    """UPG-02: what was planned on one page holds on the others."""
    say(client)
    berlin, rome, paris = (serial(name) for name in ("berlin", "rome", "paris"))
    first = "/europe/upgrades/?page=1"
    assert turns(client.get(first).content.decode()) == [berlin, paris]
    answer = client.post(first, {"leave": paris})
    assert answer.headers["Location"] == first
    assert turns(client.get("/europe/upgrades/?page=2").content.decode()) == [rome]
    client.post("/europe/upgrades/?page=2", {"up": rome})
    assert turns(client.get(first, headers={"HX-Request": "true"}).content.decode()) == [rome]
    warned = client.post(first, {"do": "begin", "release": "2.0.0"}).content.decode()
    assert re.findall(r'name="machine" value="([^"]+)"', warned) == [rome, berlin]


@pytest.mark.usefixtures("in_twos")
def test_machine_on_another_page_that_is_not_ready_is_named(offered: ManagedCluster, client: Client) -> None:
    say(client, "berlin", "paris")
    say(client, "rome", offers=[])
    html = opened(client)
    assert "1 machine is not ready: rome.example." in html
    assert 'value="begin" disabled' in html
    html = press(client, leave=serial("rome"))
    assert 'value="begin" disabled' not in html
    assert "2 machines, on all pages" in html


def test_all_that_the_filter_lets_through_are_left_out_and_taken_in(
    offered: ManagedCluster, client: Client
) -> None:
    berlin, rome, paris = (serial(name) for name in ("berlin", "rome", "paris"))
    assert turns(press(client, do="leave")) == []
    client.post("/europe/upgrades/?q=r", {"do": "take"})
    assert turns(opened(client)) == [berlin, paris, rome]
    client.post("/europe/upgrades/?q=ro", {"do": "leave"})
    assert turns(opened(client)) == [berlin, paris]
    client.post("/europe/upgrades/", {"up": paris})
    assert turns(press(client, do="forget")) == [berlin, paris, rome]


def test_plan_is_that_of_its_person_and_cluster(
    offered: ManagedCluster, acme: Tenant, client: Client, log_in: LogIn
) -> None:
    world.report(world.cluster(acme, "Asia", ["tokyo.example"]))
    client.post("/europe/upgrades/", {"do": "leave"})
    client.post("/asia/upgrades/", {"do": "leave"})
    client.post("/asia/upgrades/", {"do": "forget"})
    assert turns(opened(client)) == []
    assert len(turns(client.get("/asia/upgrades/").content.decode())) == 1
    other = log_in(world.person("ada", "Ada Also", administrator=acme))
    assert len(turns(opened(other))) == 3


def test_machine_that_joins_after_the_plan_comes_behind(offered: ManagedCluster, client: Client) -> None:
    client.post("/europe/upgrades/", {"down": serial("berlin")})
    made = membership.Machine("A-NEW", "amiens.example", "", "10.9.9.9")
    membership.enrol_machine(offered.replica_id, machine=made, settings={}, user="admin", host="berlin")
    statuses.wanted(offered.replica_id)
    names = ("paris", "berlin", "rome", "amiens")
    assert turns(opened(client)) == [serial(name) for name in names]


def test_run_does_not_begin_with_a_machine_that_is_not_ready(offered: ManagedCluster, client: Client) -> None:
    say(client, offers=[])
    begin(client, "rome")
    assert "Not ready: rome.example" in opened(client)
    MachineStatus.objects.filter(name="rome.example").update(connection=Connection.DOWN, reason="gone")
    assert "It cannot be asked: gone" in opened(client)
    assert not Job.everything.exists()


def test_machine_without_a_link_is_ready_once_it_answers(offered: ManagedCluster, client: Client) -> None:
    """UPG-08: a portal of another release is refused as a peer, and asks by errands."""
    MachineStatus.objects.update(connection=Connection.UNKNOWN, reason="another release")
    assert opened(client).count("The portal has no fresh news of it.") == 3
    say(client, "rome")
    assert opened(client).count("The portal has no fresh news of it.") == 2
    begin(client, "rome")
    assert [part.name for part in Job.everything.get().parts.all()] == ["rome.example"]


def test_machine_of_another_release_stands_as_it_says_itself(offered: ManagedCluster, client: Client) -> None:
    """UPG-08: that it has been reconnected cannot reach a portal of the release before."""
    MachineStatus.objects.update(connection=Connection.DISCONNECTED)
    say(client, "rome", release="2.0.0", disconnected=False)
    say(client, "paris", release="2.0.0", disconnected=True)
    html = opened(client)
    assert html.count("this portal (0.1.0), which follows it again once both run the same.") == 1
    assert html.count("It is disconnected, and hears of no changes until it is reconnected.") == 2


def test_run_over_machines_that_have_the_release_does_not_begin(
    offered: ManagedCluster, client: Client
) -> None:
    say(client, release="2.0.0")
    assert "All of them run 2.0.0 already." in opened(client)
    assert re.search(r'form="begin"[^>]* disabled', opened(client))
    begin(client, "rome")
    assert "All of them run 2.0.0 already." in opened(client)
    assert not Job.everything.exists()


@pytest.mark.parametrize(
    "told",
    [
        {"release": "9.9.9"},
        {"machine": "NOWHERE"},
        {"machine": ""},
    ],
)
def test_senseless_run_does_not_begin(offered: ManagedCluster, client: Client, told: dict[str, str]) -> None:
    say(client)
    one = serial("rome")
    body = {"do": "begin", "release": "2.0.0", "machine": one, "confirmed": "yes", **told}
    answer = client.post("/europe/upgrades/", body, follow=True)
    assert b'class="note bad' in answer.content
    assert not Job.everything.exists()


def test_only_one_run_works_on_a_cluster(offered: ManagedCluster, alice: User, client: Client) -> None:
    say(client)
    job = start("upgrade", offered, alice, {"release": "2.0.0"}, [(serial("rome"), "rome.example")])
    begin(client, "berlin")
    assert f"#{job.pk} works on this cluster already" in opened(client)
    assert Job.everything.count() == 1
    assert f"#{job.pk}" in opened(client)


def test_different_releases_are_drift_on_both_pages(offered: ManagedCluster, client: Client) -> None:
    """UPG-01."""
    MachineStatus.objects.filter(name="rome.example").update(release="2.0.0")
    assert "Machines run different releases:" in opened(client)
    assert "different releases: 0.1.0, 2.0.0" in " ".join(client.get("/europe/").content.decode().split())


def test_machine_goes_back_after_a_question(offered: ManagedCluster, client: Client) -> None:
    say(client, release="2.0.0", previous="0.1.0")
    rome = serial("rome")
    assert "Back to the release before" in opened(client)
    html = client.post("/europe/upgrades/", {"do": "revert", "serial": rome}).content.decode()
    assert "2.0.0 → 0.1.0" in html
    assert not Job.everything.exists()
    client.post("/europe/upgrades/", {"do": "revert", "serial": rome, "confirmed": "yes"})
    assert Job.everything.get().kind == "revert"
    assert [part.serial for part in JobPart.objects.all()] == [rome]


def test_operators_and_readers_see_and_only_administrators_begin(
    offered: ManagedCluster, acme: Tenant, bob: User, log_in: LogIn
) -> None:
    rita = world.person("rita", "Rita Reader", readonly=acme)
    gus = world.person("gus", "Gus Guest", guest=acme)
    for person in (bob, rita, gus):
        client = log_in(person)
        html = opened(client)
        assert "berlin.example" in html
        assert 'type="checkbox"' not in html
        assert begin(client, "berlin").status_code == 403
    assert {q.role for q in Question.objects.all()} == {"operator", "readonly"}, "guests ask nobody"
    assert not Job.everything.exists()


def test_skipped_machine_is_left_out(offered: ManagedCluster, alice: User) -> None:
    rome = serial("rome")
    job = start("upgrade", offered, alice, {"release": "2.0.0"}, [(rome, "rome.example")])
    part = job.parts.get()
    part.now(JobPart.State.RUNNING)
    assert not skip(job, rome, alice), "what runs cannot be skipped"
    part.now(JobPart.State.FAILED, "no room")
    assert skip(job, rome, alice)
    assert job.parts.get().state == JobPart.State.SKIPPED


def test_api_tells_and_does_the_same(offered: ManagedCluster, alice: User, calls: Call) -> None:
    """UPG-09."""
    client = calls(alice)
    at = "/api/v1/clusters/europe/upgrades/"
    assert client.get(at).json()["waits"]
    for question in Question.objects.all():
        question.code, question.said, question.answered = 0, json.dumps(READY), timezone.now()
        question.save()
    told = client.get(at).json()
    assert (told["wanted"], told["running"], told["active"]) == ("2.0.0", ["0.1.0"], None)
    assert told["ready"]
    machines = client.get(f"{at}machines/?release=2.0.0").json()["results"]
    assert [machine["ready"] for machine in machines] == [True] * 3
    body = {"release": "2.0.0", "machines": [serial("rome")]}
    assert client.post(at, body, format="json").status_code == 202
    assert client.post(at, body, format="json").status_code == 422, "one is under way"
    assert client.post(f"{at}release-before/", {"machine": serial("rome")}, format="json").status_code == 422
