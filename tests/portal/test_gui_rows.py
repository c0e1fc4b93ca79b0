"""Rows of the browser interface on every feature page, in every mode (GUI-01 to GUI-20)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from appliances.features.registry import CATALOGUE
from clusters import drafts, membership, replicas
from clusters.modes import CLUSTER, Mode
from portal.modes import ModeConverter
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn
from tests.portal.forms import press, settings_form

ROUTES = "/europe/cluster/network/smtp_routes"


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def address(mode: Mode, page: str) -> str:
    return f"/europe/{ModeConverter().to_url(mode)}/{page}"


def pages(europe: ManagedCluster) -> Iterator[tuple[Any, Mode, str]]:
    """Every feature page in every mode that can hold the feature."""
    features: list[Any] = list(CATALOGUE)
    for feature in features:
        for mode in replicas.state(europe.replica_id).modes():
            if CATALOGUE.allows(feature.name, mode):
                yield feature, mode, address(mode, feature.page)


def text(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def box(html: str) -> str:
    return html.split('<section class="cm-box')[1].split("</section>")[0]


def test_members_are_browsed_and_settings_created_copied_moved_and_deleted(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-01."""
    html = text(browser, "/europe/")
    berlin, rome = (world.mode_of(europe, name) for name in ("berlin.example", "rome.example"))
    paths = [address(mode, "network/smtp_routes") for mode in (berlin, rome)]
    for mode in (berlin, rome):
        assert f'href="{address(mode, "")}' in html
    form = settings_form(text(browser, f"{paths[0]}?start=default"))
    browser.post(paths[0], form)
    press(browser, paths[0], {"do": "copy", "target": str(rome)})
    press(browser, paths[0], {"do": "delete"})
    press(browser, paths[1], {"do": "move", "target": str(berlin)})
    assert [(c.mode, c.value) for c in drafts.pending(europe.replica_id, "alice")] == [
        (berlin, {"routes": []})
    ]


