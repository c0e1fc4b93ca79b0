"""What single features refuse, mend and refer to."""

import copy
from typing import Any

import pytest

from appliances.features.discovery import FEATURES, discovered
from appliances.features.feature import Tab
from appliances.features.registry import CATALOGUE
from appliances.features.userconfig import initial_users
from clusters.catalogue import InvalidDocument, Reference, Scope
from clusters.modes import CLUSTER, group, machine
from tests.appliances.features.examples import DOCUMENTS, HASH, KEY, LISTENER


def refusals(feature: str, document: object) -> dict[str, str]:
    with pytest.raises(InvalidDocument) as refused:
        FEATURES[feature].check(document)
    return {problem.path: problem.message for problem in refused.value.problems}


def listener(**changes: Any) -> dict[str, Any]:
    return {"listeners": [{**copy.deepcopy(LISTENER), **changes}]}


def test_features_come_in_the_order_of_the_menu() -> None:
    tabs = [list(Tab).index(feature.tab) for feature in FEATURES.values()]
    assert tabs == sorted(tabs)
    network = [name for name, feature in FEATURES.items() if feature.tab is Tab.NETWORK]
    assert network == ["interfaceconfig", "listenerconfig", "smtproutes", "bounceconfig"]
    assert list(discovered()) == list(FEATURES)


def test_scopes_are_those_of_the_requirements() -> None:
    assert {name for name, f in FEATURES.items() if f.scope is Scope.MACHINE} == {
        "interfaceconfig",
        "sethostname",
    }
    assert {name for name, f in FEATURES.items() if f.scope is Scope.CLUSTER} == {"userconfig"}
    assert CATALOGUE.allows("smtproutes", group("x"))
    assert not CATALOGUE.allows("userconfig", machine("x"))
    assert not CATALOGUE.allows("sethostname", CLUSTER)


def test_features_without_factory_default_are_those_of_the_source() -> None:
    without = {name for name, f in FEATURES.items() if f.factory_default is None}
    assert without == {
        "listenerconfig",
        "smtproutes",
        "unsubscribe",
        "aliasconfig",
        "textconfig",
        "userconfig",
    }


def test_pages_are_unique_and_under_their_tab() -> None:
    pages = [feature.page for feature in FEATURES.values()]
    assert len(set(pages)) == len(pages)
    for feature in FEATURES.values():
        assert feature.page.startswith(feature.tab.lower().replace(" ", "_") + "/")


def test_documents_handed_out_are_fresh_copies() -> None:
    FEATURES["listenerconfig"].empty["listeners"].append("x")
    assert FEATURES["listenerconfig"].empty == {"listeners": []}
    default = FEATURES["bounceconfig"].factory_default
    assert default is not None
    default["profiles"].clear()
    assert FEATURES["bounceconfig"].factory_default != default


def test_check_leaves_the_given_document_alone() -> None:
    given = {"recipients": ["Gone@EXAMPLE.com"]}
    assert FEATURES["unsubscribe"].check(given)["recipients"] == ["Gone@example.com"]
    assert given == {"recipients": ["Gone@EXAMPLE.com"]}


def test_all_problems_are_told_at_once_each_with_its_place() -> None:
    wrong = {
        "routes": [{"domain": "a b", "hosts": []}, {"domain": "b.example", "hosts": [{"port": 0}], "x": 1}]
    }
    assert refusals("smtproutes", wrong) == {
        "routes.0.domain": "'a b' is not a domain name such as example.com: a blank cannot stand in it",
        "routes.0.hosts": "must have at least 1 entry",
        "routes.1.hosts.0.host": "is missing",
        "routes.1.hosts.0.port": "must be at least 1",
        "routes.1.x": "is not a setting of this feature; remove it",
    }


@pytest.mark.parametrize("value", ["25", 25.0, True, None])
def test_numbers_are_not_converted(value: object) -> None:
    assert refusals("listenerconfig", listener(port=value)) == {"listeners.0.port": "must be a whole number"}


def test_references_name_place_feature_and_item() -> None:
    feature = FEATURES["listenerconfig"]
    assert feature.references(feature.check(DOCUMENTS["listenerconfig"])) == [
        Reference("listeners.0.interface", "interfaceconfig", "Data 1"),
        Reference("listeners.0.bounce_profile", "bounceconfig", "Short"),
        Reference("listeners.0.disclaimer_above", "textconfig", "top"),
        Reference("listeners.0.disclaimer_below", "textconfig", "legal"),
    ]
    destinations = FEATURES["destconfig"]
    assert [r.path for r in destinations.references(destinations.check(DOCUMENTS["destconfig"]))] == [
        "default.bounce_profile",
        "destinations.0.bounce_profile",
    ]


