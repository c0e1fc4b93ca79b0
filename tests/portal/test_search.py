"""Search: by setting, value, machine, group and comment, over what a person may see and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from clusters import membership, models
from clusters.modes import CLUSTER
from portal.search.finding import MOST, leaves, search, written
from portal.templatetags.seeing import marked
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$bWFya2VyT2ZUaGVTZWNyZXRIYXNoSGVyZTEyMzQ1Ng"
BUDGET = 10


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def page(browser: Client, text: str) -> str:
    answer = browser.get("/search/", {"q": text})
    assert answer.status_code == 200
    html: str = answer.content.decode()
    return html[html.index('id="found"') :]


def titles(hits: list[Any]) -> list[str]:
    return [hit.title for hit in hits]


def test_machine_is_found_by_name_serial_and_address(alice: User, europe: ManagedCluster) -> None:
    serial = world.mode_of(europe, "rome.example").id
    for text in ("ROME", serial.lower(), "10.0.0.2"):
        (hit,) = search(alice, text).machines
        assert hit.title == "rome.example"
        assert hit.href == f"/europe/machine/{serial}/monitor/overview"


def test_keys_of_machines_are_not_searched(alice: User, europe: ManagedCluster) -> None:
    member = membership.Machine("K-1", "key.example", "", "10.9.9.9", host_key="ssh-ed25519 AAAAfindme k")
    membership.enrol_machine(europe.replica_id, machine=member, settings={}, user="admin", host="berlin")
    assert search(alice, "10.9.9.9").machines
    assert not search(alice, "AAAAfindme").count


def test_group_and_comment_are_found(alice: User, europe: ManagedCluster) -> None:
    found = search(alice, "pARIs")
    assert titles(found.groups) == ["Paris"]
    assert found.groups[0].href == f"/europe/group/{world.mode_of(europe, 'Paris').id}/"
    (commit,) = search(alice, "for everybody").commits
    assert commit.title == "Routes for everybody"
    assert "/europe/history/" in commit.href


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("smtproutes", "smtproutes"),
        ("smtp routes", "smtproutes"),
        ("SMTP ルート", "smtproutes"),
        ("disclaimer above", "listenerconfig"),
        ("受信ドメイン", "smtproutes"),
    ],
)
def test_feature_is_found_by_command_title_and_field_in_both_languages(
    text: str, feature: str, alice: User, europe: ManagedCluster
) -> None:
    found = {hit.name: hit for hit in search(alice, text).features}
    assert feature in found
    assert found[feature].pages[0][1].startswith("/europe/cluster/")


def test_value_is_found_with_its_mode_and_its_place(browser: Client, europe: ManagedCluster) -> None:
    html = page(browser, "192.0.2.2")
    mode = world.mode_of(europe, "Paris")
    assert f'href="/europe/group/{mode.id}/network/smtp_routes"' in html
    assert "Group Paris" in html
    text = re.sub(r"</?mark>", "", html)
    assert "routes[a.example].hosts[1].host = 192.0.2.2" in text
    assert "<mark>192.0.2.2</mark>" in html


def test_value_in_japanese_or_with_quotes_is_found(alice: User, europe: ManagedCluster) -> None:
    text = 'この "メール" は機密です'
    world.define(europe, CLUSTER, "textconfig", {"resources": [_resource(text)]})
    assert titles(search(alice, "機密").values) == ["Text Resources"]
    assert titles(search(alice, '"メール"').values) == ["Text Resources"]


def _resource(text: str) -> dict[str, Any]:
    return {"name": "note", "type": "disclaimer", "text": text, "html": ""}


def test_long_value_is_shown_around_what_was_searched_for(alice: User, europe: ManagedCluster) -> None:
    world.define(
        europe, CLUSTER, "textconfig", {"resources": [_resource("x " * 300 + "needle" + " y" * 300)]}
    )
    (hit,) = search(alice, "needle").values
    assert "needle" in hit.detail
    assert len(hit.detail) < 200


def test_secrets_are_neither_searched_nor_shown(browser: Client, alice: User, europe: ManagedCluster) -> None:
    user = {"name": "olga", "full_name": "Olga", "role": "readonly", "passphrase_hash": HASH}
    world.define(europe, CLUSTER, "userconfig", {"users": [{**user, "authorised_keys": []}]})
    for text in ("argon2id", HASH[-20:], HASH[:40], "********"):
        assert not search(alice, text).values
    html = page(browser, "olga")
    assert "users[<mark>olga</mark>]" in html
    assert "argon2" not in html


@pytest.mark.parametrize("text", ["hush", "umbra", "10.0.0.1", "whisper", "192.0.2.66", "Main_Group"])
def test_what_is_foreign_is_not_found(
    text: str, browser: Client, europe: ManagedCluster, secret: ManagedCluster, charlie: User
) -> None:
    html = page(browser, text)
    for word in ("Blacksite", "blacksite", "hush.", "192.0.2.66</mark> ", "hidden.example"):
        assert word not in html
    assert search(charlie, text).count
    told = browser.get("/api/v1/search/", {"q": text}).content.decode()
    assert "blacksite" not in told
    assert "hush." not in told


def test_guest_finds_machines_only(europe: ManagedCluster, acme: Tenant) -> None:
    """GUI-20."""
    guest = world.person("gina", "Gina Guest", guest=acme)
    assert titles(search(guest, "rome").machines) == ["rome.example"]
    for text in ("192.0.2", "Paris", "everybody", "smtproutes"):
        found = search(guest, text)
        assert [found.values, found.groups, found.commits, found.features] == [[], [], [], []]


def test_each_tenant_is_seen_with_its_own_role(
    europe: ManagedCluster, secret: ManagedCluster, acme: Tenant, umbra: Tenant
) -> None:
    both = world.person("dora", "Dora Double", guest=acme, readonly=umbra)
    assert [hit.cluster for hit in search(both, "192.0.2").values] == [secret]
    assert {hit.cluster.slug for hit in search(both, "example").machines} == {"europe", secret.slug}


def test_settings_that_are_not_in_force_any_more_are_not_found(alice: User, europe: ManagedCluster) -> None:
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.77"))
    assert titles(search(alice, "192.0.2.77").values) == ["SMTP Routes"]
    assert not search(alice, "192.0.2.1 ").values
    models.Head.objects.filter(replica=europe.replica_id, address="settings/cluster/smtproutes").update(
        rank=1
    )
    assert not search(alice, "192.0.2.77").values


@pytest.fixture
def waiting(europe: ManagedCluster) -> ManagedCluster:
    """Two changes of the routes wait: a.example stays at 192.0.2.1, the newest has 198.51.100.2."""
    membership.set_safe_wait(europe.replica_id, True, user="ops", host="berlin")
    world.conflict(europe)
    return europe


def test_what_machines_have_is_found_and_a_newer_version_that_waits_is_told(
    browser: Client, alice: User, waiting: ManagedCluster
) -> None:
    """SYN-08: safe wait."""
    hits = {hit.mode: hit.waits for hit in search(alice, "192.0.2.").values}
    assert hits == {CLUSTER: True, world.mode_of(waiting, "Paris"): False}
    for newer in ("198.51.100.1", "198.51.100.2"):
        assert not search(alice, newer).values
    html = page(browser, "192.0.2.1")
    assert 'href="/europe/conflicts/"' in html
    assert "in force until somebody decides; a newer version waits" in html
    (hit,) = browser.get("/api/v1/search/", {"q": "192.0.2.1"}).json()["values"]
    assert hit["waits"] is True
    assert "newer version waits" not in page(browser, "192.0.2.2")


def test_value_is_found_though_the_newest_version_that_waits_takes_it_away(
    alice: User, waiting: ManagedCluster
) -> None:
    """SYN-08: the machines still have it."""
    newest = models.Head.objects.filter(address="settings/cluster/smtproutes", rank=0)
    newest.update(value=None)
    (hit,) = search(alice, "192.0.2.1").values
    assert hit.waits


def test_conflict_of_a_cluster_that_does_not_wait_has_its_newest_version_found(
    alice: User, waiting: ManagedCluster
) -> None:
    membership.set_safe_wait(waiting.replica_id, False, user="ops", host="berlin")
    (hit,) = search(alice, "198.51.100.2").values
    assert not hit.waits
    assert not search(alice, "192.0.2.1").values


def test_feature_that_this_release_does_not_know_is_passed_over(alice: User, europe: ManagedCluster) -> None:
    row = models.Head.objects.get(replica=europe.replica_id, address="settings/cluster/smtproutes")
    models.Head.objects.filter(pk=row.pk).update(address="settings/cluster/from_the_future")
    assert titles(search(alice, "192.0.2").values) == ["SMTP Routes"]


@pytest.mark.parametrize("text", ["", " ", "x", " x "])
def test_too_little_text_finds_nothing_and_says_so(
    text: str, browser: Client, alice: User, europe: ManagedCluster
) -> None:
    assert not search(alice, text).count
    assert ("at least two characters" in page(browser, text)) == bool(text.strip())


@pytest.mark.parametrize("text", ["%%", "__", "\\\\", "'; drop", "<script>", "\x00\x00", "İ" * 200, '"}'])
def test_odd_text_is_only_text(text: str, browser: Client) -> None:
    html = page(browser, text)
    assert "<a " not in html
    assert "<script>" not in html


def test_many_hits_are_cut_and_it_is_told(browser: Client, alice: User, europe: ManagedCluster) -> None:
    for number in range(MOST + 5):
        machine = membership.Machine(f"M-{number}", f"mx{number}.example", "", f"10.9.0.{number}")
        membership.enrol_machine(europe.replica_id, machine=machine, settings={}, user="admin", host="mx0")
    found = search(alice, "example")
    assert len(found.machines) == MOST
    assert {"machines", "commits"} <= found.more
    assert f"the first {MOST}" in page(browser, "example")


def test_queries_do_not_grow_with_clusters_machines_or_hits(
    browser: Client, acme: Tenant, europe: ManagedCluster
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page(browser, "192.0")
        return len(found)

    few = queries()
    for name in ("One", "Two", "Three"):
        made = world.cluster(acme, name, [f"{name}{n}.example".lower() for n in range(5)])
        world.define(made, world.mode_of(made, f"{name}3.example".lower()), "smtproutes",
                     world.routes(a_example="192.0.2.50"))  # fmt: skip
    assert queries() == few
    assert few <= BUDGET


def test_queries_do_not_grow_with_clusters_that_wait(
    browser: Client, acme: Tenant, waiting: ManagedCluster
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert "a newer version waits" in page(browser, "192.0.2.1")
        return len(found)

    few = queries()
    for name in ("One", "Two", "Three"):
        made = world.cluster(acme, name, [f"{name}.example".lower()])
        world.define(made, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.1"))
        membership.set_safe_wait(made.replica_id, True, user="ops", host="berlin")
        world.conflict(made)
    assert queries() == few
    assert few <= BUDGET


def test_every_page_has_a_box_and_htmx_gets_the_results_alone(browser: Client) -> None:
    for path in ("/", "/europe/", "/europe/cluster/", "/jobs/"):
        assert 'action="/search/"' in browser.get(path).content.decode()
    html = browser.get("/search/", {"q": "rome"}, headers={"HX-Request": "true"}).content.decode()
    assert html.lstrip().startswith('<div id="found"')
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)


def test_nobody_searches_before_login(europe: ManagedCluster) -> None:
    assert Client().get("/search/", {"q": "rome"}).status_code == 302
    assert Client().get("/api/v1/search/", {"q": "rome"}).status_code == 401


def test_api_gives_the_same(browser: Client, europe: ManagedCluster) -> None:
    told = browser.get("/api/v1/search/", {"q": "192.0.2.2"}).json()
    (hit,) = told["values"]
    paris = world.mode_of(europe, "Paris").id
    assert (hit["cluster"], hit["mode"], hit["title"]) == ("europe", f"group/{paris}", "SMTP Routes")
    assert browser.get(hit["page"]).status_code == 200
    assert browser.get("/api/v1/search/", {"q": "rome"}).json()["machines"][0]["title"] == "rome.example"
    assert browser.get("/api/v1/search/").json()["machines"] == []


def test_leaves_name_items_by_their_keys() -> None:
    document = {"rows": [{"name": "a", "n": 1}], "list": ["x"], "on": True, "none": None, "inner": {"b": "y"}}
    assert list(leaves(document)) == [
        ("rows[a].name", "a"),
        ("rows[a].n", "1"),
        ("list[1]", "x"),
        ("inner.b", "y"),
    ]


def test_marks_are_put_around_every_hit_and_nothing_is_left_unescaped() -> None:
    assert marked("<b>Ab ab</b>", "AB") == "&lt;b&gt;<mark>Ab</mark> <mark>ab</mark>&lt;/b&gt;"
    assert marked("İstanbul", "is") == "İstanbul"
    assert marked("a", "") == "a"


@given(before=st.text(max_size=5), text=st.text(min_size=1, max_size=20), escaped=st.booleans())
def test_sieve_lets_through_whatever_a_document_holds(before: str, text: str, escaped: bool) -> None:
    """TRL-29: as SQLite keeps JSON and as PostgreSQL does, quotes and Japanese in one text."""
    column = json.dumps({"value": before + text}, ensure_ascii=escaped)
    assert any(form in column for form in written(text))


@pytest.mark.parametrize("stands", ["ÄRGER", "ärger", "Ärger"])
@pytest.mark.parametrize("asked", ["ÄRGER", "ärger", "Ärger"])
def test_value_is_found_in_any_case_of_any_letter(
    alice: User, europe: ManagedCluster, stands: str, asked: str
) -> None:
    """TRL-29: an escape has no case of its own."""
    text = {"resources": [{"name": "Note", "text": f"Kein {stands}", "type": "disclaimer", "html": ""}]}
    world.define(europe, CLUSTER, "textconfig", text)
    assert search(alice, asked).values


def test_japanese_in_quotes_is_found(alice: User, europe: ManagedCluster) -> None:
    """TRL-29: one text that JSON writes in two ways at once."""
    said = 'これは "社外秘" です'
    text = {"resources": [{"name": "Note", "text": said, "type": "disclaimer", "html": ""}]}
    world.define(europe, CLUSTER, "textconfig", text)
    assert search(alice, 'は "社外秘"').values
