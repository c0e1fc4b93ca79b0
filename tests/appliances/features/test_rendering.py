"""What Postfix is told, and what a person is warned of."""

import copy
from typing import Any

import pytest

from appliances.features.consequences import PostfixConsequences, shortened
from appliances.features.rendering import Rendered, render
from appliances.features.smtproutes import in_words
from clusters.catalogue import Document, Door, InvalidDocument, RedFlag
from tests.appliances.features.examples import DOCUMENTS, LISTENER


def rendered(**documents: Any) -> Rendered:
    return render({**DOCUMENTS, **documents}, "certificate")


def flags(**documents: Any) -> set[str]:
    return {flag.message for flag in rendered(**documents).red_flags}


def listener(**changes: Any) -> Document:
    return {"listeners": [{**copy.deepcopy(LISTENER), **changes}]}


def hat(behaviour: str, *hosts: str) -> Document:
    groups = [{"name": "GROUP", "hosts": list(hosts), "policy": "POLICY"}]
    return {"sender_groups": groups, "policies": [{"name": "POLICY", "behaviour": behaviour}]}


def table(made: Rendered, name: str) -> list[tuple[str, str]]:
    return list(next(one.rows for one in made.configuration.tables if one.name == name))


def test_example_raises_no_flag() -> None:
    assert flags() == set()


def test_machine_with_factory_defaults_renders_without_a_listener() -> None:
    made = render({})
    assert made.configuration.listeners == ()
    assert [flag.message for flag in made.red_flags] == [
        "No listener is open on this machine: it takes no mail"
    ]


def test_listener_without_interface_is_left_out_and_flagged() -> None:
    made = rendered(interfaceconfig={"interfaces": []})
    assert made.configuration.listeners == ()
    assert RedFlag(
        "listenerconfig",
        "Listener Incoming Mail is disabled on this machine: this machine has no interface Data 1",
    ) in set(made.red_flags)


def test_interfaces_of_one_address_cannot_carry_two_listeners_on_a_port() -> None:
    one = DOCUMENTS["interfaceconfig"]["interfaces"][0]
    two = {**one, "name": "Data 2", "ssh": {"enabled": False}}
    second = {**copy.deepcopy(LISTENER), "name": "Second", "interface": "data 2"}
    made = rendered(
        interfaceconfig={"interfaces": [one, two]}, listenerconfig={"listeners": [LISTENER, second]}
    )
    assert [each.name for each in made.configuration.listeners] == ["in-incoming-mail"]
    assert {flag.message for flag in made.red_flags} == {
        "Listener Second is disabled on this machine: Incoming Mail has its port 2525"
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hat": hat("reject", "ALL")}, "Listener Incoming Mail: its HAT lets nobody in"),
        ({"hat": {}}, "Listener Incoming Mail: its HAT lets nobody in"),
        ({"rat": {}}, "Listener Incoming Mail: its RAT accepts no recipient"),
        (
            {"hat": hat("relay", "ALL")},
            "Listener Incoming Mail relays for everybody: it is an open relay",
        ),
        (
            {"hat": hat("relay", "128.0.0.0/1")},
            "Listener Incoming Mail relays for everybody: it is an open relay",
        ),
        (
            {"rat": {"entries": [{"recipient": "ALL"}]}},
            "Listener Incoming Mail accepts every recipient from everybody: it is an open relay",
        ),
        (
            {"disclaimer_below": "none"},
            "Listener Incoming Mail: there is no text resource none here, stamping stays off",
        ),
        (
            {"bounce_profile": "none"},
            "Listener Incoming Mail: there is no bounce profile none here, Default holds",
        ),
    ],
)
def test_danger_of_a_listener_is_flagged(changes: Document, message: str) -> None:
    assert message in flags(listenerconfig=listener(**changes))


