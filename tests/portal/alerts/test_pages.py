"""Pages and API of alerts for three people and two tenants: who sees, who acts, and what nobody is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from appliances.models import Connection, Worker
from portal.alerts.deliveries import Delivery
from portal.alerts.incidents import Alert, Fact, happened, heal
from portal.alerts.kinds import Kind, Severity
from portal.alerts.routing import Channel, Digest, Subscription
from portal.alerts.windows import MaintenanceWindow
from portal.tenants import ManagedCluster, Role, Tenant
from tests.portal import world
from tests.portal.alerts.conftest import channel
from tests.portal.conftest import LogIn

API = "/api/v1"


def down(
    cluster: ManagedCluster, serial: str = "NW-1", name: str = "rome.example", kind: Kind = Kind.DOWN
) -> Alert:
    found = happened(cluster.tenant, cluster, Fact(kind, serial, name, "timed out"), timezone.now())
    assert found is not None
    return found


def caller(user: User) -> APIClient:
    made = APIClient()
    made.force_login(user)
    return made


def test_list_shows_mine_and_nobody_elses(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, charlie: User, log_in: LogIn
) -> None:
    down(europe)
    foreign = down(secret, name="hush.umbra.example")
    page = log_in(alice).get("/alerts/").content.decode()
    assert "rome.example: machine down" in page
    assert "hush" not in page
    assert [row["name"] for row in caller(alice).get(f"{API}/alerts/").json()["results"]] == ["rome.example"]
    for address in (
        f"/alerts/{foreign.pk}/",
        f"{API}/alerts/{foreign.pk}/",
        f"{API}/clusters/blacksite/alerts/",
    ):
        assert caller(alice).get(address).status_code == 404
    assert caller(alice).post(f"{API}/alerts/{foreign.pk}/acknowledge/").status_code == 404
    assert log_in(alice).post(f"/alerts/{foreign.pk}/").status_code == 404
    foreign.refresh_from_db()
    assert foreign.acknowledged is None


def test_filters_narrow_the_list(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    down(europe, kind=Kind.LATE)
    down(europe, "NW-2", "paris.example", Kind.REFUSED)
    heal(down(europe, "NW-3", "berlin.example"), timezone.now())

    def names(query: str) -> list[str]:
        found = caller(alice).get(f"{API}/alerts/?{query}").json()["results"]
        return [row["name"] for row in found]

    assert names("") == ["paris.example", "rome.example"], "the worst first"
    assert names("minimum=critical") == ["paris.example"]
    assert names("kind=late") == ["rome.example"]
    assert names("machine=ROME") == ["rome.example"]
    assert names("state=closed") == ["berlin.example"]
    assert names("cluster=nowhere") == []
    assert len(names("state=all")) == 3
    assert "Nothing matches" in log_in(alice).get("/alerts/?machine=oslo").content.decode()


def test_operator_acknowledges_with_a_note_and_readers_do_not(
    europe: ManagedCluster, acme: Tenant, alice: User, bob: User, log_in: LogIn
) -> None:
    one = down(europe)
    for role in (Role.READONLY, Role.GUEST, Role.APPROVER):
        reader = world.person(role.value, "Some Body", **{role.value: acme})
        assert log_in(reader).get(f"/alerts/{one.pk}/").status_code == 200
        assert log_in(reader).post(f"/alerts/{one.pk}/").status_code == 403
        assert caller(reader).post(f"{API}/alerts/{one.pk}/acknowledge/").status_code == 403
    log_in(bob).post(f"/alerts/{one.pk}/", {"note": "Electrician <b>comes</b>"})
    page = log_in(alice).get(f"/alerts/{one.pk}/").content.decode()
    assert "bob takes care of it" in page
    assert "Electrician &lt;b&gt;comes" in page
    again = caller(alice).post(f"{API}/alerts/{one.pk}/acknowledge/", {"note": "me"}, format="json")
    assert again.status_code == 409


def test_acknowledging_leads_back_but_never_away(europe: ManagedCluster, bob: User, log_in: LogIn) -> None:
    one = down(europe)
    here = log_in(bob).post(f"/alerts/{one.pk}/", {"next": "/europe/alerts/?kind=down"})
    assert here.headers["Location"] == "/europe/alerts/?kind=down"
    away = log_in(bob).post(f"/alerts/{one.pk}/", {"next": "https://evil.example/"})
    assert away.headers["Location"] == f"/alerts/{one.pk}/"


def test_bell_counts_what_nobody_takes_care_of(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, bob: User, log_in: LogIn
) -> None:
    down(secret)
    down(europe, kind=Kind.AWAY)
    assert 'class="count"' not in log_in(alice).get("/alerts/bell/").content.decode()
    one = down(europe)
    assert '<span class="count">1</span>' in log_in(alice).get("/alerts/bell/").content.decode()
    log_in(bob).post(f"/alerts/{one.pk}/")
    assert 'class="count"' not in log_in(alice).get("/alerts/bell/").content.decode()


def test_last_worker_that_dies_is_noticed_without_a_worker(
    europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    Worker.objects.create(name="host/1", started=timezone.now(), seen=timezone.now() - timedelta(minutes=3))
    log_in(alice).get("/alerts/bell/")
    one = Alert.everything.get()
    assert (one.kind, one.severity) == (Kind.WORKER, Severity.CRITICAL)


def test_lost_network_is_a_banner_and_machines_are_unknown_not_down(
    europe: ManagedCluster, alice: User, charlie: User, secret: ManagedCluster, log_in: LogIn
) -> None:
    world.report(europe, connection=Connection.DOWN)
    assert log_in(alice).get("/europe/").content.decode().count("down</span>") == 3
    happened(europe.tenant, None, Fact(Kind.CUT_OFF), timezone.now())
    for path in ("/", "/europe/", "/europe/history/", "/jobs/"):
        page = log_in(alice).get(path).content.decode()
        assert "The portal itself has lost its network." in page, path
        assert "down</span>" not in page
    machines = caller(alice).get(f"{API}/clusters/europe/machines/").json()["results"]
    assert {machine["connection"] for machine in machines} == {"unknown"}
    assert "machines down" not in log_in(alice).get("/").content.decode()
    assert "lost its network" not in log_in(charlie).get("/").content.decode()


def test_pages_of_alerts_do_not_ask_more_for_more(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)

    def asked(path: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(path).status_code == 200
        return len(found)

    down(europe)
    few = [asked(path) for path in ("/alerts/", "/europe/alerts/", "/europe/", "/alerts/bell/")]
    for number in range(2, 30):
        down(europe, f"NW-{number}", f"mx{number}.example")
    assert [asked(path) for path in ("/alerts/", "/europe/alerts/", "/europe/", "/alerts/bell/")] == few
    assert max(few) <= 13


def test_window_is_planned_by_operators_and_ended_early(
    europe: ManagedCluster, acme: Tenant, bob: User, log_in: LogIn
) -> None:
    now = timezone.now()
    told = {"do": "window", "begins": f"{now:%Y-%m-%dT%H:%M}", "reason": "New disk", "serial": ""}
    bad = log_in(bob).post("/europe/alerts/", {**told, "ends": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}"})
    assert bad.status_code == 422
    assert "after the beginning" in bad.content.decode()
    log_in(bob).post("/europe/alerts/", {**told, "ends": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M}"})
    window = MaintenanceWindow.everything.get()
    assert (window.made_by, window.tenant) == (bob, acme)
    reader = world.person("gus", "Gus Guest", guest=acme)
    assert "New disk" in log_in(reader).get("/europe/alerts/").content.decode()
    assert log_in(reader).post("/europe/alerts/", {"do": "end", "window": window.pk}).status_code == 403
    log_in(bob).post("/europe/alerts/", {"do": "end", "window": window.pk})
    window.refresh_from_db()
    assert window.ends <= timezone.now()


@pytest.mark.parametrize(
    ("told", "field", "words"),
    [
        ({"begins": -2, "ends": -1}, "ends", "still to come"),
        ({"begins": 2, "ends": 1}, "ends", "after the beginning"),
        ({"begins": 0, "ends": 1, "serial": "NOBODY"}, "serial", "NOBODY"),
    ],
)
def test_window_that_silences_nothing_is_refused_at_every_door(
    europe: ManagedCluster, bob: User, log_in: LogIn, told: dict[str, Any], field: str, words: str
) -> None:
    """TRL-25: the rule stands in the verb, and page and API tell it at the field."""
    now = timezone.now().replace(microsecond=0)
    when = {name: now + timedelta(hours=told[name]) for name in ("begins", "ends")}
    body = {"reason": "New disk", "serial": told.get("serial", "")}
    sent = {**body, **{name: moment.isoformat() for name, moment in when.items()}}
    answer = caller(bob).post(f"{API}/clusters/europe/windows/", sent, format="json")
    assert answer.status_code == 400
    (problem,) = answer.json()["problems"]
    assert (problem["path"], words in problem["message"]) == (field, True)
    typed = {**body, **{name: f"{moment:%Y-%m-%dT%H:%M}" for name, moment in when.items()}}
    assert log_in(bob).post("/europe/alerts/", {"do": "window", **typed}).status_code == 422
    assert not MaintenanceWindow.everything.exists()


def test_windows_over_the_api(
    europe: ManagedCluster, secret: ManagedCluster, bob: User, charlie: User
) -> None:
    now = timezone.now()
    body = {"begins": now.isoformat(), "ends": (now + timedelta(hours=1)).isoformat(), "reason": "Switch"}
    made = caller(bob).post(f"{API}/clusters/europe/windows/", body, format="json")
    assert made.status_code == 201
    number = made.json()["number"]
    backwards = {**body, "ends": now.isoformat()}
    refused = caller(bob).post(f"{API}/clusters/europe/windows/", backwards, format="json")
    assert refused.status_code == 400
    assert caller(charlie).delete(f"{API}/clusters/europe/windows/{number}/").status_code == 404
    assert caller(charlie).delete(f"{API}/clusters/blacksite/windows/{number}/").status_code == 404
    assert caller(bob).delete(f"{API}/clusters/europe/windows/{number}/").status_code == 204
    assert caller(bob).get(f"{API}/clusters/europe/windows/").json()["results"] == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.APPROVER, Role.READONLY, Role.GUEST])
def test_notifications_are_for_administrators(role: Role, acme: Tenant, log_in: LogIn) -> None:
    made = channel(acme)
    somebody = world.person("somebody", "Some Body", **{role.value: acme})
    for path in ("/notifications/", "/notifications/new/mail/", f"/notifications/{made.pk}/"):
        assert log_in(somebody).get(path).status_code == 403
        assert log_in(somebody).post(path, {"do": "remove"}).status_code == 403
    for path in ("channels", "subscriptions", "digests", "deliveries"):
        assert caller(somebody).get(f"{API}/notifications/{path}/").status_code == 403
    assert Channel.everything.exists()


def test_channel_of_another_tenant_is_not_found(
    acme: Tenant, umbra: Tenant, alice: User, europe: ManagedCluster, secret: ManagedCluster, log_in: LogIn
) -> None:
    foreign = channel(umbra, "hush")
    subscription, digest = (
        Subscription.everything.get(),
        Digest.everything.create(tenant=umbra, channel=foreign),
    )
    assert "hush" not in log_in(alice).get("/notifications/").content.decode()
    assert log_in(alice).get(f"/notifications/{foreign.pk}/").status_code == 404
    assert log_in(alice).post(f"/notifications/{foreign.pk}/", {"do": "test"}).status_code == 404
    told = {"do": "subscription", "channel": foreign.pk, "minimum": 1}
    assert log_in(alice).post("/notifications/", told).status_code == 422
    for what, row in (("subscription", subscription), ("digest", digest)):
        gone = log_in(alice).post("/notifications/", {"do": f"remove_{what}", "number": row.pk})
        assert gone.status_code == 404
        assert caller(alice).delete(f"{API}/notifications/{what}s/{row.pk}/").status_code == 404
    for path in (f"channels/{foreign.pk}/", f"channels/{foreign.pk}/test/"):
        assert caller(alice).post(f"{API}/notifications/{path}").status_code in (404, 405)
        assert caller(alice).patch(f"{API}/notifications/{path}").status_code in (404, 405)
    assert caller(alice).get(f"{API}/notifications/channels/").json()["results"] == []
    own = channel(acme)
    body = {"channel": own.pk, "cluster": secret.slug}
    assert caller(alice).post(f"{API}/notifications/subscriptions/", body, format="json").status_code == 400
    assert Channel.everything.count() == 2


CANARY = "canary-4711-secret"


def test_secret_of_a_channel_is_written_and_never_shown(acme: Tenant, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    told = {"tenant": acme.pk, "name": "Tickets", "language": "en", "enabled": "on"}
    told |= {"url": f"https://hooks.example/{CANARY}", "signing_key": f"{CANARY}-{CANARY}"}
    assert client.post("/notifications/new/webhook/", told).status_code == 302
    one = Channel.everything.get()
    body = {"tenant": "acme", "name": "Two", "way": "service", "url": f"discord://1234567890/{CANARY}"}
    made = caller(alice).post(f"{API}/notifications/channels/", body, format="json")
    assert made.status_code == 201
    for path in ("/notifications/", f"/notifications/{one.pk}/", f"{API}/notifications/channels/", "/admin/"):
        assert CANARY not in client.get(path, follow=True).content.decode(), path
    assert CANARY not in made.content.decode()
    before = one.kept
    edit = {"name": "Renamed", "language": "ja", "url": "", "signing_key": ""}
    assert client.post(f"/notifications/{one.pk}/", edit).status_code == 302
    one.refresh_from_db()
    assert (one.name, one.kept, one.enabled) == ("Renamed", before, False)
    bad = client.post("/notifications/new/webhook/", {**told, "url": f"ftp://x/{CANARY}"})
    assert bad.status_code == 422
    assert CANARY not in bad.content.decode()


def test_new_signing_key_is_shown_once(acme: Tenant, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    told = {
        "tenant": acme.pk,
        "name": "Tickets",
        "language": "en",
        "enabled": "on",
        "url": "https://hooks.example/",
    }
    page = client.post("/notifications/new/webhook/", told, follow=True).content.decode()
    assert "shown this once" in page
    assert "shown this once" not in client.get("/notifications/").content.decode()


def test_subscription_digest_and_test_over_pages_and_api(
    acme: Tenant, alice: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    client, api = log_in(alice), caller(alice)
    body = {"tenant": "acme", "name": "Ops", "way": "mail", "recipients": "ops@acme.example"}
    number = api.post(f"{API}/notifications/channels/", body, format="json").json()["number"]
    told = {"do": "subscription", "channel": number, "cluster": "", "minimum": 2, "kinds": ["down"]}
    assert client.post("/notifications/", told).status_code == 302
    wanted = {"channel": number, "cluster": "europe", "minimum": "critical", "kinds": ["refused"]}
    assert (
        api.post(f"{API}/notifications/subscriptions/", wanted, format="json").json()["minimum"] == "critical"
    )
    assert [s.kinds for s in Subscription.everything.all()] == [["down"], ["refused"]]
    bad = client.post("/notifications/", {"do": "digest", "channel": number, "hour": 8, "zone": "Mars/Base"})
    assert bad.status_code == 422
    assert client.post(
        "/notifications/", {"do": "digest", "channel": number, "hour": 8, "zone": "Asia/Tokyo"}
    )
    assert api.get(f"{API}/notifications/digests/").json()["results"][0]["zone"] == "Asia/Tokyo"
    change = {"recipients": "night@acme.example", "enabled": True}
    changed = api.patch(f"{API}/notifications/channels/{number}/", change, format="json")
    assert (changed.json()["shown"], changed.json()["name"]) == ("night@acme.example", "Ops")
    wrong = api.patch(f"{API}/notifications/channels/{number}/", {"recipients": "nobody"}, format="json")
    assert wrong.status_code == 400
    client.post(f"/notifications/{number}/", {"do": "test"})
    assert api.post(f"{API}/notifications/channels/{number}/test/").status_code == 202
    assert {row.title for row in Delivery.everything.all()} == {"Test from Gatefold"}
    assert api.get(f"{API}/notifications/deliveries/").json()["count"] == 2


def test_others_commits_are_news_for_open_pages(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    seen = europe.replica.revision
    assert "committed" not in client.get(f"/europe/news/?seen={seen}").content.decode()
    world.define(
        europe, world.CLUSTER, "smtproutes", world.routes(b_example="192.0.2.9"), user="bob", comment="Moved"
    )
    page = client.get(f"/europe/news/?seen={seen}").content.decode()
    assert "<strong>bob</strong> committed" in page
    assert "Moved" in page
    for odd in ("", "x", "-1", "9" * 400):
        assert client.get(f"/europe/news/?seen={odd}").status_code == 200