@pytest.mark.parametrize(
    ("feature", "items"),
    [
        ("interfaceconfig", ["Data 1"]),
        ("textconfig", ["legal", "top"]),
        ("bounceconfig", ["Default", "Short"]),
        ("listenerconfig", ["Incoming Mail"]),
        ("userconfig", ["admin"]),
        ("smtproutes", []),
    ],
)
def test_items_are_the_names_that_others_refer_to(feature: str, items: list[str]) -> None:
    assert FEATURES[feature].items(FEATURES[feature].check(DOCUMENTS[feature])) == items


def test_secrets_are_declared_and_never_in_messages() -> None:
    assert FEATURES["userconfig"].secrets == {"users.*.passphrase_hash"}
    user = {"name": "ann", "role": "administrator", "passphrase_hash": "open sesame"}
    told = refusals("userconfig", {"users": [user]})
    assert set(told) == {"users.0.passphrase_hash"}
    assert "sesame" not in str(told)


def test_interface_takes_masks_in_both_forms_and_refuses_others() -> None:
    for mask in ("24", "255.255.255.0"):
        FEATURES["interfaceconfig"].check({"interfaces": [interface(netmask=mask)]})
    assert set(refusals("interfaceconfig", {"interfaces": [interface(netmask="33")]})) == {
        "interfaces.0.netmask"
    }


def interface(**changes: Any) -> dict[str, Any]:
    return {"name": "Data", "ip": "127.0.0.9", "hostname": "a.example.com", **changes}


def test_interfaces_of_one_name_or_port_are_refused() -> None:
    other = interface(name="data", hostname="b.example.com")
    told = refusals("interfaceconfig", {"interfaces": [interface(), other]})
    assert told == {
        "interfaces.1.name": "another interface has this name",
        "interfaces.1.ssh.port": "port 22 of 127.0.0.9 is already taken by Data SSH",
    }


def test_cluster_communication_service_is_off_and_2222_at_first() -> None:
    (made,) = FEATURES["interfaceconfig"].check({"interfaces": [interface()]})["interfaces"]
    assert made["ccs"] == {"enabled": False, "port": 2222}
    assert made["ssh"] == {"enabled": True, "port": 22}


def test_hat_with_a_block_that_has_host_bits_names_the_block_that_was_meant() -> None:
    hat = {
        "sender_groups": [{"name": "A", "hosts": ["10.1.2.3/8"], "policy": "P"}],
        "policies": [{"name": "P"}],
    }
    told = refusals("listenerconfig", listener(hat=hat))
    assert told == {
        "listeners.0.hat.sender_groups.0.hosts.0": "'10.1.2.3/8' has host bits set; the block is 10.0.0.0/8"
    }


def test_hat_with_an_unknown_policy_is_refused() -> None:
    hat = {"sender_groups": [{"name": "A", "policy": "NONE"}], "policies": [{"name": "P"}]}
    assert refusals("listenerconfig", listener(hat=hat)) == {
        "listeners.0.hat.sender_groups.0.policy": "there is no mail flow policy NONE"
    }


def test_private_listener_has_no_rat_and_nothing_to_accept_by() -> None:
    assert set(refusals("listenerconfig", listener(type="private"))) == {
        "listeners.0.rat.entries",
        "listeners.0.hat.policies.2.behaviour",
    }


def test_two_listeners_on_one_port_are_refused() -> None:
    second = {**LISTENER, "name": "Second"}
    assert set(refusals("listenerconfig", {"listeners": [LISTENER, second]})) == {"listeners.1.port"}


def test_rat_code_that_would_close_the_connection_is_refused() -> None:
    entries = [{"recipient": "a.example", "action": "reject", "code": 521}]
    assert set(refusals("listenerconfig", listener(rat={"entries": entries}))) == {
        "listeners.0.rat.entries.0.code"
    }


def test_route_to_dev_null_stands_alone() -> None:
    hosts = [{"host": "/dev/null"}, {"host": "10.0.0.1"}]
    assert set(refusals("smtproutes", {"routes": [{"domain": "ALL", "hosts": hosts}]})) == {
        "routes.0.hosts.0.host"
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [("usedns", "USEDNS"), ("[10.0.0.1]", "10.0.0.1"), ("Mail.Example.", "mail.example"), ("::0:1", "::1")],
)
def test_route_hosts_are_kept_in_one_form(given: str, kept: str) -> None:
    route = {"domain": "Example.COM", "hosts": [{"host": given}]}
    (made,) = FEATURES["smtproutes"].check({"routes": [route]})["routes"]
    assert made == {"domain": "example.com", "hosts": [{"host": kept, "port": 25}]}