def test_relay_behind_a_group_that_names_everybody_is_no_open_relay() -> None:
    table = {
        "sender_groups": [
            {"name": "ALL", "hosts": ["ALL"], "policy": "NO"},
            {"name": "LATE", "hosts": ["ALL"], "policy": "RELAYED"},
        ],
        "policies": [{"name": "NO", "behaviour": "reject"}, {"name": "RELAYED", "behaviour": "relay"}],
    }
    assert not any("open relay" in message for message in flags(listenerconfig=listener(hat=table)))


def test_accepted_domain_without_a_route_is_flagged() -> None:
    assert flags(smtproutes={"routes": []}) == {
        "No SMTP route for 2 recipient(s) that listener Incoming Mail accepts: example.com, .example.com"
    }


def test_destination_with_an_unknown_bounce_profile_is_flagged() -> None:
    table = {"destinations": [{"domain": "partner.example", "bounce_profile": "none"}]}
    assert flags(destconfig=table) == {
        "Destination partner.example: there is no bounce profile none here, Default holds"
    }


def test_tls_required_without_a_certificate_is_flagged_and_stays_required() -> None:
    made = render(DOCUMENTS)
    assert [flag.message for flag in made.red_flags] == [
        "Listener Incoming Mail: TLS is required by RELAYED, but this machine has no certificate"
    ]
    relayed = made.configuration.parameters["policy_in_incoming_mail_relayed"]
    assert relayed.startswith("reject_plaintext_session, ")


def test_transport_table_joins_routes_destinations_and_unsubscribed() -> None:
    made = rendered(
        smtproutes={
            "routes": [
                {
                    "domain": ".a.example",
                    "hosts": [{"host": "10.0.0.1"}, {"host": "2001:db8::1", "port": 26}],
                },
                {"domain": "b.a.example", "hosts": [{"host": "usedns"}]},
                {"domain": "dead.example", "hosts": [{"host": "/dev/null"}]},
                {"domain": "x.gone.example", "hosts": [{"host": "10.0.0.1"}]},
            ]
        },
        destconfig={"destinations": [{"domain": "c.a.example"}, {"domain": "far.example"}]},
        unsubscribe={"action": "drop", "recipients": [".gone.example", "u@a.example"]},
    )
    assert dict(table(made, "transport")) == {
        ".a.example": "smtp:[10.0.0.1]:25, [2001:db8::1]:26",
        "b.a.example": "smtp:",
        "dead.example": "discard:",
        "x.gone.example": "discard:",
        "c.a.example": "to_c_a_example:[10.0.0.1]:25, [2001:db8::1]:26",
        "far.example": "to_far_example:",
        ".gone.example": "discard:",
        "u@a.example": "discard:",
        "example.com": "relay:",
        ".example.com": "relay:",
    }


def test_mail_for_domains_of_a_rat_has_an_agent_of_its_own() -> None:
    """TRN-10: with the same limits; a destination has its own agent, and ALL is nobody's domain."""
    accepted = ["ann@a.example", ".b.example", "far.example", "ALL"]
    made = rendered(
        smtproutes={"routes": [{"domain": "ALL", "hosts": [{"host": "10.0.0.1"}]}]},
        destconfig={"default": {"concurrency": 7}, "destinations": [{"domain": "far.example"}]},
        unsubscribe={"recipients": []},
        listenerconfig=listener(rat={"entries": [{"recipient": each} for each in accepted]}),
    )
    assert dict(table(made, "transport")) == {
        "*": "smtp:[10.0.0.1]:25",
        "a.example": "relay:[10.0.0.1]:25",
        ".b.example": "relay:[10.0.0.1]:25",
        "far.example": "to_far_example:[10.0.0.1]:25",
    }
    given = made.configuration.parameters
    for name in ("concurrency_limit", "rate_delay"):
        assert given[f"relay_destination_{name}"] == given[f"smtp_destination_{name}"]
    assert given["relay_destination_concurrency_limit"] == "7"


