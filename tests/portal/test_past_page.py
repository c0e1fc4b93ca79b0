"""Time travel: settings as they were at a moment, read-only, with origin, and the way to bring them back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clusters import commits, drafts, membership, models, replicas
from clusters.modes import CLUSTER, Mode
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn
from tests.portal.forms import base_of, press

ROUTES = "/europe/cluster/network/smtp_routes"
BUDGET = 17  # one of them for one's pending changes: bringing back says what it would replace


def aged(europe: ManagedCluster, days: float) -> None:
    """Let everything that was committed so far have happened that many days ago."""
    milliseconds = int(timedelta(days=days).total_seconds() * 1000)
    for model in (models.Commit, models.Head):
        for row in model.objects.filter(replica=europe.replica_id):
            model.objects.filter(pk=row.pk).update(wall=row.wall - milliseconds)


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    """Three days ago: routes of the cluster and Paris. Now: others, Paris inherits, Berlin has its own."""
    aged(europe, 3)
    world.define(europe, CLUSTER, "smtproutes", world.routes(new_example="192.0.2.99"), user="bob")
    drafts.remove(europe.replica_id, "alice", world.mode_of(europe, "Paris"), "smtproutes")
    berlin = world.mode_of(europe, "berlin.example")
    drafts.edit(europe.replica_id, "alice", berlin, "smtproutes", world.routes(own_example="192.0.2.8"))
    commits.commit_pending(europe.replica_id, user="alice", host="portal", comment="Three at once")
    return log_in(alice)


def then(days: float = 1) -> str:
    return (timezone.now() - timedelta(days=days)).isoformat()


def page(browser: Client, path: str, status: int = 200, **query: str) -> str:
    answer = browser.get(path, query)
    assert answer.status_code == status
    return answer.content.decode()


def path_of(europe: ManagedCluster, name: str) -> str:
    mode = world.mode_of(europe, name)
    return f"/europe/{mode.level}/{mode.id}/network/smtp_routes"


def test_feature_is_shown_as_it_was_with_its_origin_and_a_band(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-05 for the past: value and origin together."""
    now = page(browser, ROUTES)
    assert "past-band" not in now
    assert "192.0.2.99" in now
    past = page(browser, ROUTES, at=then())
    assert "As it was on" in past
    assert "192.0.2.1" in past
    assert "192.0.2.99" not in past
    berlin = page(browser, path_of(europe, "berlin.example"), at=then())
    assert "Preview of inherited settings" in berlin
    assert "own.example" not in berlin
    assert "Cluster Europe" in berlin


def test_nothing_of_the_past_can_be_edited(browser: Client, europe: ManagedCluster) -> None:
    past = page(browser, ROUTES, at=then())
    for word in ("data-settings-form", 'value="delete"', 'value="copy"', "Override Settings"):
        assert word not in past
    assert 'value="delete"' in page(browser, ROUTES)
    assert f'<a class="button small primary" href="{ROUTES}">Back to now' in past


def test_pending_changes_of_now_are_not_in_the_past(browser: Client, europe: ManagedCluster) -> None:
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(draft_example="192.0.2.7"))
    assert "draft.example" in page(browser, ROUTES)
    past = page(browser, ROUTES, at=then())
    assert "draft.example" not in past
    assert 'id="commit-control"' in past


def test_links_of_a_past_page_keep_to_its_moment(browser: Client, europe: ManagedCluster) -> None:
    past = page(browser, path_of(europe, "Paris"), at=then())
    links = re.findall(r'href="(/europe/(?:cluster|group|machine)[^"]*)"', past)
    settings = [link for link in links if "monitor" not in link and link != path_of(europe, "Paris")]
    assert settings
    assert all("?at=" in link for link in settings)
    assert "192.0.2.2" in page(browser, path_of(europe, "Paris"), at=then())


def test_mode_is_shown_as_it_was(browser: Client, europe: ManagedCluster) -> None:
    mode = world.mode_of(europe, "Paris")

    def row(html: str) -> str:
        return html[html.index("row-link") :].partition("SMTP Routes</a>")[2].partition("</tr>")[0]

    where = f"/europe/group/{mode.id}/"
    assert "inherited" in row(page(browser, where))
    past = page(browser, where, at=then())
    assert "defined here" in row(past)
    assert "As it was on" in past


