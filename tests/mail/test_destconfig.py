"""Destination controls: how a machine behaves towards other hosts, seen from there."""

import ssl
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from appliances.features.demonstration import demonstration_certificate
from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, routes
from tests.mail.gateways import Gateway, Sink, note

MakeSink = Callable[..., Sink]


def send_many(gateway: Gateway, count: int, recipient: str) -> None:
    with gateway.session() as client:
        for _number in range(count):
            client.sendmail("sender@elsewhere.test", recipient, note().as_bytes())


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    pem = tmp_path / "sink.pem"
    pem.write_text(demonstration_certificate("sink.test"))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    return made


def test_tls_off_preferred_and_required_towards_a_host_that_offers_it(
    fleet: Fleet, make_sink: MakeSink, context: ssl.SSLContext
) -> None:
    safe = make_sink(tls=context)
    fleet.change(
        (CLUSTER, "smtproutes", routes(ALL=safe.ip)),
        (PARIS, "destconfig", {"destinations": [{"domain": "a.test", "tls": "off"}]}),
        (fleet.leeds.mode, "destconfig", {"default": {"tls": "required"}}),
    )
    for member in fleet.members:
        member.gateway.send(f"{member.name}@a.test")
    seen = {m.name: safe.await_mail(f"{m.name}@a.test").encrypted for m in fleet.members}
    assert seen == {"london": True, "leeds": True, "paris": False}


def test_tls_required_keeps_mail_from_a_host_without_it(fleet: Fleet, sink: Sink) -> None:
    rule = {"domain": "a.test", "tls": "required"}
    fleet.commit(fleet.london.mode, "destconfig", {"destinations": [rule]})
    fleet.london.gateway.send("kept@a.test")
    assert fleet.london.gateway.await_log("to=<kept@a.test>", "status=deferred", "TLS is required")
    fleet.london.gateway.send("other@b.test")
    sink.await_mail("other@b.test")
    fleet.paris.gateway.send("kept@a.test")
    sink.await_mail("kept@a.test")


def test_concurrency_towards_a_domain_is_kept_where_it_is_set(fleet: Fleet, make_sink: MakeSink) -> None:
    slow = make_sink(pause=0.5)
    fleet.change(
        (CLUSTER, "smtproutes", routes(ALL=slow.ip)),
        (fleet.london.mode, "destconfig", {"destinations": [{"domain": "a.test", "concurrency": 2}]}),
    )
    send_many(fleet.london.gateway, 6, "limited@a.test")
    slow.await_mails("limited@a.test", 6)
    assert slow.most_at_once == 2
    send_many(fleet.paris.gateway, 6, "free@a.test")
    slow.await_mails("free@a.test", 6)
    assert slow.most_at_once > 2


def test_messages_per_minute_are_paced(fleet: Fleet, sink: Sink) -> None:
    rule = {"domain": "a.test", "messages_per_minute": 60}
    fleet.commit(PARIS, "destconfig", {"destinations": [rule]})
    for member in (fleet.paris, fleet.london):
        send_many(member.gateway, 3, f"{member.name}@a.test")
    paced = [mail.at for mail in sink.await_mails("paris@a.test", 3)]
    assert all(later - earlier > 0.9 for earlier, later in pairwise(paced))
    free = [mail.at for mail in sink.await_mails("london@a.test", 3)]
    assert free[-1] - free[0] < paced[-1] - paced[0]


@pytest.mark.parametrize("most", [1, 2])
def test_messages_per_connection_are_not_exceeded(fleet: Fleet, sink: Sink, most: int) -> None:
    rule = {"domain": "a.test", "messages_per_connection": most, "concurrency": 1}
    fleet.commit(CLUSTER, "destconfig", {"destinations": [rule]})
    gateway = fleet.leeds.gateway
    send_many(gateway, 6, "many@a.test")
    carried: dict[int, int] = {}
    for mail in sink.await_mails("many@a.test", 6):
        carried[mail.connection] = carried.get(mail.connection, 0) + 1
    assert max(carried.values()) <= most
