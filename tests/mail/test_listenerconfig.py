"""Listeners, proven by conversations."""

import smtplib

import pytest

from appliances.postfix.processes import free_port
from clusters.catalogue import Document
from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, Member, listener, listeners
from tests.mail.gateways import SMTP_PORT, Sink, note


def flags(member: Member) -> list[str]:
    assert member.rendered is not None
    return [flag.message for flag in member.rendered.red_flags]


def interfaces(member: Member, name: str) -> Document:
    one = {"name": name, "ip": member.gateway.ip, "hostname": member.gateway.hostname, "ssh": {"port": 2022}}
    return {"interfaces": [one]}


def test_banner_at_cluster_greets_everywhere_but_where_the_group_has_its_own(fleet: Fleet) -> None:
    fleet.commit(CLUSTER, "listenerconfig", listeners(listener(banner="Company $5 {a} ${b}")))
    fleet.commit(PARIS, "listenerconfig", listeners(listener(banner="Bonjour")))
    for member, words in (
        (fleet.london, "Company $5 {a} ${b}"),
        (fleet.leeds, "Company $5 {a} ${b}"),
        (fleet.paris, "Bonjour"),
    ):
        assert member.gateway.greeting() == f"220 {member.gateway.hostname} ESMTP {words}"


def test_listener_without_its_interface_is_disabled_on_that_machine_only(fleet: Fleet) -> None:
    fleet.commit(fleet.leeds.mode, "interfaceconfig", interfaces(fleet.leeds, "Other"))
    fleet.leeds.gateway.await_closed()
    assert fleet.leeds.gateway.instance.running
    assert "Listener Incoming is disabled on this machine: this machine has no interface Data" in flags(
        fleet.leeds
    )
    assert fleet.london.gateway.greeting().startswith("220")
    assert flags(fleet.london) == []
    fleet.commit(fleet.leeds.mode, "interfaceconfig", interfaces(fleet.leeds, "Data"))
    assert fleet.leeds.gateway.greeting().startswith("220")


def test_listener_on_the_port_of_another_service_is_disabled(fleet: Fleet) -> None:
    several = listeners(listener(), listener(name="Second", port=2022))
    fleet.commit(fleet.london.mode, "listenerconfig", several)
    assert flags(fleet.london) == [
        "Listener Second is disabled on this machine: SSH (Data) has its port 2022"
    ]
    fleet.london.gateway.await_closed(2022)
    assert fleet.london.gateway.greeting().startswith("220")


def test_empty_listeners_at_a_machine_close_its_ports_and_no_others(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(fleet.london.mode, "listenerconfig", {"listeners": []})
    fleet.london.gateway.await_closed()
    assert fleet.london.gateway.instance.running
    fleet.leeds.gateway.send("still@a.test")
    sink.await_mail("still@a.test")


def test_listener_on_ipv6_knows_its_clients(fleet: Fleet, sink: Sink) -> None:
    member = fleet.leeds
    six = {"name": "Six", "ip": "::1", "hostname": "six.example.test", "ssh": {"enabled": False}}
    table = interfaces(member, "Data")
    hat = {
        "sender_groups": [{"name": "OURS", "hosts": ["::1"], "policy": "RELAYED"}],
        "policies": [{"name": "RELAYED", "behaviour": "relay"}],
    }
    port = free_port("::1")
    private = {"name": "V6", "type": "private", "interface": "Six", "port": port, "hat": hat}
    fleet.change(
        (member.mode, "interfaceconfig", {"interfaces": [*table["interfaces"], six]}),
        (CLUSTER, "listenerconfig", listeners(listener(), private)),
    )
    with smtplib.SMTP("::1", port, "client.test", timeout=10) as client:
        client.sendmail("sender@elsewhere.test", "six@anywhere.test", note().as_bytes())
    sink.await_mail("six@anywhere.test")
    assert [f for f in flags(fleet.london) if "V6" in f] == [
        "Listener V6 is disabled on this machine: this machine has no interface Six"
    ]


def test_private_listener_relays_for_its_hosts_and_nobody_else(fleet: Fleet, sink: Sink) -> None:
    hat = {
        "sender_groups": [{"name": "OURS", "hosts": ["127.0.0.5"], "policy": "RELAYED"}],
        "policies": [{"name": "RELAYED", "behaviour": "relay"}],
    }
    private = {"name": "Outgoing", "type": "private", "interface": "Data", "port": 2587, "hat": hat}
    fleet.commit(CLUSTER, "listenerconfig", listeners(listener(), private))
    for member in fleet.members:
        member.gateway.send(f"{member.name}@anywhere.test", source="127.0.0.5", port=2587)
        sink.await_mail(f"{member.name}@anywhere.test")
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        fleet.london.gateway.session(port=2587)
    assert refused.value.smtp_code == 554
    assert "No sender group of this listener names you" in str(refused.value.smtp_error)


def test_message_size_is_announced_and_kept_per_listener(fleet: Fleet, sink: Sink) -> None:
    small = listener(name="Small", port=2587, max_message_size=20_000)
    fleet.commit(fleet.leeds.mode, "listenerconfig", listeners(listener(), small))
    big = note("x" * 70 + "\n" + ("y" * 70 + "\n") * 500).as_bytes()
    with fleet.leeds.gateway.session(port=2587) as client:
        assert client.esmtp_features["size"] == "20000"
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            client.sendmail("sender@elsewhere.test", "big@a.test", big)
    assert refused.value.smtp_code == 552
    with fleet.leeds.gateway.session(port=SMTP_PORT) as client:
        client.sendmail("sender@elsewhere.test", "big@a.test", big)
    sink.await_mail("big@a.test")


def test_connections_beyond_the_maximum_wait(fleet: Fleet) -> None:
    fleet.commit(fleet.london.mode, "listenerconfig", listeners(listener(max_connections=1)))
    gateway = fleet.london.gateway
    with gateway.session():
        waiting = smtplib.SMTP(timeout=0.5)
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            waiting.connect(gateway.ip, SMTP_PORT)
        waiting.close()
    assert gateway.greeting().startswith("220")
    with fleet.leeds.gateway.session():
        assert fleet.leeds.gateway.greeting().startswith("220")


def test_default_domain_completes_addresses_and_without_one_they_are_refused(
    fleet: Fleet, sink: Sink
) -> None:
    fleet.commit(fleet.paris.mode, "listenerconfig", listeners(listener(default_domain="a.test")))
    with fleet.paris.gateway.session() as client:
        client.sendmail("root", ["bare"], note().as_bytes())
    assert sink.await_mail("bare@a.test").sender == "root@a.test"
    assert fleet.london.gateway.rcpt("bare").startswith("504 ")


def test_outgoing_mail_comes_from_the_address_and_name_of_the_machine(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(fleet.paris.mode, "sethostname", {"hostname": "renamed.example.test"})
    for member, name in ((fleet.paris, "renamed.example.test"), (fleet.leeds, fleet.leeds.gateway.hostname)):
        member.gateway.send(f"{member.name}@b.test")
        mail = sink.await_mail(f"{member.name}@b.test")
        assert mail.peer == member.gateway.ip
        assert mail.greeted == name
