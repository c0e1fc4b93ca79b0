"""SMTP routes, proven by mail."""

from collections.abc import Callable

import pytest

from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, routes
from tests.mail.gateways import SINK_PORT, Sink

MakeSink = Callable[..., Sink]


def test_route_at_cluster_moves_mail_of_all_machines_but_the_one_that_overrides(
    fleet: Fleet, sink: Sink, make_sink: MakeSink
) -> None:
    other = make_sink()
    fleet.commit(fleet.leeds.mode, "smtproutes", routes(ALL=sink.ip))
    fleet.commit(CLUSTER, "smtproutes", routes(a__test=other.ip, ALL=sink.ip))
    for member in fleet.members:
        member.gateway.send(f"{member.name}@a.test")
    other.await_mail("london@a.test")
    other.await_mail("paris@a.test")
    assert sink.await_mail("leeds@a.test").recipients == ("leeds@a.test",)
    assert [mail.recipients for mail in other.mails if "leeds@a.test" in mail.recipients] == []


def test_route_at_group_holds_only_for_its_machines(fleet: Fleet, sink: Sink, make_sink: MakeSink) -> None:
    french = make_sink()
    fleet.commit(PARIS, "smtproutes", routes(ALL=french.ip), on=fleet.leeds)
    for member in (fleet.london, fleet.paris):
        member.gateway.send(f"{member.name}@a.test")
    french.await_mail("paris@a.test")
    sink.await_mail("london@a.test")


def test_route_when_absent_again_is_inherited(fleet: Fleet, sink: Sink, make_sink: MakeSink) -> None:
    own = make_sink()
    fleet.commit(fleet.london.mode, "smtproutes", routes(ALL=own.ip))
    fleet.london.gateway.send("one@a.test")
    own.await_mail("one@a.test")
    fleet.commit(fleet.london.mode, "smtproutes", None)
    fleet.london.gateway.send("two@a.test")
    sink.await_mail("two@a.test")


def test_route_with_a_dead_first_host_falls_over_to_the_second(fleet: Fleet, make_sink: MakeSink) -> None:
    second = make_sink()
    hosts = [{"host": second.ip, "port": 2699}, {"host": second.ip, "port": SINK_PORT}]
    fleet.commit(CLUSTER, "smtproutes", {"routes": [{"domain": "ALL", "hosts": hosts}]})
    fleet.london.gateway.send("someone@a.test")
    second.await_mail("someone@a.test")


def test_route_for_subdomains_leaves_the_domain_itself(fleet: Fleet, sink: Sink, make_sink: MakeSink) -> None:
    below = make_sink()
    fleet.commit(CLUSTER, "smtproutes", routes(__a__test=below.ip, ALL=sink.ip))
    for recipient in ("someone@x.a.test", "someone@a.test"):
        fleet.london.gateway.send(recipient, source="127.0.0.5")
    below.await_mail("someone@x.a.test")
    sink.await_mail("someone@a.test")


@pytest.mark.parametrize("pattern", ["a.test", "ALL"])
def test_route_to_dev_null_drops_and_others_arrive(fleet: Fleet, sink: Sink, pattern: str) -> None:
    table = [*routes(b__test=sink.ip)["routes"], {"domain": pattern, "hosts": [{"host": "/dev/null"}]}]
    fleet.commit(CLUSTER, "smtproutes", {"routes": table})
    fleet.london.gateway.send(["lost@a.test", "kept@b.test"])
    sink.await_mail("kept@b.test")
    assert fleet.london.gateway.await_log("to=<lost@a.test>", "relay=none", "status=sent")
    assert not [mail for mail in sink.mails if "lost@a.test" in mail.recipients]
