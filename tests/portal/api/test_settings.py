"""Settings over the API: the mode is in the address, writes are pending, stale ones are refused."""

from __future__ import annotations

import json
from typing import Any

import argon2
import pytest
from django.contrib.auth.models import User

from appliances.features.registry import CATALOGUE
from appliances.features.userconfig import initial_users
from appliances.machine.people import hashed
from clusters import commits, drafts, replicas
from clusters.modes import CLUSTER
from portal.api import settings as settings_views
from portal.modes import ModeConverter
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import Call

ROUTES = "/api/v1/clusters/europe/{mode}/settings/smtproutes/"


def routes_of(cluster: ManagedCluster, name: str = "") -> str:
    mode = world.mode_of(cluster, name) if name else CLUSTER
    return ROUTES.format(mode=ModeConverter().to_url(mode))


def test_value_tells_origin_story_and_reach(europe: ManagedCluster, alice: User, calls: Call) -> None:
    found = calls(alice).get(routes_of(europe, "paris.example")).json()
    paris = ModeConverter().to_url(world.mode_of(europe, "Paris"))
    assert (found["defined"], found["pending"], found["origin"], found["version"]) == (
        False,
        False,
        paris,
        "",
    )
    assert [layer["mode"] for layer in found["story"]] == [paris, "cluster"]
    assert found["story"][1]["by"]["comment"] == "Routes for everybody"
    assert found["value"]["routes"][0]["hosts"][0]["host"] == "192.0.2.2"