def test_next_hops_by_name_have_brackets_only_where_a_person_wrote_them() -> None:
    """TRL-07."""
    hosts = [{"host": "mail.example"}, {"host": "[mail.example]", "port": 26}, {"host": "10.0.0.1"}]
    made = rendered(smtproutes={"routes": [{"domain": "example.com", "hosts": hosts}]})
    rows = dict(table(made, "transport"))
    assert rows["example.com"] == "relay:mail.example:25, [mail.example]:26, [10.0.0.1]:25"
    assert in_words(rows["example.com"], "ann@example.com") == (
        "mail.example:25, [mail.example]:26, [10.0.0.1]:25"
        " (the MX hosts of mail.example, or the address where there are none)"
    )
    assert in_words("smtp:", "ann@example.com") == "by the MX records of example.com"


def test_refusal_of_the_hat_may_bring_its_enhanced_code() -> None:
    """TRL-08."""
    policies = [{"name": "P", "behaviour": "reject", "reject_text": "5.7.25 No reverse name"}, {"name": "Q"}]
    groups = [
        {"name": "A", "hosts": ["10.0.0.1"], "policy": "P"},
        {"name": "B", "hosts": ["ALL"], "policy": "Q"},
    ]
    made = rendered(listenerconfig=listener(hat={"sender_groups": groups, "policies": policies}))
    assert ("10.0.0.1", "554 5.7.25 No reverse name") in table(made, "in-incoming-mail-hat-1.cidr")


def test_hat_rows_keep_the_order_of_groups_in_few_tables() -> None:
    groups = [
        {"name": "A", "hosts": ["x.example", "10.0.0.1"], "policy": "P"},
        {"name": "B", "hosts": ["10.0.0.0/8", ".example"], "policy": "N"},
        {"name": "C", "hosts": ["ALL"], "policy": "P"},
    ]
    policies = [{"name": "P"}, {"name": "N", "behaviour": "reject"}]
    made = rendered(listenerconfig=listener(hat={"sender_groups": groups, "policies": policies}))
    prefix = "in-incoming-mail-hat"
    assert table(made, f"{prefix}-1.cidr") == [("10.0.0.1", "OK")]
    assert table(made, f"{prefix}-2.pcre") == [
        (r"/^x\.example$/", "OK"),
        (r"/\.example$/", "554 5.7.1 Sender group B refuses you"),
    ]
    assert [key for key, _value in table(made, f"{prefix}-3.cidr")] == ["10.0.0.0/8", "0.0.0.0/0", "::/0"]


def test_listeners_whose_names_look_alike_get_services_of_their_own() -> None:
    several = [
        {**copy.deepcopy(LISTENER), "name": n, "port": 3000 + i} for i, n in enumerate(["A b", "A-b", "日本"])
    ]
    made = rendered(listenerconfig={"listeners": several})
    assert [each.name for each in made.configuration.listeners] == ["in-a-b", "in-a-b-2", "in-x"]


def test_large_tables_are_compiled() -> None:
    recipients = [f"u{n}@example.com" for n in range(20_000)]
    routes = {"routes": [{"domain": f"d{n}.example", "hosts": [{"host": "10.0.0.1"}]} for n in range(10)]}
    made = rendered(unsubscribe={"recipients": recipients}, smtproutes=routes)
    (transport,) = [one for one in made.configuration.tables if one.name == "transport"]
    assert transport.kind == "lmdb"


def test_settings_that_their_feature_refuses_are_not_rendered() -> None:
    with pytest.raises(InvalidDocument):
        rendered(smtproutes={"routes": [{"domain": "a\nb", "hosts": [{"host": "10.0.0.1"}]}]})


def test_consequences_show_rules_beside_postfix_and_no_secrets() -> None:
    lines = PostfixConsequences().lines(DOCUMENTS)
    assert "listener in-incoming-mail: 127.0.0.1 port 2525" in lines
    assert "limits in-incoming-mail unknownlist: recipients_per_hour = 500" in lines
    assert "disclaimer in-incoming-mail below: Example Ltd." in lines
    assert "lifetime by listener in-incoming-mail: 3600 seconds" in lines
    assert "lifetime to partner.example: 3600 seconds" in lines
    assert "files/certificate.pem: (secret)" in lines


