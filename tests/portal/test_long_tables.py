"""Long tables: any legal document opens in a small page; a form with a part of it changes that part alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from appliances.features.fields import MAX_TABLE
from appliances.features.registry import CATALOGUE
from clusters import drafts
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn
from tests.portal.forms import settings_form

ROUTES = "/europe/cluster/network/smtp_routes"
PAGES = {
    "smtproutes": ROUTES,
    "listenerconfig": "/europe/cluster/network/listeners",
    "aliasconfig": "/europe/cluster/mail_policies/alias_tables",
    "unsubscribe": "/europe/cluster/mail_policies/global_unsubscribe",
    "destconfig": "/europe/cluster/mail_policies/destination_controls",
    "textconfig": "/europe/cluster/mail_policies/text_resources",
}
MOST_BYTES = 2_000_000
MOST_FIELDS = 1500


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def some_routes(count: int) -> dict[str, Any]:
    hosts = [{"host": "192.0.2.1", "port": 25}]
    return {"routes": [{"domain": f"d{n}.example", "hosts": hosts} for n in range(count)]}


def full(feature: str) -> dict[str, Any]:
    """The largest documents that each table allows."""
    hosts = [{"host": f"192.0.2.{n}", "port": 25} for n in range(1, 21)]
    listener = {
        "name": "Full",
        "interface": "Management",
        "port": 25,
        "type": "public",
        "hat": {
            "sender_groups": [
                {"name": f"G{n}", "hosts": [f"h{n}-{m}.example" for m in range(80)], "policy": f"P{n % 200}"}
                for n in range(500)
            ],
            "policies": [{"name": f"P{n}", "behaviour": "accept"} for n in range(200)],
        },
        "rat": {"entries": [{"recipient": f"u{n}@d.example"} for n in range(MAX_TABLE)]},
    }
    documents: dict[str, dict[str, Any]] = {
        "smtproutes": {
            "routes": [
                {"domain": f"d{n}.example", "hosts": hosts if n < 200 else hosts[:1]}
                for n in range(MAX_TABLE)
            ]
        },
        "listenerconfig": {"listeners": [listener]},
        "aliasconfig": {
            "aliases": [
                {"alias": f"a{n}@d.example", "targets": [f"t{n}@d.example"]} for n in range(MAX_TABLE)
            ]
        },
        "unsubscribe": {"recipients": [f"u{n}@d.example" for n in range(MAX_TABLE)]},
        "destconfig": {"destinations": [{"domain": f"d{n}.example"} for n in range(500)]},
        "textconfig": {"resources": [{"name": f"T{n}", "text": "x" * 5000} for n in range(1000)]},
    }
    return CATALOGUE[feature].check(documents[feature])


@pytest.mark.parametrize("feature", PAGES)
def test_page_of_a_full_table_is_small(browser: Client, europe: ManagedCluster, feature: str) -> None:
    """TRL-28: 40,000 rows; the form, what inherits it, and each part that is asked for."""
    world.define(europe, CLUSTER, feature, full(feature))
    html = browser.get(PAGES[feature]).content
    assert len(html) < MOST_BYTES
    assert "data-part" in html.decode()
    assert len(settings_form(html.decode())) < MOST_FIELDS
    preview = browser.get(
        PAGES[feature].replace("cluster", f"machine/{world.mode_of(europe, 'rome.example').id}")
    )
    assert b"data-preview" in preview.content
    assert len(preview.content) < MOST_BYTES


def test_row_that_holds_full_tables_opens_small_and_is_edited(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-28: a listener with 40,000 recipients and 40,000 senders."""
    world.define(europe, CLUSTER, "listenerconfig", full("listenerconfig"))
    path = PAGES["listenerconfig"]
    page = browser.get(path).content.decode()
    folded = page.partition('data-folded="')[2].partition('"')[0]
    opened = browser.get(path, {"rows": f"f.listeners.{folded}"}).content
    assert len(opened) < MOST_BYTES
    form = settings_form(page) | settings_form(f"<form data-settings-form>{opened.decode()}</form>")
    row = f"f.listeners.{folded}.rat.entries"
    assert len(form[f"row:{row}"]) == 50
    form[f"{row}.{form[f'row:{row}'][0]}.recipient"] = "other@d.example"
    assert browser.post(path, form).status_code == 302
    (change,) = drafts.pending(europe.replica_id, "alice")
    expected = full("listenerconfig")
    expected["listeners"][0]["rat"]["entries"][0]["recipient"] = "other@d.example"
    assert change.value == expected


def rows_of(html: bytes) -> list[str]:
    form = settings_form(f"<form data-settings-form>{html.decode()}</form>")
    return [value for name, value in form.items() if name.endswith(".domain")]


def test_window_shows_what_was_asked_for(browser: Client, europe: ManagedCluster) -> None:
    """TRL-28: filter and place on the server."""
    world.define(europe, CLUSTER, "smtproutes", some_routes(1000))
    found = browser.get(ROUTES, {"rows": "f.routes", "q": "D99"}).content
    assert rows_of(found) == ["d99.example", *(f"d99{n}.example" for n in range(10))]
    assert b"11 found in 1000" in found
    assert rows_of(browser.get(ROUTES, {"rows": "f.routes", "from": "951"}).content)[0] == "d950.example"
    assert len(rows_of(browser.get(ROUTES, {"rows": "f.routes", "from": "99999"}).content)) == 50


