"""Settings on the command line: where edits land, what is asked and told, copy and move."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appliances.features import factory_hats
from appliances.features.registry import CATALOGUE
from tests.appliances.cli.hosts import Person, QuietHost


def shown(person: Person, line: str) -> Any:
    assert person.types(f"{line} --json") == 0, person.warned
    return json.loads(person.said)


def test_same_command_lands_where_the_mode_says(script: Person) -> None:
    """CLI-04, SET-02."""
    script.types("clustermode cluster; smtproutes set a.example.com 127.0.0.1")
    script.types("clustermode group Paris; smtproutes set --empty b.example.com 127.0.0.1")
    script.types("clustermode machine mx2.example.com; smtproutes set --copy c.example.com 127.0.0.1")

    assert script.types("smtproutes clustershow") == 0
    assert script.dialogue.said == [
        "Configured at mode:",
        "Cluster: Yes",
        "Group Main_Group: No",
        "Group Paris: Yes",
        "Machine mx1.example.com: No",
        "Machine mx2.example.com: Yes",
    ]
    own = shown(script, "smtproutes")
    assert (own["origin"], [r["domain"] for r in own["value"]["routes"]]) == (
        "machine:MX2",
        ["a.example.com", "c.example.com"],
    )


def test_edit_above_names_groups_and_machines_that_override(script: Person) -> None:
    """CLI-07, EXP-02."""
    script.types(
        "clustermode group Paris; unsubscribe clear; clustermode machine mx2.example.com; unsubscribe clear"
    )

    assert script.types("clustermode cluster; unsubscribe add a@example.com") == 0

    assert script.dialogue.warned[-2:] == ["Groups: Paris", "Machines: mx2.example.com"]


def test_not_configured_here_offers_the_mode_that_defines_it(admin: Person) -> None:
    """CLI-09, choice 1 is the default."""
    admin.types("clustermode cluster; smtproutes set a.example.com 127.0.0.1; clustermode group Paris")

    assert admin.types("smtproutes set b.example.com 127.0.0.1", "") == 0

    assert admin.dialogue.said[1] == '1. Switch to mode "Cluster Americas"'
    assert admin.prompt == "(Cluster Americas)> "
    assert len(shown(admin, "smtproutes")["value"]["routes"]) == 2


@pytest.mark.parametrize(
    ("answers", "domains"),
    [(("2",), ["b.example.com"]), (("3", "1"), ["a.example.com", "b.example.com"])],
)
def test_not_configured_here_begins_empty_or_with_a_copy(
    admin: Person, answers: tuple[str, ...], domains: list[str]
) -> None:
    """CLI-09, choices 2 and 3."""
    admin.types("clustermode cluster; smtproutes set a.example.com 127.0.0.1; clustermode group Paris")

    assert admin.types("smtproutes set b.example.com 127.0.0.1", *answers) == 0

    assert admin.prompt == "(Group Paris)> "
    assert [route["domain"] for route in shown(admin, "smtproutes")["value"]["routes"]] == domains


def test_script_has_to_say_where_to_begin(script: Person) -> None:
    """CLI-09 where nobody can be asked."""
    script.types("clustermode cluster; smtproutes set a.example.com 127.0.0.1; clustermode group Paris")

    assert script.types("smtproutes set b.example.com 127.0.0.1") == 1

    assert "--empty" in script.warned
    assert shown(script, "smtproutes")["origin"] == "cluster"


def test_inherit_and_clear_differ(script: Person) -> None:
    """CL-10, SET-10."""
    script.types("clustermode cluster; unsubscribe add a@example.com; clustermode group Paris")

    script.types("unsubscribe clear")
    empty = shown(script, "unsubscribe")
    script.types("unsubscribe inherit")
    inherited = shown(script, "unsubscribe")

    assert (empty["defined"], empty["value"]["recipients"]) == (True, [])
    assert (inherited["defined"], inherited["value"]["recipients"]) == (False, ["a@example.com"])


def test_load_takes_what_show_gives(script: Person) -> None:
    script.types("clustermode cluster; destconfig set slow.example.com concurrency=2")
    document = shown(script, "destconfig")["value"]
    script.types("destconfig inherit")

    assert script.types("destconfig load", stdin=json.dumps(document)) == 0

    assert shown(script, "destconfig")["value"] == document


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        "null",
        '{"routes": 1}',
        '{"unknown": 1}',
        '{"routes": [{"domain": "a b", "hosts": []}]}',
    ],
)
def test_load_of_a_bad_document_is_refused_in_words(script: Person, document: str) -> None:
    assert script.types("clustermode cluster; smtproutes load", stdin=document) == 1

    assert script.warned
    assert "Traceback" not in script.warned
    assert shown(script, "smtproutes")["defined"] is False


def test_secrets_are_not_shown(script: Person) -> None:
    found = shown(script, "clustermode cluster; userconfig")

    assert found["value"]["users"][0]["passphrase_hash"] == "********"


def test_copy_keeps_and_move_leaves_undefined(script: Person) -> None:
    """SET-03, SET-04."""
    script.types("clustermode cluster; unsubscribe add a@example.com")

    assert script.types("unsubscribe clusterset copy group Paris") == 0
    assert script.types("unsubscribe clusterset move group Paris machine mx2.example.com") == 0

    found = shown(script, "unsubscribe clustershow")
    assert [mode.partition(":")[0] for mode, defined in found.items() if defined] == ["cluster", "machine"]


def test_copy_over_settings_needs_agreement(script: Person) -> None:
    """SET-05."""
    script.types(
        "clustermode cluster; unsubscribe add a@example.com; clustermode group Paris; unsubscribe clear"
    )
    script.types("clustermode cluster")

    assert script.types("unsubscribe clusterset copy group Paris") == 1
    assert "Group Paris" in script.warned
    assert script.types("unsubscribe clusterset copy group Paris --yes") == 0
    assert shown(script, "clustermode group Paris; unsubscribe")["value"]["recipients"] == ["a@example.com"]


def test_copy_to_all_groups(script: Person) -> None:
    """SET-06."""
    script.types("clustermode cluster; unsubscribe add a@example.com")

    assert script.types("unsubscribe clusterset copy all-groups") == 0

    found = shown(script, "unsubscribe clustershow")
    assert sum(defined for mode, defined in found.items() if mode.startswith("group:")) == 2


def test_moving_the_last_table_away_warns_of_empty_ones(admin: Person) -> None:
    """SET-08."""
    admin.types("clustermode cluster; smtproutes set a.example.com 127.0.0.1")

    assert admin.types("smtproutes clusterset move group Paris", "") == 0

    assert "mx1.example.com" in admin.warned
    assert admin.asked == ["Continue? [N]>"]
    assert shown(admin, "smtproutes")["defined"] is True


@pytest.mark.parametrize("feature", ["interfaceconfig", "userconfig"])
def test_restricted_command_has_no_clusterset(script: Person, feature: str) -> None:
    """SET-01."""
    assert script.types(f"{feature} clustershow") == 2
    assert "restricted" in script.warned


@pytest.mark.parametrize("feature", sorted(CATALOGUE.features))
def test_every_feature_shows_itself(script: Person, feature: str) -> None:
    assert script.types(feature) == 0
    assert script.said.startswith(f"{feature}: ")
    assert shown(script, feature)["feature"] == feature


def test_menu_of_a_feature_takes_operations_until_enter(admin: Person) -> None:
    admin.types("clustermode cluster")

    assert admin.types("smtproutes", "set a.example.com 127.0.0.1", "delete a.example.com", "") == 0

    assert "SET" in admin.said
    assert shown(admin, "smtproutes")["value"]["routes"] == []


def test_standalone_machine_edits_what_its_cluster_will_share(standalone: QuietHost) -> None:
    person = Person.at(standalone, interactive=False)

    assert (
        person.types("smtproutes set a.example.com 127.0.0.1; sethostname mx7.example.com; commit -m x") == 0
    )

    assert shown(person, "smtproutes")["origin"] == "cluster"
    assert shown(person, "sethostname")["origin"] == "machine:MX1"


def test_sender_group_is_placed_before_all_and_flagged_behind_it(script: Person) -> None:
    """TRL-04: what would never be reached is said before the commit."""
    groups = [{"name": "UNKNOWNLIST", "hosts": ["ALL"], "policy": "ACCEPTED"}]
    hat = {
        "sender_groups": groups,
        "policies": [{"name": "ACCEPTED"}, {"name": "TRUSTED", "behaviour": "relay"}],
    }
    listener = {"name": "In", "interface": "Management", "port": 2525, "hat": hat}
    script.types("clustermode cluster")
    script.types(f"listenerconfig load '{json.dumps({'listeners': [listener]})}'")
    add = "listenerconfig add --in In/hat/sender_groups"

    assert script.types(f"{add} PARTNER1 127.20.50.1-20 policy=TRUSTED") == 0
    assert script.dialogue.warned == [
        "It stands before UNKNOWNLIST, which takes everything; --last puts it behind."
    ]
    assert script.types("showchanges") == 0
    assert "never reached" not in script.said
    assert script.types(f"{add} PARTNER2 127.20.89.0/24 policy=TRUSTED --last") == 0
    assert script.types("showchanges") == 0
    assert "sender group PARTNER2 is never reached: UNKNOWNLIST (ALL) stands before it" in script.said
    assert script.types("listenerconfig set --in In/hat/sender_groups PARTNER2 --before UNKNOWNLIST") == 0
    (made,) = shown(script, "listenerconfig")["value"]["listeners"]
    names = [group["name"] for group in made["hat"]["sender_groups"]]
    assert names == ["PARTNER1", "PARTNER2", "UNKNOWNLIST"]


def test_new_listener_begins_with_the_factory_table_of_its_type(script: Person) -> None:
    """TRN-06: also a private one that was a public one before anybody touched its table."""
    script.types("clustermode cluster")
    assert script.types("listenerconfig add Incoming interface=Management") == 0
    assert script.types("listenerconfig add Inside interface=Management port=26 type=private") == 0
    assert script.types("listenerconfig add Late interface=Management port=27") == 0
    assert script.types("listenerconfig set Late type=private") == 0

    public, *private = shown(script, "listenerconfig")["value"]["listeners"]
    assert public["hat"] == factory_hats.PUBLIC.model_dump(mode="json")
    assert [each["hat"] for each in private] == [factory_hats.PRIVATE.model_dump(mode="json")] * 2
    add = "listenerconfig add --in Inside/hat/sender_groups/RELAYLIST/hosts 10.1.0.0/16"
    assert script.types(add) == 0
    inside = shown(script, "listenerconfig")["value"]["listeners"][1]
    assert inside["hat"]["sender_groups"][0]["hosts"] == ["10.1.0.0/16"]
