"""The page of a feature in a mode: GUI-02, GUI-05 to GUI-13, GUI-15, CLI-07."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from appliances.features import factory_hats
from appliances.features.registry import CATALOGUE
from clusters import commits, drafts
from clusters.modes import CLUSTER
from portal.editing.reading import Reader
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn
from tests.portal.forms import base_of, press, settings_form

ROUTES = "/europe/cluster/network/smtp_routes"


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def page(browser: Client, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def of_machine(europe: ManagedCluster, name: str, page: str = "network/smtp_routes") -> str:
    return f"/europe/machine/{world.mode_of(europe, name).id}/{page}"


def pending(europe: ManagedCluster) -> list[drafts.Pending]:
    return drafts.pending(europe.replica_id, "alice")


def confirmation(html: str) -> str:
    """What the button of a question sends."""
    found = re.search(r'name="confirmed" value="(\w+)"', html)
    assert found
    return found[1]


def test_mode_without_settings_previews_what_it_inherits_with_its_origin(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-05, T11: the origin is the group, not the cluster."""
    html = page(browser, of_machine(europe, "paris.example"))
    assert "data-preview" in html
    assert "192.0.2.2" in html
    assert "192.0.2.1" not in html
    assert html.count("Group Paris") >= 2
    assert "data-settings-form" not in html