def test_write_is_pending_tells_its_reach_and_commits(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    client = calls(alice)
    found = client.get(routes_of(europe)).json()
    body = {"value": world.routes(a_example="192.0.2.9"), "version": found["version"]}
    edited = client.put(routes_of(europe), body, format="json").json()
    assert edited["pending"]
    assert len(edited["reached"]) == 2
    assert edited["overrides"] == [ModeConverter().to_url(world.mode_of(europe, "Paris"))]
    pending = client.get("/api/v1/clusters/europe/pending/").json()
    assert [change["entry"] for change in pending["changes"]] == ["settings/cluster/smtproutes"]
    assert {impact["name"] for impact in pending["impact"]} == {"berlin.example", "rome.example"}
    assert any("192.0.2.9" in line["line"] for line in pending["impact"][0]["lines"])
    made = client.post("/api/v1/clusters/europe/commits/", {"comment": "By script"}, format="json")
    assert made.status_code == 201
    assert client.get(routes_of(europe)).json()["version"] == made.json()["commit"]
    detail = client.get(f"/api/v1/clusters/europe/commits/{made.json()['commit']}/").json()
    assert detail["commit"]["comment"] == "By script"
    assert len(detail["impact"]) == 2


def test_write_on_a_version_that_was_replaced_says_who_and_when(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """TRL-09: what is replaced, deleted or moved is what the caller has seen."""
    client = calls(alice)
    seen = client.get(routes_of(europe)).json()["version"]
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.3"), user="bob")
    for answer in (
        client.put(
            routes_of(europe),
            {"value": world.routes(a_example="192.0.2.9"), "version": seen},
            format="json",
        ),
        client.delete(f"{routes_of(europe)}?version={seen}"),
        client.post(
            f"{routes_of(europe)}transfer/",
            {"action": "move", "target": str(world.mode_of(europe, "berlin.example")), "version": seen},
            format="json",
        ),
    ):
        assert answer.status_code == 409
        assert "bob" in answer.json()["detail"]
        assert answer.json()["clashes"][0]["now"]["user"] == "bob"
    assert not drafts.pending(europe.replica_id, "alice")


def test_pending_changes_are_committed_and_discarded_as_the_caller_has_seen_them(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """TRL-09: a script and a person with one login, or two scripts."""
    client, pending = calls(alice), "/api/v1/clusters/europe/pending/"
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"))
    seen = client.get(pending).json()
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(a_example="192.0.2.8"))
    for answer in (
        client.post("/api/v1/clusters/europe/commits/", {"mark": seen["mark"]}, format="json"),
        client.delete(f"{pending}?mark={seen['mark']}"),
        client.delete(f"{pending}?entry={seen['changes'][0]['entry']}&mark={seen['changes'][0]['mark']}"),
    ):
        assert answer.status_code == 409
        assert "not the ones that you were shown" in answer.json()["detail"]
    assert len(drafts.pending(europe.replica_id, "alice")) == 1
    now = client.get(pending).json()["mark"]
    made = client.post("/api/v1/clusters/europe/commits/", {"mark": now}, format="json")
    assert made.status_code == 201


def test_revert_goes_over_the_versions_that_the_caller_names_and_over_no_newer_ones(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """TRL-09: `over` alone agrees to nothing that was not told."""
    client = calls(alice)

    def define(host: str, user: str) -> str:
        world.define(europe, CLUSTER, "smtproutes", world.routes(a_example=host), user=user)
        made = commits.last(europe.replica_id).id
        return f"{made.origin}/{made.number}"

    path = f"/api/v1/clusters/europe/commits/{define('192.0.2.70', 'alice')}/revert/"
    define("192.0.2.3", "bob")
    told = client.post(path, {"over": True}, format="json")
    assert told.status_code == 409
    seen = [each["now"]["commit"] for each in told.json()["clashes"]]
    assert seen == [str(commits.last(europe.replica_id).id)]
    define("192.0.2.4", "bob")
    again = client.post(path, {"over": True, "seen": seen}, format="json")
    assert again.status_code == 409
    assert not drafts.pending(europe.replica_id, "alice")
    seen = [each["now"]["commit"] for each in again.json()["clashes"]]
    assert client.post(path, {"over": True, "seen": seen}, format="json").status_code == 200
    assert len(drafts.pending(europe.replica_id, "alice")) == 1


def test_agreement_to_a_transfer_is_to_the_risks_that_were_told(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """TRL-09: what the target has by now is something else than what was to be replaced."""
    client, target = calls(alice), world.mode_of(europe, "Paris")
    path = f"{routes_of(europe)}transfer/"
    post = {"action": "copy", "target": ModeConverter().to_url(target)}
    told = client.post(path, post, format="json")
    assert told.status_code == 409
    world.define(europe, target, "smtproutes", world.routes(c_example="192.0.2.5"), user="bob")
    agreed = {**post, "agreed": True, "mark": told.json()["mark"]}
    again = client.post(path, agreed, format="json")
    assert again.status_code == 409
    assert not drafts.pending(europe.replica_id, "alice")
    assert client.post(path, {**agreed, "mark": again.json()["mark"]}, format="json").status_code == 200


def test_write_without_a_version_keeps_secrets_as_they_are_now(
    europe: ManagedCluster, alice: User, calls: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-09: a passphrase that is changed while the call is read is not put back to the old one."""
    users = initial_users(hashed("a first passphrase"))
    world.define(europe, CLUSTER, "userconfig", users)
    address = "/api/v1/clusters/europe/cluster/settings/userconfig/"
    seen = calls(alice).get(address).json()["value"]
    told = settings_views.told
    newer = initial_users(hashed("a second passphrase"))

    def read(*args: Any) -> Any:
        world.define(europe, CLUSTER, "userconfig", newer, user="admin")
        return told(*args)

    monkeypatch.setattr(settings_views, "told", read)
    seen["users"][0]["full_name"] = "Ada"

    assert calls(alice).put(address, {"value": seen}, format="json").status_code == 200

    (waiting,) = drafts.pending(europe.replica_id, "alice")
    assert [change.text for change in waiting.paths] == ["users[admin].full_name"]
    assert waiting.stale is None


def test_commit_that_clashes_names_the_other_and_keeps_all_pending(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    client = calls(alice)
    client.put(routes_of(europe), {"value": world.routes(a_example="192.0.2.9")}, format="json")
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.3"), user="bob")
    answer = client.post("/api/v1/clusters/europe/commits/", {}, format="json")
    assert answer.status_code == 409
    assert answer.json()["clashes"][0]["entry"] == "settings/cluster/smtproutes"
    assert answer.json()["clashes"][0]["now"]["user"] == "bob"
    assert len(drafts.pending(europe.replica_id, "alice")) == 1
    assert client.delete("/api/v1/clusters/europe/pending/").json()["changes"] == []


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"routes": [{"domain": "a b", "hosts": []}]}, "routes.0.domain"),
        ({"routes": 3}, "routes"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_bad_document_is_refused_with_the_place(
    europe: ManagedCluster, alice: User, calls: Call, value: Any, path: str
) -> None:
    answer = calls(alice).put(routes_of(europe), {"value": value}, format="json")
    assert answer.status_code == 422
    assert path in [problem["path"] for problem in answer.json()["problems"]]
    assert not drafts.pending(europe.replica_id, "alice")


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/clusters/europe/cluster/settings/nonsense/",
        "/api/v1/clusters/europe/group/nobody/settings/smtproutes/",
        "/api/v1/clusters/europe/machine/nobody/settings/",
        "/api/v1/clusters/europe/commits/NOBODY/7/",
        "/api/v1/clusters/europe/machines/NOBODY/",
        "/api/v1/jobs/999/",
    ],
)
def test_what_is_not_there_is_not_found(
    europe: ManagedCluster, alice: User, calls: Call, address: str
) -> None:
    answer = calls(alice).get(address)
    assert answer.status_code == 404
    assert answer.json()["detail"]


def test_feature_in_a_mode_that_cannot_hold_it_is_refused(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """RES-02."""
    answer = calls(alice).put(
        "/api/v1/clusters/europe/cluster/settings/sethostname/",
        {"value": {"hostname": "mx.example"}},
        format="json",
    )
    assert answer.status_code == 422
    assert not drafts.pending(europe.replica_id, "alice")


def test_copy_onto_settings_needs_agreement(europe: ManagedCluster, alice: User, calls: Call) -> None:
    client, paris = calls(alice), ModeConverter().to_url(world.mode_of(europe, "Paris"))
    body = {"action": "copy", "target": paris}
    asked = client.post(f"{routes_of(europe)}transfer/", body, format="json")
    assert asked.status_code == 409
    assert not drafts.pending(europe.replica_id, "alice")
    done = client.post(f"{routes_of(europe)}transfer/", {**body, "agreed": True}, format="json")
    assert done.status_code == 200
    assert drafts.pending(europe.replica_id, "alice")[0].mode == world.mode_of(europe, "Paris")


def test_revert_makes_the_values_before_pending(europe: ManagedCluster, alice: User, calls: Call) -> None:
    client = calls(alice)
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.3"), user="bob")
    last = client.get("/api/v1/clusters/europe/commits/").json()["results"][0]["commit"]
    pending = client.post(f"/api/v1/clusters/europe/commits/{last}/revert/", {}, format="json").json()
    assert [change["entry"] for change in pending["changes"]] == ["settings/cluster/smtproutes"]
    now = replicas.state(europe.replica_id).changed(drafts.changes(europe.replica_id, "alice"))
    found = now.defined(CLUSTER, "smtproutes")
    assert found
    assert found.value["routes"][0]["domain"] == "a.example"


def test_secret_is_hidden_and_stays_when_it_is_sent_back_hidden(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    client, address = calls(alice), "/api/v1/clusters/europe/cluster/settings/userconfig/"
    kept_hash = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("a long passphrase")
    user = {"name": "admin", "role": "administrator", "passphrase_hash": kept_hash}
    world.define(europe, CLUSTER, "userconfig", {"users": [user]})
    found = client.get(address)
    assert kept_hash not in found.json()["value"]["users"][0].values()
    value = found.json()["value"]
    value["users"][0]["full_name"] = "The admin"
    assert client.put(address, {"value": value}, format="json").json()["pending"]
    kept = drafts.draft_state(europe.replica_id, "alice").defined(CLUSTER, "userconfig")
    assert kept
    assert kept.value["users"][0]["passphrase_hash"] == kept_hash


@pytest.mark.parametrize("mode", ["adopt/adopt.html", "cluster/x", "machine", "group/a/b"])
def test_mode_that_is_none_is_named(europe: ManagedCluster, alice: User, calls: Call, mode: str) -> None:
    answer = calls(alice).get("/api/v1/clusters/europe/commits/", {"mode": mode})
    assert answer.status_code == 400
    assert [problem["path"] for problem in answer.json()["problems"]] == ["mode"]


@pytest.mark.parametrize("target", ["clustr", "changes/history.html", "group", "machine/"])
def test_transfer_to_what_is_no_mode_is_not_found(
    europe: ManagedCluster, alice: User, calls: Call, target: str
) -> None:
    paris = ModeConverter().to_url(world.mode_of(europe, "Paris"))
    body = {"action": "copy", "target": target, "agreed": True}
    path = f"/api/v1/clusters/europe/{paris}/settings/smtproutes/transfer/"
    assert calls(alice).post(path, body, format="json").status_code == 404
    assert drafts.changes(europe.replica_id, "alice") == []


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8-sig", ""),
        ("latin-1", "Line 2: this is not UTF-8. Save the text as UTF-8 and try again."),
        ("utf-16", "Line 1: this is UTF-16, not UTF-8. Save the text as UTF-8 and try again."),
        ("utf-16-le", "Line 1: this is UTF-16, not UTF-8. Save the text as UTF-8 and try again."),
    ],
)
def test_body_is_utf8_with_or_without_a_mark(
    europe: ManagedCluster, alice: User, calls: Call, encoding: str, said: str
) -> None:
    """TRL-26: a charset in the header changes nothing, and nobody hears the words of a decoder."""
    body = json.dumps({"comment": "Zürich"}, indent=1, ensure_ascii=False).encode(encoding)
    address = "/api/v1/clusters/europe/commits/"

    answers = [
        calls(alice).post(address, body, content_type=f"application/json{charset}")
        for charset in ("", f"; charset={encoding}", "; charset=nonsense")
    ]

    # A mark is skipped, and the commit then has nothing to commit.
    wanted = (400, said) if said else (422, "There is nothing to commit.")
    assert [(found.status_code, found.json()["detail"]) for found in answers] == [wanted] * 3


def test_body_that_is_no_json_is_said_in_our_words(europe: ManagedCluster, alice: User, calls: Call) -> None:
    """TRL-27: line, column and what is missing."""
    client = calls(alice)
    found = client.post("/api/v1/clusters/europe/commits/", b'{"comment" 1}', content_type="application/json")

    assert found.status_code == 400
    assert found.json()["detail"] == "This is no JSON: line 1, column 12: a : is missing."


def test_machine_says_which_of_its_listeners_is_disabled_and_what_a_change_cuts_off(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """TRL-20, TRL-15, TRL-34: the same words as on the command line and the pages."""
    listener = {
        "name": "IncomingMail",
        "interface": "Management",
        "hat": {
            "sender_groups": [{"name": "ALL", "hosts": ["ALL"], "policy": "ACCEPTED"}],
            "policies": [{"name": "ACCEPTED", "behaviour": "accept"}],
        },
        "rat": {"entries": [{"recipient": "a.example"}]},
    }
    document = CATALOGUE["listenerconfig"].check({"listeners": [listener]})
    world.define(europe, CLUSTER, "listenerconfig", document)
    berlin = ModeConverter().to_url(world.mode_of(europe, "berlin.example"))
    path = f"/api/v1/clusters/europe/{berlin}/settings/{{}}/"
    client = calls(alice)
    assert client.get(path.format("listenerconfig")).json()["flags"] == []

    client.put(path.format("interfaceconfig"), {"value": {"interfaces": []}}, format="json")

    (flag, *_) = client.get(path.format("listenerconfig")).json()["flags"]
    assert (
        flag == "Listener IncomingMail is disabled on this machine: this machine has no interface Management"
    )
    (impact,) = client.get("/api/v1/clusters/europe/pending/").json()["impact"]
    flags = " ".join(each["message"] for each in impact["red_flags"])
    assert "SSH and CCS are off on every interface" in flags
    assert "Nothing answers any more at SSH 127.0.0.1:22" in flags
    assert "No listener is open on this machine" in flags


def test_new_listener_begins_with_the_factory_table_of_its_type(
    europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """TRN-06: what is not sent is the factory's; an empty table that is sent is empty."""
    path = "/api/v1/clusters/europe/cluster/settings/listenerconfig/"
    bare = {"name": "In", "interface": "Management"}
    several = [
        bare,
        {**bare, "name": "Out", "port": 26, "type": "private"},
        {**bare, "name": "Mute", "port": 27, "hat": {}},
    ]
    client = calls(alice)
    assert client.put(path, {"value": {"listeners": several}}, format="json").status_code == 200

    made = client.get(path).json()["value"]["listeners"]
    assert [[group["name"] for group in each["hat"]["sender_groups"]] for each in made] == [
        ["RELAYLIST", "WHITELIST", "BLACKLIST", "SUSPECTLIST", "ALL"],
        ["RELAYLIST", "ALL"],
        [],
    ]
