"""References: who names what, where it is missing, promote and demote (DEP-01 to DEP-06)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from appliances.features.registry import CATALOGUE
from clusters import drafts, replicas
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn

PAGE = "/europe/references/"
TEXT = {"resources": [{"name": "Company", "text": "Hello", "type": "disclaimer", "html": ""}]}


def listener(**fields: object) -> dict[str, object]:
    made = {"listeners": [{"name": "In", "interface": "Management", **fields}]}
    return CATALOGUE.check("listenerconfig", CLUSTER, made)


@pytest.fixture
def europe(europe: ManagedCluster) -> ManagedCluster:
    """The cluster's listener stamps a disclaimer that only paris.example has."""
    world.define(europe, world.mode_of(europe, "paris.example"), "textconfig", TEXT)
    world.define(europe, CLUSTER, "listenerconfig", listener(disclaimer_below="Company"))
    return europe


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def item(html: str, name: str) -> str:
    return html.split(f'data-item="{name}"')[1].split('data-item="')[0]


def test_page_tells_who_names_it_from_where_and_on_which_machine_it_is_missing(browser: Client) -> None:
    """DEP-01, DEP-02."""
    html = browser.get(PAGE).content.decode()
    part = item(html, "Company")
    for word in ("listeners[In].disclaimer_below", "Cluster Europe", "Machine paris.example", "unavailable"):
        assert word in part
    lacking = part.split("Unavailable on:")[1].split("</p>")[0]
    assert ("berlin.example" in lacking, "paris.example" in lacking) == (True, False)
    assert "listeners[In].bounce_profile" in item(html, "Default")
    assert "found on all 3 machines" in item(html, "Default")
    assert "listeners[In].interface" in item(html, "Management")


def test_promote_comes_first_and_mends_all_machines(browser: Client, europe: ManagedCluster) -> None:
    """DEP-04."""
    html = browser.get(PAGE).content.decode()
    part = item(html, "Company")
    assert part.index('value="promote"') < part.index('value="demote"')
    assert "primary" in part.split('value="promote"')[0].rsplit("<button", 1)[1]
    paris = world.mode_of(europe, "paris.example")
    form = {"do": "promote", "feature": "textconfig", "item": "Company", "mode": str(paris)}
    html = browser.post(PAGE, form, follow=True).content.decode()
    assert "Promoted to the cluster" in html
    assert [(c.mode, c.value) for c in drafts.pending(europe.replica_id, "alice")] == [(CLUSTER, TEXT)]
    assert "found on all 3 machines" in item(html, "Company")


def test_promote_tells_whose_own_settings_hide_it(browser: Client, europe: ManagedCluster) -> None:
    """DEP-04."""
    world.define(europe, world.mode_of(europe, "Main_Group"), "textconfig", {"resources": []})
    paris = world.mode_of(europe, "paris.example")
    form = {"do": "promote", "feature": "textconfig", "item": "Company", "mode": str(paris)}
    html = browser.post(PAGE, form, follow=True).content.decode()
    assert "Still unavailable, because of own settings that hide the cluster&#x27;s: berlin.example" in html


def test_what_own_settings_hide_is_told_and_nothing_that_is_not_offered(
    browser: Client, europe: ManagedCluster, alice: User
) -> None:
    """TRL-21: the cluster has the text, and a group's own table hides it from its machines."""
    paris = world.mode_of(europe, "paris.example")
    world.define(europe, CLUSTER, "textconfig", TEXT)
    world.define(europe, paris, "textconfig", None)
    world.define(europe, world.mode_of(europe, "Main_Group"), "textconfig", {"resources": []})
    html = browser.get(PAGE).content.decode()
    part = item(html, "Company")
    for word in ("Promote", "Demote", "promote", "demote"):
        assert word not in html.split('data-item="Company"')[0], word
        assert word not in part, word
    assert "Own settings hide it" in part
    assert "Group Main_Group" in part.split("Own settings hide it")[1]
    client = APIClient()
    client.force_login(alice)
    found = client.get("/api/v1/clusters/europe/references/?broken=true").json()["results"][0]
    assert found["promote_from"] == found["demote_to"] == []
    assert [mode.split("/")[0] for mode in found["hidden_by"]] == ["group"]