def test_override_settings_offers_three_starts_and_only_defining_modes(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-07, GUI-08."""
    html = page(browser, of_machine(europe, "berlin.example"))
    for start in ('value="inherited"', 'value="default"', 'value="cluster"'):
        assert start in html
    assert f'value="{world.mode_of(europe, "Paris")}"' in html
    assert f'<option value="{world.mode_of(europe, "paris.example")}"' not in html


@pytest.mark.parametrize(
    ("start", "hosts"), [("inherited", ["192.0.2.1"]), ("default", []), ("group", ["192.0.2.2"])]
)
def test_start_of_an_override_is_shown_and_nothing_is_kept(
    browser: Client, europe: ManagedCluster, start: str, hosts: list[str]
) -> None:
    chosen = str(world.mode_of(europe, "Paris")) if start == "group" else start
    html = page(browser, f"{of_machine(europe, 'berlin.example')}?start={chosen}")
    form = settings_form(html)
    assert [value for name, value in form.items() if name.endswith(".host")] == hosts
    assert pending(europe) == []


def test_submit_of_an_override_defines_the_settings_there(browser: Client, europe: ManagedCluster) -> None:
    path = of_machine(europe, "berlin.example")
    form = settings_form(page(browser, f"{path}?start=inherited"))
    form["f.routes.0.hosts.0.host"] = "192.0.2.77"
    assert browser.post(path, form).status_code == 302
    (change,) = pending(europe)
    assert change.mode == world.mode_of(europe, "berlin.example")
    assert change.value == world.routes(a_example="192.0.2.77")


def test_empty_settings_can_be_defined_and_are_not_absent(browser: Client, europe: ManagedCluster) -> None:
    """CL-10."""
    path = of_machine(europe, "berlin.example")
    browser.post(path, settings_form(page(browser, f"{path}?start=default")))
    (change,) = pending(europe)
    assert change.value == {"routes": []}
    assert "An empty table overrides" in page(browser, path)


def test_edit_above_names_whom_it_reaches_and_who_keeps_own_settings(browser: Client) -> None:
    """CLI-07, GUI-11."""
    form = settings_form(page(browser, ROUTES))
    form["f.routes.0.hosts.0.host"] = "192.0.2.3"
    html = browser.post(ROUTES, form, follow=True).content.decode()
    assert "reaches: berlin.example, rome.example." in html
    assert "not reached: Group Paris." in html


def test_wrong_values_are_refused_beside_their_fields_and_nothing_is_kept(
    browser: Client, europe: ManagedCluster
) -> None:
    form = settings_form(page(browser, ROUTES))
    form["f.routes.0.hosts.0.port"] = "70000"
    form["f.routes.0.domain"] = "not a domain\nsmtp:evil"
    answer = browser.post(ROUTES, form)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert html.count('aria-invalid="true"') == 2
    assert "must be at most 65535" in html
    assert 'value="70000"' in html
    assert pending(europe) == []


def test_form_of_older_settings_is_refused(browser: Client, europe: ManagedCluster) -> None:
    """Two tabs, or a commit of somebody else meanwhile."""
    form = settings_form(page(browser, ROUTES))
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.9"), user="bob")
    answer = browser.post(ROUTES, form)
    assert answer.status_code == 422
    assert b"changed while you were editing" in answer.content
    assert pending(europe) == []


def test_double_submit_is_harmless(browser: Client, europe: ManagedCluster) -> None:
    form = settings_form(page(browser, ROUTES))
    form["f.routes.0.hosts.0.host"] = "192.0.2.3"
    assert [browser.post(ROUTES, form).status_code for _n in range(2)] == [302, 422]
    assert len(pending(europe)) == 1


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '"x"', "[" * 100_000, '{"routes": [{}]}', '{"routes": [], "x": 1}', "\x00"]
)
def test_broken_json_is_refused_in_words(browser: Client, europe: ManagedCluster, text: str) -> None:
    base = settings_form(page(browser, ROUTES))["base"]
    answer = browser.post(ROUTES, {"do": "save", "json": text, "base": base})
    assert answer.status_code == 422
    assert b"Nothing was kept" in answer.content
    assert pending(europe) == []


def test_json_is_the_way_without_script(browser: Client, europe: ManagedCluster) -> None:
    html = page(browser, f"{ROUTES}?as=json")
    assert "192.0.2.1" in html
    base = html.split('name="base" value="')[1].split('"')[0]
    document = world.routes(z_example="192.0.2.5")
    assert browser.post(ROUTES, {"do": "save", "json": json.dumps(document), "base": base}).status_code == 302
    assert pending(europe)[0].value == document


def users(browser: Client, europe: ManagedCluster) -> str:
    secret = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
    document = {"users": [{"name": "admin", "role": "administrator", "passphrase_hash": secret}]}
    world.define(europe, CLUSTER, "userconfig", CATALOGUE.check("userconfig", CLUSTER, document))
    return secret


def test_secret_is_shown_nowhere_and_survives_an_edit(browser: Client, europe: ManagedCluster) -> None:
    secret = users(browser, europe)
    path = "/europe/cluster/system_administration/users"
    for each in (path, f"{path}?as=json", f"/europe/machine/{world.mode_of(europe, 'rome.example').id}/"):
        assert "c2FsdHNhbHRz" not in page(browser, each)
    form = settings_form(page(browser, path))
    form["f.users.0.full_name"] = "The Admin"
    assert browser.post(path, form).status_code == 302
    assert pending(europe)[0].value["users"][0]["passphrase_hash"] == secret
    for each in (path, "/europe/pending/"):
        assert "c2FsdHNhbHRz" not in page(browser, each)


def test_hidden_secret_in_json_stays_what_it_is(browser: Client, europe: ManagedCluster) -> None:
    secret = users(browser, europe)
    path = "/europe/cluster/system_administration/users"
    html = page(browser, f"{path}?as=json")
    base = html.split('name="base" value="')[1].split('"')[0]
    document: dict[str, Any] = {
        "users": [
            {"name": "new", "authorised_keys": []},
            {"name": "admin", "role": "administrator", "passphrase_hash": "********", "full_name": "A"},
        ]
    }
    browser.post(path, {"do": "save", "json": json.dumps(document), "base": base})
    assert [u["passphrase_hash"] for u in pending(europe)[0].value["users"]] == ["", secret]


def test_machine_only_page_in_cluster_mode_offers_the_machines(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-15, RES-02, RES-05."""
    html = page(browser, "/europe/cluster/network/ip_interfaces")
    assert "Machine mode only" in html
    assert "data-settings-form" not in html
    for name in ("berlin.example", "rome.example", "paris.example"):
        assert of_machine(europe, name, "network/ip_interfaces") in html


def test_cluster_only_page_in_machine_mode_offers_the_cluster(
    browser: Client, europe: ManagedCluster
) -> None:
    """RES-01, RES-07."""
    path = of_machine(europe, "berlin.example", "system_administration/users")
    html = page(browser, path)
    assert "Cluster mode only" in html
    assert "/europe/cluster/system_administration/users" in html
    assert browser.post(path, {"do": "save", "json": '{"users": []}'}).status_code in (302, 422)
    assert pending(europe) == []


def test_delete_here_lets_the_mode_inherit_again(browser: Client, europe: ManagedCluster) -> None:
    """GUI-11, SET-10."""
    path = f"/europe/group/{world.mode_of(europe, 'Paris').id}/network/smtp_routes"
    html = press(browser, path, {"do": "delete"}, follow=True).content.decode()
    assert "this mode will inherit again" in html
    assert "data-preview" in html
    assert pending(europe)[0].value is None
    press(browser, path, {"do": "discard"})
    assert pending(europe) == []


def test_delete_at_the_cluster_warns_of_emptied_machines_first(
    browser: Client, europe: ManagedCluster
) -> None:
    """SET-08."""
    html = press(browser, ROUTES, {"do": "delete"}).content.decode()
    assert "may stop processing mail" in html
    assert "berlin.example, rome.example" in html
    assert pending(europe) == []
    press(browser, ROUTES, {"do": "delete", "confirmed": confirmation(html)})
    assert pending(europe)[0].value is None


def test_copy_to_another_mode_is_pending_there(browser: Client, europe: ManagedCluster) -> None:
    """GUI-12, SET-04, SET-09."""
    target = world.mode_of(europe, "berlin.example")
    answer = press(browser, ROUTES, {"do": "copy", "target": str(target)})
    assert answer.headers["Location"] == of_machine(europe, "berlin.example")
    (change,) = pending(europe)
    assert (change.mode, change.value) == (target, world.routes(a_example="192.0.2.1"))


def test_move_over_settings_of_the_target_asks_and_leaves_the_source_undefined(
    browser: Client, europe: ManagedCluster
) -> None:
    """SET-04, SET-05."""
    group = world.mode_of(europe, "Paris")
    form = {"do": "move", "target": str(group)}
    html = press(browser, ROUTES, form).content.decode()
    assert "has settings of its own, which would be replaced" in html
    assert pending(europe) == []
    press(browser, ROUTES, {**form, "confirmed": confirmation(html)})
    moved = {c.mode: c.value for c in pending(europe)}
    assert moved == {CLUSTER: None, group: world.routes(a_example="192.0.2.1")}


def test_transfer_over_what_was_changed_since_the_question_is_asked_again(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-09, SET-05: nobody agrees to what they have not seen."""
    group = world.mode_of(europe, "Paris")
    form = {"do": "copy", "target": str(group)}
    seen = confirmation(press(browser, ROUTES, form).content.decode())
    world.define(europe, group, "smtproutes", world.routes(b_example="192.0.2.7"), user="bob")

    html = press(browser, ROUTES, {**form, "confirmed": seen}).content.decode()

    assert "has settings of its own, which would be replaced" in html
    assert pending(europe) == []


@pytest.mark.parametrize("do", ["delete", "copy", "move", "discard"])
def test_button_of_a_page_does_nothing_to_what_was_committed_since_it_was_shown(
    do: str, browser: Client, europe: ManagedCluster
) -> None:
    """TRL-09: what goes, or goes elsewhere, is what the person has seen."""
    paris, berlin = world.mode_of(europe, "Paris"), world.mode_of(europe, "berlin.example")
    path = f"/europe/group/{paris.id}/network/smtp_routes"
    shown = base_of(page(browser, path))
    world.define(europe, paris, "smtproutes", world.routes(b_example="192.0.2.7"), user="bob")

    answer = browser.post(path, {"do": do, "target": str(berlin), "base": shown}, follow=True)

    assert "were changed since this page was shown" in answer.content.decode()
    assert pending(europe) == []


def test_draft_that_another_tab_has_changed_is_not_discarded_unseen(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-09: one login in two tabs."""
    for last in ("8", "9"):
        shown = base_of(page(browser, ROUTES)) if last == "9" else ""
        drafts.edit(
            europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(a_example=f"192.0.2.{last}")
        )

    browser.post(ROUTES, {"do": "discard", "base": shown})

    assert [change.value for change in pending(europe)] == [world.routes(a_example="192.0.2.9")]


def test_form_keeps_nothing_over_a_commit_that_came_while_it_was_read(
    browser: Client, europe: ManagedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-09: reading a form takes as long as its passphrases take to hash."""
    form = settings_form(page(browser, ROUTES))
    read = Reader.read

    def slowly(reader: Reader) -> Any:
        world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.7"), user="bob")
        return read(reader)

    monkeypatch.setattr(Reader, "read", slowly)

    answer = browser.post(ROUTES, {**form, "do": "save"})

    assert answer.status_code == 422
    assert "changed while you were editing" in answer.content.decode()
    assert pending(europe) == []


@pytest.mark.parametrize("target", ["", "cluster", "nonsense", "group:gone", "machine:"])
def test_transfer_to_nowhere_is_refused(browser: Client, europe: ManagedCluster, target: str) -> None:
    assert press(browser, ROUTES, {"do": "copy", "target": target}, follow=True).status_code == 200
    assert pending(europe) == []


def test_gui_has_no_copy_to_all_groups(browser: Client) -> None:
    """GUI-16, SET-06."""
    assert "all groups" not in page(browser, ROUTES).lower()


def test_change_mode_menu_jumps_to_the_same_page_in_every_mode(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-13."""
    html = page(browser, of_machine(europe, "rome.example"))
    group = world.mode_of(europe, "Paris")
    for path in (
        ROUTES,
        f"/europe/group/{group.id}/network/smtp_routes",
        of_machine(europe, "paris.example"),
    ):
        assert f'href="{path}"' in html


def test_story_tells_who_wrote_it_and_what_it_hides(browser: Client, europe: ManagedCluster) -> None:
    made = commits.last(europe.replica_id)
    world.define(
        europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.8"), user="bob", comment="My reason"
    )
    html = page(browser, f"/europe/group/{world.mode_of(europe, 'Paris').id}/network/smtp_routes")
    assert "bob on portal" in html
    assert "My reason" in html
    assert "hidden by it" in html
    assert made.user == "alice"


LISTENER: dict[str, Any] = {
    "name": "IncomingMail",
    "interface": "Data",
    "hat": {
        "sender_groups": [{"name": "ALL", "hosts": ["ALL"], "policy": "ACCEPTED"}],
        "policies": [{"name": "ACCEPTED", "behaviour": "accept"}],
    },
    "rat": {"entries": [{"recipient": "a.example"}]},
}


def test_page_of_a_machine_says_which_of_its_listeners_is_disabled(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-20: in the mode of the machine; the cluster's page speaks of no machine."""
    world.define(
        europe, CLUSTER, "listenerconfig", CATALOGUE["listenerconfig"].check({"listeners": [LISTENER]})
    )
    disabled = "Listener IncomingMail is disabled on this machine: this machine has no interface Data"
    assert disabled in page(browser, of_machine(europe, "berlin.example", "network/listeners"))
    assert "data-flag" not in page(browser, "/europe/cluster/network/listeners")


def test_flags_are_in_the_language_of_the_reader_whoever_looked_before(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-20: what was worked out for one reader is kept for others of the same language only."""
    world.define(
        europe, CLUSTER, "listenerconfig", CATALOGUE["listenerconfig"].check({"listeners": [LISTENER]})
    )
    path = of_machine(europe, "berlin.example", "network/listeners")
    assert "is disabled on this machine" in page(browser, path)
    japanese = browser.get(path, headers={"accept-language": "ja"}).content.decode()
    assert "is disabled on this machine" not in japanese
    assert "IncomingMail" in japanese.partition("data-flag")[2].partition("</div>")[0]


def test_new_row_of_an_interface_begins_with_the_ports_of_the_first(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-34: where SSH is on 2200, it is there on the next address too."""
    mode = world.mode_of(europe, "berlin.example")
    first = {"name": "Management", "ip": "10.0.0.1", "hostname": "berlin.example", "ssh": {"port": 2200}}
    document = CATALOGUE["interfaceconfig"].check({"interfaces": [first]})
    world.define(europe, mode, "interfaceconfig", document)
    html = page(browser, of_machine(europe, "berlin.example", "network/ip_interfaces"))
    blank = re.search(r'<input[^>]*name="f\.interfaces\.__\d__\.ssh\.port"[^>]*>', html)
    assert blank
    assert 'value="2200"' in blank.group()


def test_settings_of_one_machine_are_offered_to_no_other(
    browser: Client, europe: ManagedCluster, alice: User
) -> None:
    """TRL-13: in the page, its forms and the API."""
    berlin, rome = (world.mode_of(europe, f"{name}.example") for name in ("berlin", "rome"))
    address = {"name": "Data 1", "ip": "192.0.2.7", "hostname": "berlin.example"}
    document = CATALOGUE.check("interfaceconfig", berlin, {"interfaces": [address]})
    world.define(europe, berlin, "interfaceconfig", document)
    path = f"/europe/machine/{berlin.id}/{CATALOGUE['interfaceconfig'].page}"
    html = page(browser, path)
    assert 'value="copy"' not in html
    assert 'value="move"' not in html
    assert "not copied or moved" in html
    assert f'value="{berlin}"' not in page(browser, path.replace(berlin.id, rome.id)).split("start")[-1]
    started = page(browser, f"{path.replace(berlin.id, rome.id)}?start={berlin}")
    assert "192.0.2.7" not in started
    for do in ("copy", "move"):
        told = {"do": do, "target": str(rome), "confirmed": "yes"}
        answer = press(browser, path, told, follow=True)
        assert "one machine alone" in answer.content.decode()
    client = APIClient()
    client.force_login(alice)
    call = f"/api/v1/clusters/europe/machine/{berlin.id}/settings/interfaceconfig/transfer/"
    answer = client.post(call, {"action": "copy", "target": str(rome), "agreed": True}, format="json")
    assert answer.status_code == 422
    assert "one machine alone" in answer.json()["detail"]
    assert pending(europe) == []


def test_new_listener_begins_with_the_factory_policies_and_sender_groups(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRN-06: with their limits."""
    world.define(europe, CLUSTER, "listenerconfig", {"listeners": []})
    html = page(browser, "/europe/cluster/network/listeners")
    blank = r'f\.listeners\.__\d__\.hat\.{}"[^>]*value="([^"]*)"'
    groups = re.findall(blank.format(r"sender_groups\.\d+\.name"), html)
    policies = re.findall(blank.format(r"policies\.\d+\.name"), html)
    limits = re.findall(blank.format(r"policies\.\d+\.max_recipients_per_message"), html)
    assert groups == [each.name for each in factory_hats.PUBLIC.sender_groups]
    assert policies == [each.name for each in factory_hats.PUBLIC.policies]
    assert limits == [str(each.max_recipients_per_message) for each in factory_hats.PUBLIC.policies]
