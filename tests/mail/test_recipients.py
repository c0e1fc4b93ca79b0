"""Aliases and global unsubscribe, proven by who gets mail."""

from types import SimpleNamespace
from typing import cast

from appliances.cli.dialogue import Scripted
from appliances.cli.login_host import LoginHost
from appliances.cli.registry import commands
from appliances.cli.session import Session
from appliances.postfix.queue import Queue
from clusters.catalogue import Document
from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, listener, listeners, routes
from tests.mail.gateways import SINK_PORT, Sink


def aliases(**targets: str | list[str]) -> Document:
    """`aliases(x="y@a.test")` stands for x@a.test."""
    rows = ((name, [value] if isinstance(value, str) else value) for name, value in targets.items())
    return {"aliases": [{"alias": f"{name}@a.test", "targets": value} for name, value in rows]}


def test_alias_expands_on_machines_that_have_it(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(CLUSTER, "aliasconfig", aliases(sales=["ann@a.test", "bob@b.test"]))
    fleet.commit(fleet.leeds.mode, "aliasconfig", {"aliases": []})
    fleet.london.gateway.send("Sales@a.test")
    sink.await_mail("ann@a.test")
    sink.await_mail("bob@b.test")
    fleet.leeds.gateway.send("sales@a.test")
    sink.await_mail("sales@a.test")


def test_alias_may_point_to_an_alias_and_to_a_foreign_domain(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(PARIS, "aliasconfig", aliases(one="two@a.test", two="far@anywhere.test"))
    fleet.paris.gateway.send("one@a.test")
    sink.await_mail("far@anywhere.test")


def test_alias_for_a_whole_domain_leaves_its_named_users(fleet: Fleet, sink: Sink) -> None:
    table = aliases(kept="kept@a.test")["aliases"] + [{"alias": "@a.test", "targets": ["all@b.test"]}]
    fleet.commit(fleet.london.mode, "aliasconfig", {"aliases": table})
    fleet.london.gateway.send("anybody@a.test")
    sink.await_mail("all@b.test")
    fleet.london.gateway.send("kept@a.test")
    sink.await_mail("kept@a.test")


def test_alias_of_one_user_wins_over_the_row_of_the_domain(fleet: Fleet, sink: Sink) -> None:
    """TRL-01: also for its targets, which Postfix looks up again; a target stands for itself."""
    table = aliases(info="anna@a.test", old="gone@a.test")["aliases"]
    fleet.change(
        (CLUSTER, "aliasconfig", {"aliases": [{"alias": "@a.test", "targets": ["hub@a.test"]}, *table]}),
        (CLUSTER, "unsubscribe", {"action": "drop", "recipients": ["old@a.test", "left@a.test"]}),
    )
    for recipient in ("info@a.test", "nobody@a.test", "old@a.test", "left@a.test"):
        fleet.london.gateway.send(recipient)
    assert sink.await_mail("anna@a.test").recipients == ("anna@a.test",)
    assert sink.await_mail("hub@a.test").recipients == ("hub@a.test",)
    for recipient in ("old@a.test", "left@a.test"):
        assert fleet.london.gateway.await_log(f"to=<{recipient}>", "status=sent", "relay=none")
    assert {each for mail in sink.mails for each in mail.recipients} == {"anna@a.test", "hub@a.test"}


def test_trace_follows_aliases_and_routes_as_postfix_does(fleet: Fleet, sink: Sink) -> None:
    """TRL-01, TRL-07, RES-02: the row of a domain, .example.com and ALL as well."""
    table = aliases(info=["anna@a.test", "far@x.b.test"])["aliases"]
    hosts = [{"host": "mail.b.test"}]
    fleet.change(
        (CLUSTER, "aliasconfig", {"aliases": [{"alias": "@a.test", "targets": ["hub@a.test"]}, *table]}),
        (
            CLUSTER,
            "smtproutes",
            {"routes": [{"domain": ".b.test", "hosts": hosts}, *routes(ALL=sink.ip)["routes"]]},
        ),
    )
    gateway, dialogue = fleet.london.gateway, Scripted()
    host = SimpleNamespace(serial="L", engine=SimpleNamespace(instance=gateway.instance, place=gateway.place))
    session = Session("ann", "administrator", cast(LoginHost, host), dialogue)
    to_sink = f"[{sink.ip}]:{SINK_PORT}"
    for recipient, lines in {
        "Info@a.test": [
            "Aliases: 2 recipient(s)",
            f"anna@a.test: {to_sink}",
            "far@x.b.test: mail.b.test:25 (the MX hosts of mail.b.test, or the address where there are none)",
        ],
        "nobody@a.test": ["Aliases: 1 recipient(s)", f"hub@a.test: {to_sink}"],
        "ann@b.test": [f"ann@b.test: {to_sink}"],
    }.items():
        dialogue.said.clear()
        commands()["trace"].run(session, [recipient])
        assert dialogue.said == lines


def test_lists_beyond_postfix_limits_reach_everybody_once(fleet: Fleet, sink: Sink) -> None:
    """TRL-01: three lists of 400 in one, with a member that two of them share."""
    members = [f"u{number}@b.test" for number in range(1199)] + ["u0@b.test"]
    lists = {f"l{number}": members[number * 400 : (number + 1) * 400] for number in range(3)}
    table = aliases(**lists, all=[f"{name}@a.test" for name in lists])
    fleet.commit(fleet.london.mode, "aliasconfig", table)
    fleet.london.gateway.send("all@a.test")
    for member in set(members):
        sink.await_mail(member)
    got = [each for mail in sink.mails for each in mail.recipients]
    assert (len(got), set(got)) == (1199, set(members))


def test_dropped_recipient_gets_nothing_and_the_others_of_the_message_do(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(CLUSTER, "unsubscribe", {"action": "drop", "recipients": ["gone@a.test"]})
    fleet.commit(PARIS, "unsubscribe", {"recipients": []})
    fleet.london.gateway.send(["Gone@a.test", "stays@a.test"])
    assert sink.await_mail("stays@a.test").recipients == ("stays@a.test",)
    assert fleet.london.gateway.await_log("to=<Gone@a.test>", "status=sent", "relay=none")
    fleet.paris.gateway.send("gone@a.test")
    assert [mail.recipients for mail in sink.await_mails("gone@a.test")] == [("gone@a.test",)]
    assert not [mail for mail in sink.mails if "Gone@a.test" in mail.recipients]


def test_bounced_recipient_is_refused_at_once_where_it_holds(fleet: Fleet) -> None:
    fleet.commit(fleet.leeds.mode, "unsubscribe", {"action": "bounce", "recipients": ["b.test"]})
    assert fleet.leeds.gateway.rcpt("x@b.test").startswith("550 5.7.1 ")
    assert fleet.leeds.gateway.rcpt("x@a.test").startswith("250")
    assert fleet.london.gateway.rcpt("x@b.test").startswith("250")


def test_unsubscribed_domain_wins_over_a_narrower_route(fleet: Fleet, sink: Sink) -> None:
    fleet.change(
        (CLUSTER, "smtproutes", routes(deep__a__test=sink.ip, ALL=sink.ip)),
        (CLUSTER, "unsubscribe", {"action": "bounce", "recipients": [".a.test"]}),
    )
    gateway = fleet.london.gateway
    assert gateway.rcpt("x@deep.a.test", source="127.0.0.5").startswith("550 5.7.1 ")
    assert gateway.rcpt("x@a.test").startswith("250")


def test_every_address_that_is_taken_as_a_setting_is_known_by_postfix(fleet: Fleet, sink: Sink) -> None:
    """TRL-06: the table of recipients, aliases and unsubscribed ones read an address alike."""
    odd = ["hanako.yamada.", ".a", "a..b", "-a", "a#1", *"$*{|`^?'~", "=?x?="]
    entries = [{"recipient": f"{local}@a.test"} for local in odd]
    rows = [{"alias": f"{local}@a.test", "targets": [f"to-{local}@b.test"]} for local in odd]
    fleet.change(
        (PARIS, "listenerconfig", listeners(listener(rat={"entries": entries}))),
        (PARIS, "aliasconfig", {"aliases": rows}),
        (fleet.london.mode, "unsubscribe", {"action": "bounce", "recipients": [f"{x}@a.test" for x in odd]}),
    )
    for local in odd:
        assert fleet.paris.gateway.rcpt(f'"{local}"@a.test').startswith("250")
        assert fleet.london.gateway.rcpt(f"{local}@a.test").startswith("550 5.7.1")
    fleet.paris.gateway.send([f"{local}@a.test" for local in odd])
    for local in odd:
        sink.await_mail(f"to-{local}@b.test")
    assert fleet.paris.gateway.rcpt("a.b@a.test").startswith("554")


def test_waiting_recipient_is_listed_as_people_write_it(fleet: Fleet, sink: Sink) -> None:
    """TRL-06: Postfix lists it in quotes, and a search would miss it."""
    sink.answer = lambda recipient: "451 not yet"
    fleet.paris.gateway.send("hanako.yamada.@a.test")
    assert fleet.paris.gateway.await_log("status=deferred", "hanako.yamada.")
    (waiting,) = Queue(fleet.paris.gateway.instance).messages()
    assert [each.address for each in waiting.recipients] == ["hanako.yamada.@a.test"]