def test_consequences_of_one_change_are_few_lines() -> None:
    asked = PostfixConsequences()
    routes = copy.deepcopy(DOCUMENTS["smtproutes"])
    routes["routes"][0]["hosts"][0]["host"] = "other.inside.example"
    before, after = asked.lines(DOCUMENTS), asked.lines({**DOCUMENTS, "smtproutes": routes})
    assert set(after) - set(before) == {"maps/transport: example.com relay:other.inside.example:25"}
    assert set(before) - set(after) == {"maps/transport: example.com relay:mail.inside.example:25"}


def test_long_tables_are_one_line_that_changes_with_them() -> None:
    rows = [f"maps/transport: d{n}.example smtp:" for n in range(10)]
    others = ["a = b", "maps/aliases: x y"]
    assert list(shortened([*others, *rows], most=10)) == [*others, *rows]
    (short,) = list(shortened(rows, most=9))
    assert short.startswith("maps/transport: 10 rows, digest ")
    assert list(shortened([*rows[:-1], "maps/transport: d9.example discard:"], most=9)) != [short]


def test_doors_are_ssh_and_ccs_where_they_are_on() -> None:
    """L17, COM-11, COM-14: nobody logs in over CCS."""
    one = DOCUMENTS["interfaceconfig"]["interfaces"][0]
    two = {**one, "name": "Data 2", "ip": "127.0.0.2", "ssh": {"enabled": False}, "ccs": {"enabled": True}}
    three = {
        **two,
        "name": "Data 3",
        "ip": "127.0.0.3",
        "ccs": {"enabled": False},
        "https": {"enabled": True},
    }
    doors = PostfixConsequences().doors({"interfaceconfig": {"interfaces": [one, two, three]}})
    assert doors == [Door("127.0.0.1", logins=True), Door("127.0.0.2", logins=False)]
    assert PostfixConsequences().doors({"interfaceconfig": {"of": "another release"}}) is None


def row(alias: str, *targets: str) -> Document:
    """An alias table of one row."""
    return {"aliases": [{"alias": alias, "targets": ["ann@example.com", *targets]}]}


NOBODY_READS = (
    "Mail to postmaster without a domain is taken (Incoming Mail), and nobody reads it: say in the alias"
    " tables who gets it"
)


@pytest.mark.parametrize(
    ("aliases", "changes", "flagged"),
    [
        ({"aliases": []}, {}, True),
        ({"postmaster": "it@example.com"}, {}, False),
        (
            {"aliases": [{"alias": "Postmaster@gateway.example.com", "targets": ["it@example.com"]}]},
            {},
            False,
        ),
        ({"aliases": [{"alias": "@gateway.example.com", "targets": ["it@example.com"]}]}, {}, False),
        ({"aliases": []}, {"default_domain": "example.com"}, False),
    ],
)
def test_mail_to_postmaster_that_nobody_reads_is_flagged(
    aliases: Document, changes: Document, flagged: bool
) -> None:
    """TRN-08: not where a default domain makes it an address for the RAT."""
    listeners = listener(**{"default_domain": "", **changes})
    found = flags(aliasconfig=aliases, listenerconfig=listeners)
    assert (NOBODY_READS in found) is flagged


def test_postmaster_keeps_the_row_of_its_own_and_never_goes_round() -> None:
    """TRN-08: what a table says of that very address holds; a target that leads back gets no row."""
    own = "postmaster@gateway.example.com"

    def rows(*aliases: Document) -> dict[str, str]:
        settings = {"postmaster": "it@example.com", "aliases": list(aliases)}
        return dict(table(rendered(aliasconfig=settings), "aliases"))

    assert rows()[own] == "it@example.com"
    assert rows({"alias": own, "targets": ["ann@example.com"]})[own] == "ann@example.com"
    assert own not in rows({"alias": "it@example.com", "targets": ["x@example.com", own]})