def test_what_nobody_defines_is_told_so(browser: Client, europe: ManagedCluster) -> None:
    """TRL-21: neither promote nor demote can help."""
    world.define(europe, CLUSTER, "listenerconfig", listener(disclaimer_below="Nowhere"))
    html = browser.get(PAGE).content.decode()
    assert "No mode defines “Nowhere”" in item(html, "Nowhere")
    assert "romote" not in html.split('data-item="Nowhere"')[0]


def test_demote_gives_the_settings_to_the_machine_that_has_the_item(
    browser: Client, europe: ManagedCluster
) -> None:
    """DEP-04."""
    form = {"do": "demote", "feature": "listenerconfig", "mode": "cluster", "wanted": "textconfig"}
    form |= {"path": "listeners.0.disclaimer_below", "item": "Company"}
    html = browser.post(PAGE, form, follow=True).content.decode()
    assert "Demoted, as 2 pending changes" in html
    changed = {c.mode: c.value for c in drafts.pending(europe.replica_id, "alice")}
    paris = world.mode_of(europe, "paris.example")
    assert changed == {paris: listener(disclaimer_below="Company"), CLUSTER: listener()}
    assert "only what is missing" in html
    assert "leads nowhere" not in html


def test_interface_that_a_machine_lacks_disables_the_listener_there(
    browser: Client, europe: ManagedCluster
) -> None:
    """DEP-05, DEP-06."""
    world.define(europe, CLUSTER, "listenerconfig", listener(interface="Public"))
    part = item(browser.get(PAGE).content.decode(), "Public")
    assert "disabled" in part
    assert "give these machines one of that name" in part
    berlin = world.mode_of(europe, "berlin.example")
    assert f'href="/europe/machine/{berlin.id}/network/ip_interfaces"' in part
    assert 'value="promote"' not in part


def test_page_shows_only_what_is_asked_for(browser: Client) -> None:
    html = browser.get(f"{PAGE}?feature=textconfig").content.decode()
    assert 'data-item="Company"' in html
    assert 'data-item="Management"' not in html
    assert 'data-item="Default"' not in browser.get(f"{PAGE}?only=broken").content.decode()
    assert "Nothing matches" in browser.get(f"{PAGE}?item=nobody").content.decode()


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"do": "promote", "mode": "cluster", "feature": "nobody", "item": "x"},
        {"do": "promote", "mode": "nonsense", "feature": "textconfig", "item": "Company"},
        {"do": "promote", "mode": "cluster", "feature": "textconfig", "item": "gone"},
        {
            "do": "demote",
            "mode": "cluster",
            "feature": "listenerconfig",
            "wanted": "x",
            "path": "y",
            "item": "z",
        },
        {"do": "demote", "mode": "machine:NOBODY", "feature": "listenerconfig"},
    ],
)
def test_way_out_that_is_none_changes_nothing(
    browser: Client, europe: ManagedCluster, form: dict[str, str]
) -> None:
    assert browser.post(PAGE, form, follow=True).status_code == 200
    assert drafts.pending(europe.replica_id, "alice") == []


def test_api_tells_promotes_and_demotes(europe: ManagedCluster, alice: User) -> None:
    """DEP-04."""
    client, path = APIClient(), "/api/v1/clusters/europe/references/"
    client.force_login(alice)
    (found,) = client.get(f"{path}?item=Company").json()["results"]
    paris = world.mode_of(europe, "paris.example")
    assert (len(found["lacks"]), found["has"]) == (2, [paris.id])
    assert found["promote_from"] == found["demote_to"] == [f"machine/{paris.id}"]
    sent = {"feature": "textconfig", "item": "Company", "source": found["promote_from"][0]}
    assert client.post(f"{path}promote/", sent, format="json").status_code == 200
    assert client.post(f"{path}promote/", sent, format="json").status_code == 422
    drafts.clear(europe.replica_id, "alice")
    keys = ("feature", "mode", "path", "wanted", "item")
    answer = client.post(f"{path}demote/", {name: found[name] for name in keys}, format="json")
    assert len(answer.json()["changes"]) == 2
    assert replicas.state(europe.replica_id).defined(paris, "listenerconfig") is None