def test_mode_that_did_not_exist_then_is_told_in_words(browser: Client, europe: ManagedCluster) -> None:
    made = membership.add_group(europe.replica_id, "Lyon", user="alice", host="portal")
    for path in (f"/europe/group/{made.id}/", f"/europe/group/{made.id}/network/smtp_routes"):
        assert "no such group or machine then" in page(browser, path, 404, at=then())
        assert page(browser, path)


def test_mode_that_is_gone_can_still_be_seen_as_it_was(browser: Client, europe: ManagedCluster) -> None:
    path = path_of(europe, "rome.example")
    serial = world.mode_of(europe, "rome.example").id
    membership.remove_machine(europe.replica_id, serial, user="alice", host="portal")
    europe.replica.refresh_from_db()
    page(browser, path, 404)
    past = page(browser, path, at=then())
    assert "192.0.2.1" in past
    assert "Make this the pending value here" not in past


@pytest.mark.parametrize(
    "text", ["soon", "2026-13-99", "9999-12-31T23:59:59+00:00", "2026-11-24T12:00+99:00"]
)
def test_moment_that_makes_no_sense_is_told_and_now_is_shown(browser: Client, text: str) -> None:
    past = page(browser, ROUTES, at=text)
    assert "past-band" not in past
    assert "192.0.2.99" in past
    assert re.search("Give a moment such as|has not come yet", past)


def test_moment_before_the_history_is_explained(browser: Client, europe: ManagedCluster) -> None:
    past = page(browser, ROUTES, at="1990-01-01")
    assert "history kept in this portal begins on" in past
    oldest = datetime.fromtimestamp(models.Commit.objects.order_by("wall")[0].wall / 1000, UTC)
    assert f"{oldest:%Y-%m-%d %H:%M:%S}" in past
    assert 'min="' in past
    assert "Make this the pending value here" not in past
    press(browser, ROUTES, {"do": "bring_back", "at": "1990-01-01"})
    assert not drafts.pending(europe.replica_id, "alice")


def test_value_that_is_not_kept_is_not_taken_for_absent(browser: Client, europe: ManagedCluster) -> None:
    first = models.Change.objects.filter(address="settings/cluster/smtproutes").earliest("pk")
    origin, number = first.commit.origin, first.commit.number
    first.commit.delete()
    models.Replica.objects.filter(pk=europe.replica_id).update(floor={origin: number})
    past = page(browser, ROUTES, at=then())
    assert "is not kept in this portal" in past
    assert "Make this the pending value here" not in past
    answer = press(browser, ROUTES, {"do": "bring_back", "at": then()}, follow=True)
    assert "is not kept in this portal" in answer.content.decode()
    assert not drafts.pending(europe.replica_id, "alice")
    told = browser.get("/api/v1/clusters/europe/cluster/settings/smtproutes/", {"at": then()})
    assert told.status_code == 422


def value(europe: ManagedCluster, mode: Mode) -> object:
    return drafts.draft_state(europe.replica_id, "alice").defined(mode, "smtproutes")


def test_past_value_becomes_the_pending_one(browser: Client, europe: ManagedCluster) -> None:
    assert "Make this the pending value here" in page(browser, ROUTES, at=then())
    answer = press(browser, ROUTES, {"do": "bring_back", "at": then()})
    assert (answer.status_code, answer.headers["Location"]) == (302, ROUTES)
    (change,) = drafts.pending(europe.replica_id, "alice")
    assert change.value == world.routes(a_example="192.0.2.1")
    assert "192.0.2.1" in page(browser, ROUTES)


def test_definition_that_was_not_there_then_becomes_a_pending_deletion(
    browser: Client, europe: ManagedCluster
) -> None:
    berlin = world.mode_of(europe, "berlin.example")
    press(browser, path_of(europe, "berlin.example"), {"do": "bring_back", "at": then()})
    (change,) = drafts.pending(europe.replica_id, "alice")
    assert (change.mode, change.value) == (berlin, None)


def test_what_stands_already_makes_nothing_pending(browser: Client, europe: ManagedCluster) -> None:
    answer = press(browser, path_of(europe, "rome.example"), {"do": "bring_back", "at": then()}, follow=True)
    assert "in force already" in answer.content.decode()
    assert not drafts.pending(europe.replica_id, "alice")