def test_tables_with_one_key_twice_are_refused() -> None:
    hosts = [{"host": "10.0.0.1"}]
    twice = {"routes": [{"domain": "a.example", "hosts": hosts}, {"domain": "A.example.", "hosts": hosts}]}
    assert set(refusals("smtproutes", twice)) == {"routes.1.domain"}
    assert set(refusals("unsubscribe", {"recipients": ["x@a.example", "X@a.example"]})) == {"recipients.1"}


def test_all_is_refused_where_it_would_lose_all_mail() -> None:
    assert set(refusals("unsubscribe", {"recipients": ["ALL"]})) == {"recipients.0"}
    assert set(refusals("destconfig", {"destinations": [{"domain": "ALL"}]})) == {"destinations.0.domain"}


def test_bounce_profile_default_must_stay_and_waits_be_in_order() -> None:
    wrong = {"profiles": [{"name": "Other", "initial_retry_wait": 100, "max_retry_wait": 50}]}
    assert set(refusals("bounceconfig", wrong)) == {"profiles", "profiles.0.max_retry_wait"}


def test_users_without_an_administrator_who_can_log_in_are_refused() -> None:
    for users in (
        [],
        [{"name": "ann", "role": "operator", "passphrase_hash": HASH}],
        [{"name": "ann", "role": "administrator"}],
    ):
        assert refusals("userconfig", {"users": users}) == {
            "users": "at least one administrator with a passphrase or a key must stay"
        }
    FEATURES["userconfig"].check(
        {"users": [{"name": "ann", "role": "administrator", "authorised_keys": [KEY]}]}
    )


def test_users_with_odd_names_or_keys_are_refused() -> None:
    for name in ("Ann", "a b", "-a", "a" * 33, "root\n"):
        user = {"name": name, "role": "administrator", "passphrase_hash": HASH}
        if name.strip() == name:
            assert set(refusals("userconfig", {"users": [user]})) == {"users.0.name"}
    user = {"name": "ann", "role": "administrator", "authorised_keys": ["ssh-ed25519 AAAA"]}
    assert set(refusals("userconfig", {"users": [user]})) == {"users.0.authorised_keys.0"}


def test_initial_users_are_one_administrator() -> None:
    (user,) = initial_users(HASH)["users"]
    assert (user["name"], user["role"], user["passphrase_hash"]) == ("admin", "administrator", HASH)
    with pytest.raises(InvalidDocument):
        initial_users("secret")


def test_text_keeps_its_lines_and_loses_carriage_returns() -> None:
    document = {"resources": [{"name": "a", "text": "one\r\ntwo\rthree"}]}
    assert FEATURES["textconfig"].check(document)["resources"][0]["text"] == "one\ntwo\nthree"


def test_every_field_has_a_title_for_its_form() -> None:
    def untitled(schema: Any, path: str) -> list[str]:
        parts = schema.get("properties", {})
        own = [f"{path}.{name}" for name, part in parts.items() if "title" not in part]
        below = [found for name, part in parts.items() for found in untitled(part, f"{path}.{name}")]
        return [*own, *below, *(untitled(schema["items"], path) if "items" in schema else [])]

    assert [found for name, f in FEATURES.items() for found in untitled(f.schema, name)] == []


@pytest.mark.parametrize("scoped", ["fe80::1%eth0", "fe80::1%], [10.9.9.9", "[fe80::1%x]", "fe80::/64%x"])
def test_address_with_a_scope_is_refused_since_any_text_may_follow(scoped: str) -> None:
    hat = {"sender_groups": [{"name": "A", "hosts": [scoped], "policy": "P"}], "policies": [{"name": "P"}]}
    route = {"domain": "ALL", "hosts": [{"host": scoped}]}
    assert set(refusals("listenerconfig", listener(hat=hat))) == {"listeners.0.hat.sender_groups.0.hosts.0"}
    assert set(refusals("smtproutes", {"routes": [route]})) == {"routes.0.hosts.0.host"}
    assert set(refusals("interfaceconfig", {"interfaces": [interface(ip=scoped)]})) == {"interfaces.0.ip"}


def test_text_that_composing_would_lengthen_is_kept_within_its_limit() -> None:
    user = {"name": "ann", "role": "administrator", "passphrase_hash": HASH, "full_name": "\u0958" * 200}
    once = FEATURES["userconfig"].check({"users": [user]})
    assert FEATURES["userconfig"].check(once) == once


def test_user_named_as_machines_call_one_another_is_refused() -> None:
    keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPQ19kJDD5ngpNJsYOTyO+W6TFWLMwYhdbc+jDSj/940"]
    users = [{"name": "cluster", "role": "administrator", "authorised_keys": keys}]
    with pytest.raises(InvalidDocument, match="machines call one another"):
        CATALOGUE["userconfig"].check({"users": users})