def test_data_of_a_machine_stand_on_its_page_alone_with_their_age(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-03."""
    world.report(europe)
    berlin = text(browser, address(world.mode_of(europe, "berlin.example"), ""))
    assert "Heard" in berlin
    assert 'class="age"' in berlin
    whole = text(browser, "/europe/cluster/")
    assert "Heard" not in whole


def test_pages_of_every_tab_show_the_box_of_their_mode(browser: Client, europe: ManagedCluster) -> None:
    """GUI-04."""
    seen = set()
    for feature, mode, path in pages(europe):
        html = text(browser, path)
        assert f'data-mode="{mode}"' in html, path
        seen.add(feature.tab)
    assert {"Mail Policies", "Network", "System Administration"} <= {str(tab) for tab in seen}
    assert "cm-box" not in text(browser, "/europe/")


def test_dependent_settings_are_named_beside_the_preview(browser: Client, europe: ManagedCluster) -> None:
    """GUI-06."""
    berlin = world.mode_of(europe, "berlin.example")
    hint = box(text(browser, address(berlin, "network/listeners"))).split("data-related")[1]
    assert "a machine may get the one without the other" in hint
    for other in ("mail_policies/text_resources", "network/bounce_profiles", "network/ip_interfaces"):
        assert f'href="{address(berlin, other)}"' in hint
    hint = box(text(browser, address(berlin, "network/bounce_profiles"))).split("data-related")[1]
    assert f'href="{address(berlin, "network/listeners")}"' in hint
    hint = box(text(browser, address(berlin, "network/smtp_routes"))).split("data-related")[1]
    assert f'href="{address(berlin, "network/listeners")}"' in hint
    assert "data-related" not in text(browser, address(berlin, "mail_policies/global_unsubscribe"))


def test_link_to_where_it_is_defined_opens_that_mode(browser: Client, europe: ManagedCluster) -> None:
    """GUI-09."""
    berlin = world.mode_of(europe, "berlin.example")
    html = (
        box(text(browser, address(berlin, "network/smtp_routes"))).split("cm-elsewhere")[1].split("</p>")[0]
    )
    links = re.findall(r'<a [^>]*href="([^"]+)"', html)
    group = world.mode_of(europe, "Paris")
    assert links == [ROUTES, address(group, "network/smtp_routes")]
    for link, mode in zip(links, (CLUSTER, group), strict=True):
        opened = text(browser, link)
        assert f'data-mode="{mode}"' in opened
        assert 'value="delete"' in box(opened)


def test_box_is_folded_just_where_settings_are_defined(browser: Client, europe: ManagedCluster) -> None:
    """GUI-10."""
    state = replicas.state(europe.replica_id)
    folds = {True: 0, False: 0}
    for feature, mode, path in pages(europe):
        part = box(text(browser, path))
        defined = state.defined(mode, feature.name) is not None
        assert "Centralized Management Options" in part
        opened = re.search(r'<details class="cm-more"\s+open', part) is not None
        assert opened is not defined, path
        folds[defined] += 1
        actions = ('value="copy"', 'value="move"', 'value="delete"') if defined else ("Override Settings",)
        for action in actions:
            assert action in part, path
    assert min(folds.values()) > 0


LISTENER = ("name", "type", "interface", "port", "bounce_profile", "disclaimer_above", "disclaimer_below")


def test_listener_page_has_its_fields(browser: Client, europe: ManagedCluster) -> None:
    """GUI-18."""
    document = {"listeners": [{"name": "In", "interface": "Management"}]}
    world.define(europe, CLUSTER, "listenerconfig", CATALOGUE.check("listenerconfig", CLUSTER, document))
    form = settings_form(text(browser, "/europe/cluster/network/listeners"))
    for name in LISTENER:
        assert f"f.listeners.0.{name}" in form
    html = text(browser, "/europe/cluster/network/listeners")
    for part in ("hat.sender_groups", "hat.policies", "rat.entries"):
        assert f'data-rows="f.listeners.0.{part}"' in html


def test_choice_that_a_machine_lacks_is_marked_in_the_list_and_beside_it(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-17, DEP-03."""
    texts = {"resources": [{"name": "Company", "text": "Hello", "type": "disclaimer", "html": ""}]}
    world.define(europe, world.mode_of(europe, "paris.example"), "textconfig", texts)
    document = {"listeners": [{"name": "In", "interface": "Management", "disclaimer_below": "Company"}]}
    world.define(europe, CLUSTER, "listenerconfig", CATALOGUE.check("listenerconfig", CLUSTER, document))
    html = text(browser, "/europe/cluster/network/listeners")
    words = "Unavailable on Machine: berlin.example, rome.example"
    assert f"Company (– {words})</option>" in html
    notes = re.findall(r"data-choice-note\s*>.*?<span>([^<]*)</span>", html)
    assert notes.count(words) == 1


def test_save_that_breaks_a_reference_warns(browser: Client, europe: ManagedCluster) -> None:
    """DEP-01."""
    path = "/europe/cluster/network/listeners"
    document = {"listeners": [{"name": "In", "interface": "Outside"}]}
    base = settings_form(text(browser, f"{path}?start=default"))["base"]
    sent = {"do": "save", "json": json.dumps(document), "base": base, "start": "default"}
    html = browser.post(path, sent, follow=True).content.decode()
    assert "listenerconfig names “Outside”, which is not there on: berlin.example, paris.example" in html


def test_copy_to_a_mode_that_lacks_what_it_names_asks_first(browser: Client, europe: ManagedCluster) -> None:
    """SET-07."""
    paris, berlin = (world.mode_of(europe, name) for name in ("paris.example", "berlin.example"))
    texts = {"resources": [{"name": "Company", "text": "Hello", "type": "disclaimer", "html": ""}]}
    world.define(europe, paris, "textconfig", texts)
    document = {"listeners": [{"name": "In", "interface": "Management", "disclaimer_below": "Company"}]}
    world.define(europe, paris, "listenerconfig", CATALOGUE.check("listenerconfig", CLUSTER, document))
    path = address(paris, "network/listeners")
    html = press(browser, path, {"do": "copy", "target": str(berlin)}).content.decode()
    assert "On berlin.example, Listeners would name “Company”" in html
    assert drafts.pending(europe.replica_id, "alice") == []


def test_exception_is_a_copy_and_a_move_from_the_cluster_says_so(
    browser: Client, europe: ManagedCluster
) -> None:
    """BP-02."""
    berlin = world.mode_of(europe, "berlin.example")
    html = press(browser, ROUTES, {"do": "move", "target": str(berlin)}).content.decode()
    assert "For an exception copy the settings and edit the copy" in html
    assert "Copy instead" in html
    assert drafts.pending(europe.replica_id, "alice") == []
    press(browser, ROUTES, {"do": "copy", "target": str(berlin)})
    assert [c.mode for c in drafts.pending(europe.replica_id, "alice")] == [berlin]


def test_value_of_the_cluster_is_kept_though_all_groups_have_their_own(
    browser: Client, europe: ManagedCluster
) -> None:
    """BP-08."""
    main = world.mode_of(europe, "Main_Group")
    world.define(europe, main, "smtproutes", world.routes(a_example="192.0.2.3"))
    html = press(browser, ROUTES, {"do": "delete"}).content.decode()
    assert "they serve the next machine" in html
    assert drafts.pending(europe.replica_id, "alice") == []


def test_inherited_table_is_copied_into_a_group_and_is_independent_then(
    browser: Client, europe: ManagedCluster
) -> None:
    """BP-09."""
    group = world.mode_of(europe, "Main_Group")
    path = address(group, "network/smtp_routes")
    assert "A copy is independent" in box(text(browser, path))
    browser.post(path, settings_form(text(browser, f"{path}?start=inherited")))
    browser.post("/europe/pending/", {"do": "commit"})
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"))
    found = replicas.state(europe.replica_id).defined(group, "smtproutes")
    assert found is not None
    assert found.value == world.routes(a_example="192.0.2.1")


def test_group_without_machines_is_prepared(browser: Client, europe: ManagedCluster) -> None:
    """BP-05, GRP-04."""
    made = membership.add_group(europe.replica_id, "Oslo", user="admin", host="berlin.example")
    oslo = Mode(world.mode_of(europe, "Paris").level, made.id)
    assert "Prepare its settings now" in text(browser, address(oslo, ""))
    path = address(oslo, "network/smtp_routes")
    browser.post(path, settings_form(text(browser, f"{path}?start=inherited")))
    assert [c.mode for c in drafts.pending(europe.replica_id, "alice")] == [oslo]
    assert browser.get("/europe/machine/NOT-YET/network/ip_interfaces").status_code == 404
    assert 'data-hint="prepare"' not in text(browser, address(world.mode_of(europe, "Paris"), ""))


def test_queue_of_a_machine_points_to_that_machine(browser: Client, europe: ManagedCluster) -> None:
    """BP-10."""
    world.report(europe)
    html = text(browser, address(world.mode_of(europe, "berlin.example"), ""))
    assert "held by this machine alone" in html.split('data-hint="queue"')[1].split("</span>")[0]


def test_problem_is_listed_with_a_link_to_its_field(browser: Client, europe: ManagedCluster) -> None:
    """Nothing that was typed is lost, also of rows that are new."""
    form = settings_form(text(browser, ROUTES))
    form["f.routes.0.domain"] = "not a domain"
    form["row:f.routes"] = ["0", "n1"]
    form |= {
        "f.routes.n1.domain": "b.example",
        "row:f.routes.n1.hosts": "n2",
        "f.routes.n1.hosts.n2.host": "",
    }
    html = browser.post(ROUTES, form).content.decode()
    listed = html.split('id="problems"')[1].split("</ul>")[0]
    anchors = re.findall(r'href="#([^"]+)" data-problem><code>([^<]+)<', listed)
    assert ("f-routes-0-domain", "routes[not a domain].domain") in anchors
    for anchor, _words in anchors:
        assert f'id="{anchor}"' in html
    assert 'value="b.example"' in html
    assert drafts.pending(europe.replica_id, "alice") == []