def test_past_value_does_not_replace_what_was_committed_since_the_page_was_shown(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-09: the way back is from what the person knew to stand here."""
    moment = then()
    shown = base_of(page(browser, ROUTES, at=moment))
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.7"), user="bob")

    answer = browser.post(ROUTES, {"do": "bring_back", "at": moment, "base": shown}, follow=True)

    assert "were changed since this page was shown" in answer.content.decode()
    assert not drafts.pending(europe.replica_id, "alice")


@pytest.mark.parametrize("at", ["", "soon", "9999-01-01"])
def test_bringing_back_from_no_moment_changes_nothing(
    at: str, browser: Client, europe: ManagedCluster
) -> None:
    answer = press(browser, ROUTES, {"do": "bring_back", "at": at}, follow=True)
    assert answer.status_code == 200
    assert not drafts.pending(europe.replica_id, "alice")


def test_reader_sees_the_past_and_brings_nothing_back(
    browser: Client, europe: ManagedCluster, acme: Tenant, log_in: LogIn
) -> None:
    reader = log_in(world.person("rita", "Rita Reader", readonly=acme))
    past = page(reader, ROUTES, at=then())
    assert "192.0.2.1" in past
    assert "Make this the pending value here" not in past
    assert reader.post(ROUTES, {"do": "bring_back", "at": then()}).status_code == 403


def test_secrets_of_the_past_stay_hidden(browser: Client, europe: ManagedCluster) -> None:
    secret = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$bWFya2VyT2ZUaGVTZWNyZXRIYXNoSGVyZTEyMzQ1Ng"
    user = {"name": "olga", "full_name": "", "role": "readonly", "passphrase_hash": secret}
    document = {"users": [{**user, "authorised_keys": []}]}
    world.define(europe, CLUSTER, "userconfig", document)
    aged(europe, 3)
    world.define(europe, CLUSTER, "userconfig", {"users": []})
    past = page(browser, "/europe/cluster/system_administration/users", at=then())
    assert "olga" in past
    assert secret not in past
    told = browser.get("/api/v1/clusters/europe/cluster/settings/userconfig/", {"at": then()})
    assert "olga" in told.content.decode()
    assert secret not in told.content.decode()


def test_queries_of_a_past_page_do_not_grow_with_machines(browser: Client, europe: ManagedCluster) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page(browser, ROUTES, at=then())
        return len(found)

    few = queries()
    for number in range(40):
        machine = membership.Machine(f"M-{number}", f"mx{number}.example", "", f"10.9.0.{number}")
        membership.enrol_machine(europe.replica_id, machine=machine, settings={}, user="admin", host="mx0")
    europe.replica.refresh_from_db()
    assert queries() == few
    assert few <= BUDGET


def test_commit_leads_to_the_settings_as_they_were_after_it(browser: Client, europe: ManagedCluster) -> None:
    first = next(c for c in commits.history(europe.replica_id).commits if c.comment == "Routes for everybody")
    html = page(browser, f"/europe/history/{first.id.origin}/{first.id.number}/")
    link = re.search(r'href="(/europe/cluster/[?]at=[^"]+)"', html)
    assert link
    past = page(browser, link[1])
    assert "past-band" in past
    routes = re.search(r'href="(/europe/cluster/network/smtp_routes[?]at=[^"]+)"', past)
    assert routes
    assert "192.0.2.1" in page(browser, routes[1])


def test_api_tells_of_the_past_and_refuses_no_moments(browser: Client, europe: ManagedCluster) -> None:
    base = "/api/v1/clusters/europe/cluster/settings/"
    told = browser.get(f"{base}smtproutes/", {"at": then()}).json()
    assert told["value"] == world.routes(a_example="192.0.2.1")
    assert told["version"] == ""
    rows = browser.get(base, {"at": then()}).json()["results"]
    assert {row["feature"] for row in rows if row["defined"]} == {"smtproutes"}
    refused = browser.get(base, {"at": "soon"})
    assert refused.status_code == 400
    assert refused.json()["problems"][0]["path"] == "at"
    paris = world.mode_of(europe, "Paris")
    gone = replicas.state_at(europe.replica_id, 0)
    assert not gone.groups
    path = f"/api/v1/clusters/europe/group/{paris.id}/settings/"
    assert browser.get(path, {"at": "1990-01-01"}).status_code == 404
