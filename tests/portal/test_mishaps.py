"""Double submit, back button, two tabs, a session that ended, a machine or a cluster that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError, OperationalError
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIClient

from appliances.following import statuses
from appliances.links.identity import KeyTrouble
from clusters import commits, drafts, membership, replicas
from clusters.modes import CLUSTER
from clusters.sealing import KeyMissing
from portal.jobs.rows import Job
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.api import test_rights as api
from tests.portal.conftest import Call, LogIn
from tests.portal.forms import settings_form
from tests.portal.test_rights import filled, of_clusters
from tests.portal.test_survival import raised

__all__ = ["raised"]

ROUTES = "/europe/cluster/network/smtp_routes"
PENDING = "/europe/pending/"
COMMITS = "/api/v1/clusters/europe/commits/"


@pytest.fixture
def client(alice: User, log_in: LogIn, europe: ManagedCluster) -> Client:
    world.report(europe)
    return log_in(alice)


def edit(cluster: ManagedCluster, user: str = "alice", host: str = "192.0.2.77") -> None:
    drafts.edit(cluster.replica_id, user, CLUSTER, "smtproutes", world.routes(a_example=host))


# double submit and the back button


def test_commit_sent_twice_is_one_commit_and_says_so(client: Client, europe: ManagedCluster) -> None:
    edit(europe)
    before = len(commits.history(europe.replica_id).commits)
    assert client.post(PENDING, {"do": "commit", "comment": "x"}).status_code == 302
    again = client.post(PENDING, {"do": "commit", "comment": "x"}, follow=True)
    assert again.status_code == 200
    assert b"othing" in again.content
    assert len(commits.history(europe.replica_id).commits) == before + 1


def test_form_of_the_page_before_a_commit_overwrites_nothing(client: Client, europe: ManagedCluster) -> None:
    old = settings_form(client.get(ROUTES).content.decode())
    new = {**old, "f.routes.0.hosts.0.host": "192.0.2.8"}
    client.post(ROUTES, new)
    client.post(PENDING, {"do": "commit"})
    answer = client.post(ROUTES, {**old, "f.routes.0.hosts.0.host": "192.0.2.9"})
    assert answer.status_code == 422
    assert b"changed while you were editing" in answer.content
    assert b"192.0.2.9" in answer.content, "what was typed is still there"
    held = replicas.state(europe.replica_id).settings[CLUSTER]["smtproutes"].value
    assert held["routes"][0]["hosts"][0]["host"] == "192.0.2.8"


@pytest.mark.parametrize(
    "do", ["commit", "propose", "clear", "drop", "keep", "discard_stale", "try", "at_once"]
)
def test_button_of_a_page_whose_changes_are_gone_harms_nothing(
    do: str, client: Client, europe: ManagedCluster
) -> None:
    before = replicas.vector(europe.replica_id)
    told = {"do": do, "entry": "settings/cluster/smtproutes", "reason": "x", "minutes": "5"}
    assert client.post(PENDING, told, follow=True).status_code in (200, 422)
    assert replicas.vector(europe.replica_id) == before


def test_api_call_sent_twice_without_a_key_does_the_second_no_harm(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    edit(europe)
    codes = [
        calls(alice).post("/api/v1/clusters/europe/commits/", {}, format="json").status_code for _n in "12"
    ]
    assert codes == [201, 422]


# two tabs


def test_two_tabs_in_different_modes_keep_apart(client: Client, europe: ManagedCluster) -> None:
    paris = world.mode_of(europe, "Paris")
    there = ROUTES.replace("cluster", f"group/{paris.id}", 1)
    one, two = (settings_form(client.get(path).content.decode()) for path in (ROUTES, there))
    assert client.post(there, {**two, "f.routes.0.hosts.0.host": "192.0.2.22"}).status_code == 302
    assert client.post(ROUTES, {**one, "f.routes.0.hosts.0.host": "192.0.2.11"}).status_code == 302
    held = {str(each.mode): each.value for each in drafts.pending(europe.replica_id, "alice")}
    assert held["cluster"]["routes"][0]["hosts"][0]["host"] == "192.0.2.11"
    assert held[str(paris)]["routes"][0]["hosts"][0]["host"] == "192.0.2.22"


def test_two_tabs_on_one_table_lose_neither_in_silence(client: Client, europe: ManagedCluster) -> None:
    one = settings_form(client.get(ROUTES).content.decode())
    two = dict(one)
    client.post(ROUTES, {**one, "f.routes.0.hosts.0.host": "192.0.2.11"})
    answer = client.post(ROUTES, {**two, "f.routes.0.hosts.0.host": "192.0.2.22"})
    assert answer.status_code == 422
    assert b"192.0.2.22" in answer.content
    held = drafts.pending(europe.replica_id, "alice")[0].value
    assert held["routes"][0]["hosts"][0]["host"] == "192.0.2.11"


# a session that ended


def test_session_that_ended_loses_nothing_that_was_pending(client: Client, europe: ManagedCluster) -> None:
    edit(europe)
    form = settings_form(client.get(ROUTES).content.decode())
    client.session.flush()
    before = replicas.vector(europe.replica_id)
    for path, told in ((ROUTES, form), (PENDING, {"do": "commit"}), ("/europe/synchronise/", {})):
        answer = client.post(path, told)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/login/?next=")
    assert replicas.vector(europe.replica_id) == before
    assert len(drafts.pending(europe.replica_id, "alice")) == 1


def test_session_that_ended_is_told_to_scripts_in_json(client: Client) -> None:
    client.session.flush()
    answer = client.post(COMMITS, {}, content_type="application/json")
    assert answer.status_code == 401
    assert answer.json()["detail"]


# a machine that vanishes


def serial_of(cluster: ManagedCluster, name: str) -> str:
    machines = replicas.state(cluster.replica_id).machines.values()
    return next(each.serial for each in machines if each.name == name)


def without(cluster: ManagedCluster, name: str) -> str:
    """Remove the machine; its serial number."""
    serial = serial_of(cluster, name)
    membership.remove_machine(cluster.replica_id, serial, user="bob", host="portal")
    statuses.wanted(cluster.replica_id)
    return serial


def addresses(cluster: ManagedCluster, serial: str) -> Iterator[str]:
    """Every page that is about that machine."""
    for pattern in of_clusters():
        yield from (path for path in filled(pattern, cluster) if serial in path)


def test_pages_of_a_machine_that_is_gone_say_so(client: Client, europe: ManagedCluster) -> None:
    serial = serial_of(europe, "berlin.example")
    open_pages = list(addresses(europe, serial))
    assert len(open_pages) > 4
    drafts.edit(
        europe.replica_id, "alice", world.mode_of(europe, "berlin.example"), "smtproutes", world.routes()
    )
    without(europe, "berlin.example")
    before = replicas.vector(europe.replica_id)
    for path in open_pages:
        for answer in (
            client.get(path),
            client.get(path, headers={"HX-Request": "true"}),
            *(client.post(path, {"do": do, "json": "{}"}) for do in ("save", "delete", "copy", "")),
        ):
            assert answer.status_code in (302, 404, 405), path
            if answer.status_code == 404:
                assert b"It may be gone" in answer.content, path
    assert replicas.vector(europe.replica_id) == before


def test_pending_change_of_a_machine_that_is_gone_can_be_seen_and_cleared(
    client: Client, europe: ManagedCluster
) -> None:
    mode = world.mode_of(europe, "berlin.example")
    drafts.edit(europe.replica_id, "alice", mode, "smtproutes", world.routes(z_example="192.0.2.99"))
    edit(europe)
    without(europe, "berlin.example")
    for path in ("/", "/europe/", PENDING, "/europe/matrix/", "/europe/history/", "/europe/cluster/", ROUTES):
        assert client.get(path).status_code == 200, path
    answer = client.post(PENDING, {"do": "commit"}, follow=True)
    assert answer.status_code in (200, 409)
    assert client.post(PENDING, {"do": "clear"}, follow=True).status_code == 200
    assert drafts.pending(europe.replica_id, "alice") == []


def test_api_of_a_machine_that_is_gone_is_not_found(europe: ManagedCluster, alice: User, calls: Call) -> None:
    asked = [a for p in api.OF_CLUSTERS for a in api.addresses(p, europe)]
    serial = serial_of(europe, "berlin.example")
    without(europe, "berlin.example")
    found = [address for address in asked if serial in address]
    assert found
    for address in found:
        for method in api.METHODS:
            answer = getattr(calls(alice), method)(address, {"value": {}}, format="json")
            assert answer.status_code in (400, 404, 405), (method, address)
            assert answer.json()["detail"]


# a cluster that is gone


@pytest.mark.parametrize("how", ["left", "emptied", "forgotten"])
def test_pages_of_a_cluster_that_is_gone_do_not_fail(
    how: str, client: Client, europe: ManagedCluster
) -> None:
    open_pages = [path for pattern in of_clusters() for path in filled(pattern, europe)]
    Job.everything.create(tenant=europe.tenant, cluster=europe, kind="synchronise")
    edit(europe)
    gone(europe, how)
    for path in [
        *open_pages,
        "/",
        "/jobs/",
        "/alerts/",
        "/notifications/",
        "/search/?q=berlin",
        "/audit/acme/",
    ]:
        for answer in (client.get(path), client.get(path, headers={"HX-Request": "true"})):
            assert answer.status_code in (200, 302, 404, 405), path
    for path in open_pages:
        for do in ("commit", "save", "delete", ""):
            answer = client.post(path, {"do": do, "json": '{"routes": []}'})
            assert answer.status_code in (200, 302, 404, 405, 409, 422), (path, do)


def gone(cluster: ManagedCluster, how: str) -> None:
    """Nobody follows it any more, all machines have left, or the portal has forgotten it."""
    if how == "left":
        ManagedCluster.everything.filter(pk=cluster.pk).update(state=ManagedCluster.State.LEFT)
    elif how == "emptied":
        for machine in list(replicas.state(cluster.replica_id).machines.values()):
            without(cluster, machine.name)
    else:
        ManagedCluster.everything.filter(pk=cluster.pk).delete()


@pytest.mark.parametrize("how", ["left", "emptied", "forgotten"])
def test_api_of_a_cluster_that_is_gone_does_not_fail(
    how: str, europe: ManagedCluster, alice: User, calls: Call
) -> None:
    asked = [a for p in api.OF_CLUSTERS for a in api.addresses(p, europe)]
    gone(europe, how)
    client: APIClient = calls(alice)
    for address in asked:
        for method in api.METHODS:
            answer = getattr(client, method)(address, {}, format="json")
            assert answer.status_code < 500, (method, address)
            if answer.status_code >= 400:
                assert answer.json()["detail"], (method, address)


# what cannot be read, and what breaks


def test_request_that_is_too_large_is_refused_in_words(client: Client) -> None:
    body = b"json=" + b"x" * 34_000_000
    answer = client.post(ROUTES, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert b"cannot be read" in answer.content
    answer = client.post(
        "/api/v1/clusters/europe/commits/", b" " * 17_000_000, content_type="application/json"
    )
    assert answer.status_code in (400, 413)
    assert answer.json()["detail"]


def test_failure_of_the_server_is_a_page_without_a_word_of_what_was_sent(
    client: Client, monkeypatch: pytest.MonkeyPatch, raised: list[str]
) -> None:
    def fail(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr("portal.pages.fleet.render", fail)
    client.raise_request_exception = False
    answer = client.get("/?q=whisper")
    assert answer.status_code == 500
    assert b"This did not work" in answer.content
    assert b"inside" not in answer.content
    assert b"whisper" not in answer.content
    raised.clear()


def test_right_that_was_taken_meanwhile_holds_for_an_open_form(
    client: Client, alice: User, europe: ManagedCluster
) -> None:
    form = settings_form(client.get(ROUTES).content.decode())
    alice.memberships.update(role="readonly")
    answer = client.post(ROUTES, form)
    assert answer.status_code == 403
    assert b"Ask an administrator" in answer.content
    assert drafts.pending(europe.replica_id, "alice") == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RedisConnectionError("Error 2 connecting to unix:///secret/redis.sock"), "Redis does not answer"),
        (KeyMissing("/secret/sealing_keys holds no keys"), "cannot open its sealed secrets"),
        (OperationalError("could not connect to server"), "database cannot be used"),
        (InterfaceError("connection already closed"), "database cannot be used"),
        (DatabaseError("database disk image is malformed"), "database cannot be used"),
        (KeyTrouble("/secret/serial is missing"), "identity cannot be used"),
    ],
)
def test_part_that_is_away_or_damaged_is_named_with_what_to_do(
    client: Client, alice: User, calls: Call, monkeypatch: pytest.MonkeyPatch, raised: list[str],
    error: Exception, words: str,
) -> None:  # fmt: skip
    """TRL-29: in the page and in the API; where it is stands in the log alone."""

    def fail(*_args: Any, **_more: Any) -> None:
        try:
            raise error
        except Exception as cause:
            raise RuntimeError("while logging in") from cause

    monkeypatch.setattr("portal.pages.fleet.render", fail)
    monkeypatch.setattr("portal.api.clusters.page_of", fail)
    client.raise_request_exception = False
    answer = client.get("/")
    assert answer.status_code == 503
    text = answer.content.decode()
    assert words in text
    assert "Those who run the portal" in text
    assert "secret" not in text.replace("secrets", "")
    api = calls(alice)
    api.raise_request_exception = False
    answer = api.get("/api/v1/clusters/")
    assert answer.status_code == 503
    assert words in answer.json()["detail"]
    raised.clear()


def test_login_without_redis_says_so(raised: list[str], alice: User, settings: Any) -> None:
    """TRL-29: attempts are counted there, and nobody logs in uncounted."""
    settings.CACHES = {
        **settings.CACHES,
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere/redis.sock",
        },
    }
    browser = Client(raise_request_exception=False)
    assert browser.get("/login/").status_code == 200
    answer = browser.post("/login/", {"username": "alice", "password": world.PASSPHRASE})
    assert answer.status_code == 503
    assert "Redis does not answer" in answer.content.decode()
    assert "Nobody can log in" in answer.content.decode()
    assert "sessionid" not in browser.cookies
    raised.clear()