@pytest.mark.parametrize(
    "asked",
    [
        {"rows": "f.nothing"},
        {"rows": "f.routes.12-ffff"},
        {"rows": "f"},
        {"rows": "f.routes.0.hosts"},
        {"rows": "\x00"},
    ],
)
def test_window_of_nothing_is_not_found(
    browser: Client, europe: ManagedCluster, asked: dict[str, str]
) -> None:
    """TRL-28: and breaks nothing."""
    world.define(europe, CLUSTER, "smtproutes", some_routes(1000))
    assert browser.get(ROUTES, asked).status_code == 404


def test_window_of_a_page_that_is_too_old_shows_no_rows(browser: Client, europe: ManagedCluster) -> None:
    """TRL-28: rows of two versions are never mixed."""
    world.define(europe, CLUSTER, "smtproutes", some_routes(1000))
    found = browser.get(ROUTES, {"rows": "f.routes", "base": "0" * 16}).content
    assert rows_of(found) == []
    assert b"changed while you were editing" in found


def test_filter_finds_nothing_in_secrets(browser: Client, europe: ManagedCluster) -> None:
    """TRL-28: a filter that saw secrets would tell them letter by letter."""
    users = [
        {
            "name": f"user{n}",
            "role": "readonly",
            "passphrase_hash": f"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g{n}",
        }
        for n in range(150)
    ]
    world.define(europe, CLUSTER, "userconfig", {"users": users})
    path = "/europe/cluster/system_administration/users"
    assert b"user149" in browser.get(path, {"rows": "f.users", "q": "user149"}).content
    assert b"0 found in 150" not in browser.get(path, {"rows": "f.users", "q": "user149"}).content
    assert b"found in 150" in browser.get(path, {"rows": "f.users", "q": "argon2id"}).content
    assert b"user1" not in browser.get(path, {"rows": "f.users", "q": "argon2id"}).content


def test_refused_form_shows_what_was_typed_and_keeps_it(browser: Client, europe: ManagedCluster) -> None:
    """TRL-28: nothing of 1,000 rows or of what was typed is lost by a mistake."""
    world.define(europe, CLUSTER, "smtproutes", some_routes(1000))
    form = settings_form(browser.get(ROUTES).content.decode())
    first, second, *_rest = form["row:f.routes"]
    form["row:f.routes"] = [first, "n1"]
    form["gone:f.routes"] = second
    form[f"f.routes.{first}.domain"] = "not a domain"
    form["after:f.routes.n1"] = first
    form["f.routes.n1.domain"] = "new.example"
    form["row:f.routes.n1.hosts"] = "n2"
    form["f.routes.n1.hosts.n2.host"] = "192.0.2.9"
    answer = browser.post(ROUTES, form)
    assert answer.status_code == 422
    again = settings_form(answer.content.decode())
    assert rows_of(answer.content) == ["not a domain", "new.example"]
    again[f"f.routes.{first}.domain"] = "mended.example"
    assert browser.post(ROUTES, again).status_code == 302
    (change,) = drafts.pending(europe.replica_id, "alice")
    names = [route["domain"] for route in change.value["routes"]]
    assert names == ["mended.example", "new.example", *(f"d{n}.example" for n in range(2, 1000))]


def test_problem_of_a_row_that_nobody_touched_is_shown_with_it(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-28: a domain typed twice names the row that has it already."""
    world.define(europe, CLUSTER, "smtproutes", some_routes(1000))
    form = settings_form(browser.get(ROUTES).content.decode())
    first = form["row:f.routes"][0]
    form["row:f.routes"] = first
    form[f"f.routes.{first}.domain"] = "d777.example"
    answer = browser.post(ROUTES, form)
    assert answer.status_code == 422
    assert rows_of(answer.content) == ["d777.example", "d777.example"]


def test_problems_are_grouped_by_what_is_wrong(browser: Client, europe: ManagedCluster) -> None:
    """TRL-28: forty equal sentences are one, with the places."""
    post = {"json": '{"routes": [' + ",".join('{"domain": "x", "hosts": []}' for _n in range(40)) + "]}"}
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.1"))
    form = settings_form(browser.get(ROUTES).content.decode())
    html = browser.post(ROUTES, {"base": form["base"], "do": "save", "start": ""} | post).content.decode()
    assert html.count("must have at least 1 entry") == 1
    assert "and 35 more" in html


def test_many_pasted_lines_wait_as_text_and_become_rows(browser: Client, europe: ManagedCluster) -> None:
    """TRL-28: 40,000 lines into an empty table, in one go."""
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.1"))
    form = settings_form(browser.get(ROUTES).content.decode())
    text = "\n".join(f"d{n}.example;192.0.2.1:2525" for n in range(MAX_TABLE - 1))
    read = browser.post(ROUTES, {"do": "lines", "table": "f.routes", "text": text}).content.decode()
    assert "39999 pasted lines are added" in read
    form["lines:f.routes"] = ["", text]
    assert browser.post(ROUTES, form).status_code == 302
    (change,) = drafts.pending(europe.replica_id, "alice")
    assert len(change.value["routes"]) == MAX_TABLE
    assert change.value["routes"][-1]["hosts"] == [{"host": "192.0.2.1", "port": 2525}]