@pytest.mark.parametrize("name", ["listenerconfig", "smtproutes", "textconfig", "aliasconfig", "unsubscribe"])
def test_empty_table_switches_its_feature_off(name: str) -> None:
    """L22: what names no table is never off."""
    assert FEATURES[name].is_on(DOCUMENTS[name])
    assert not FEATURES[name].is_on(FEATURES[name].empty)
    assert FEATURES["bounceconfig"].is_on(FEATURES["bounceconfig"].empty)


def test_listener_depends_on_what_it_names_and_on_routes_for_domains_it_accepts() -> None:
    """L22: mail for everybody goes on by DNS."""
    feature = FEATURES["listenerconfig"]
    named = {"interfaceconfig", "bounceconfig", "textconfig"}
    assert set(feature.depends_on(DOCUMENTS["listenerconfig"])) == {*named, "smtproutes"}
    everybody = listener(rat={"entries": [{"recipient": "ALL"}]})
    assert set(feature.depends_on(everybody)) == named
    assert set(feature.depends_on({"listeners": [], "of": "another release"})) == set()
    assert set(FEATURES["smtproutes"].depends_on(DOCUMENTS["smtproutes"])) == set()


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        (550, "550 5.1.1 User unknown", "leave out the reply code; it is said already: 550"),
        (550, "551-5.1.1 User unknown", "leave out the reply code; it is said already: 550"),
        (450, "5.1.1 User unknown", "begins with 5.1.1, which contradicts the reply code 450"),
        (550, "5.1.1", "needs words after 5.1.1"),
    ],
)
def test_text_of_a_refusal_with_a_code_that_does_not_fit_is_refused(code: int, text: str, words: str) -> None:
    """TRL-08: in the RAT and, with its fixed codes, in the HAT."""
    entry = {"recipient": "a.test", "action": "reject", "code": code, "text": text}
    policy = {"name": "NO", "behaviour": "reject", "reject_text": text}
    found = refusals(
        "listenerconfig",
        {"listeners": [{**LISTENER, "rat": {"entries": [entry]}, "hat": {"policies": [policy]}}]},
    )
    assert found["listeners.0.rat.entries.0.text"] == words
    if code == 550:
        assert found["listeners.0.hat.policies.0.reject_text"] == words.replace(
            "already: 550", "already: 554"
        )


@pytest.mark.parametrize(
    "text", ["5.10 EUR are due", "1.2.3 go", "5.1.1000 no code", "550", "2024-12-24 we moved"]
)
def test_text_of_a_refusal_that_only_looks_like_a_code_is_taken(text: str) -> None:
    """TRL-08."""
    entry = {"recipient": "a.test", "action": "reject", "text": text}
    FEATURES["listenerconfig"].check({"listeners": [{**LISTENER, "rat": {"entries": [entry]}}]})


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("mail.Example.com", "mail.example.com"),
        ("[mail.Example.com]", "[mail.example.com]"),
        ("[192.0.2.7]", "192.0.2.7"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", "::ffff:c000:207"),
    ],
)
def test_brackets_stay_around_names_of_next_hops_only(host: str, normal: str) -> None:
    """TRL-03, TRL-07: in a route; an address means the same with and without."""
    route = {"domain": "a.test", "hosts": [{"host": host}]}
    checked = FEATURES["smtproutes"].check({"routes": [route]})
    assert checked["routes"][0]["hosts"][0]["host"] == normal


@pytest.mark.parametrize("host", ["[mail.example.com", "mail.example.com]", "[[::1]]", "[]", "[a]:25, [b]"])
def test_brackets_that_do_not_pair_are_refused(host: str) -> None:
    """TRL-07."""
    assert refusals("smtproutes", {"routes": [{"domain": "a.test", "hosts": [{"host": host}]}]})


def test_port_in_the_field_of_a_host_is_named() -> None:
    """TRL-03."""
    for host in ("[2001:db8::1]:2525", "mail.example:2525", "[mail.example]:2525", "192.0.2.7:2525"):
        name = host.rpartition(":")[0]
        assert refusals("smtproutes", {"routes": [{"domain": "a.test", "hosts": [{"host": host}]}]}) == {
            "routes.0.hosts.0.host": f"the port has a field of its own: host {name}, port 2525"
        }


def test_tables_of_the_size_that_people_have_are_legal_and_have_an_end() -> None:
    """TRL-28: 40,000 rows; and no document that one of the ways to a machine could not carry."""
    routes = [{"domain": f"d{n}.example", "hosts": [{"host": "192.0.2.1"}]} for n in range(40_000)]
    assert len(CATALOGUE["smtproutes"].check({"routes": routes})["routes"]) == 40_000
    hosts = [{"host": f"h{n}.{'x' * 40}.example"} for n in range(20)]
    with pytest.raises(InvalidDocument, match="at most 12 MB are kept"):
        CATALOGUE["smtproutes"].check({"routes": [{**route, "hosts": hosts} for route in routes[:12_000]]})
