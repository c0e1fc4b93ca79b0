"""SMTP routes, proven by mail."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliances.postfix.instance import Instance
from appliances.postfix.processes import free_port
from clusters.modes import CLUSTER
from tests.appliances.machine.nameserver import NameServer
from tests.mail.fleets import PARIS, Fleet, routes
from tests.mail.gateways import SINK_PORT, Sink, address

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


def test_route_to_an_ipv6_address_delivers_though_no_listener_speaks_it(
    fleet: Fleet, make_sink: MakeSink
) -> None:
    """TRL-03."""
    port = free_port("::1")
    six = make_sink(ip="::1", port=port)
    hosts = [{"host": "[::1]", "port": port}]
    fleet.commit(fleet.london.mode, "smtproutes", {"routes": [{"domain": "a.test", "hosts": hosts}]})
    fleet.london.gateway.send("someone@a.test")
    assert six.await_mail("someone@a.test").peer == "::1"


def test_route_to_a_name_goes_to_its_mx_and_in_brackets_to_its_address(
    fleet: Fleet, make_sink: MakeSink, name_server: NameServer
) -> None:
    """TRL-07: a name without an MX is taken for a host."""
    exchanger, host = make_sink(), make_sink()
    zone = {"hub.test": host.ip, "mx.hub.test": exchanger.ip, "plain.test": host.ip}
    name_server.knows(zone, exchangers={"hub.test": "mx.hub.test"})
    hosts = {"a.test": "hub.test", "b.test": "[hub.test]", "c.test": "plain.test"}
    fleet.commit(
        fleet.leeds.mode, "smtproutes", routes(**{name.replace(".", "__"): to for name, to in hosts.items()})
    )
    with asking(name_server, fleet.leeds.gateway.instance):
        for domain in hosts:
            fleet.leeds.gateway.send(f"someone@{domain}", source="127.0.0.5")
        exchanger.await_mail("someone@a.test")
        host.await_mail("someone@b.test")
        host.await_mail("someone@c.test")


@contextmanager
def asking(name_server: NameServer, instance: Instance) -> Iterator[None]:
    """Postfix asks that name server and no other."""
    instance.stop()
    start = [*name_server.asking(), "/usr/sbin/postfix", "-c", str(instance.place.etc), "start"]
    subprocess.run(start, check=True, capture_output=True, timeout=30)
    try:
        yield
    finally:
        instance.stop()
        instance.start()


@pytest.fixture
def name_server(tmp_path: Path) -> Iterator[NameServer]:
    server = NameServer(tmp_path / "zone.json", address()).start()
    yield server
    server.stop()


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
