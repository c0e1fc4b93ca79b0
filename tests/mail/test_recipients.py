"""Aliases and global unsubscribe, proven by who gets mail."""

from appliances.postfix.queue import Queue
from clusters.catalogue import Document
from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, listener, listeners, routes
from tests.mail.gateways import Sink


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
