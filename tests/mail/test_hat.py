"""The host access table: who may do what, per sender group."""

import smtplib
import ssl
from typing import Any

import pytest

from clusters.catalogue import Document
from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, listener, listeners
from tests.mail.gateways import Gateway, Sink, note

FRIEND, STRANGER, ENEMY = "127.0.0.5", "127.0.0.6", "127.0.0.66"
RELAYED = {"name": "RELAYED", "behaviour": "relay"}
ACCEPTED = {"name": "ACCEPTED", "behaviour": "accept"}


def group(name: str, policy: str, *hosts: str) -> Document:
    return {"name": name, "hosts": list(hosts), "policy": policy}


def table(groups: list[Document], *policies: Document) -> Document:
    return listeners(listener(hat={"sender_groups": groups, "policies": list(policies)}))


def limited(**limits: Any) -> Document:
    """A HAT in which strangers are limited and a friend is not."""
    groups = [group("FRIENDS", "FREE", FRIEND), group("ALL", "THROTTLED", "ALL")]
    policies = (
        {"name": "FREE", "behaviour": "accept"},
        {"name": "THROTTLED", "behaviour": "accept", **limits},
    )
    return table(groups, *policies)


def refusal(gateway: Gateway, source: str) -> str:
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        gateway.session(source)
    error = refused.value.smtp_error
    return f"{refused.value.smtp_code} {error.decode() if isinstance(error, bytes) else error}"


def test_reject_and_tcprefuse_answer_at_the_connection_where_they_are_defined(fleet: Fleet) -> None:
    groups = [
        group("BLACKLIST", "BLOCKED", f"{ENEMY}/32"),
        group("BOTS", "REFUSED", "127.0.0.67"),
        group("ALL", "ACCEPTED", "ALL"),
    ]
    blocked = {"name": "BLOCKED", "behaviour": "reject", "reject_text": "Not you, $1 ${x}"}
    refused = {"name": "REFUSED", "behaviour": "tcprefuse"}
    fleet.commit(PARIS, "listenerconfig", table(groups, blocked, refused, ACCEPTED))
    paris = fleet.paris.gateway
    assert refusal(paris, ENEMY).startswith("554 5.7.1 ")
    assert refusal(paris, ENEMY).endswith(": Not you, $1 ${x}")
    assert refusal(paris, "127.0.0.67").endswith("Sender group BOTS refuses you")
    assert refusal(paris, "127.0.0.67").startswith("521 ")
    assert paris.greeting(STRANGER).startswith("220")
    assert fleet.london.gateway.greeting(ENEMY).startswith("220")


def test_relay_lets_a_client_send_anywhere_and_accept_only_to_the_rat(fleet: Fleet, sink: Sink) -> None:
    for member in fleet.members:
        member.gateway.send(f"{member.name}@anywhere.test", source=FRIEND)
        sink.await_mail(f"{member.name}@anywhere.test")
        assert member.gateway.rcpt("x@anywhere.test", source=STRANGER).startswith("554 5.7.1 ")
        assert member.gateway.rcpt("x@a.test", source=STRANGER).startswith("250")


def test_first_group_that_names_a_client_decides_whatever_the_kind_of_pattern(fleet: Fleet) -> None:
    # 127.0.0.1 is also localhost, by name.
    groups = [
        group("BY-ADDRESS", "ACCEPTED", "127.0.0.1"),
        group("BY-NAME", "RELAYED", "localhost"),
        group("BY-BLOCK", "RELAYED", "127.0.0.0/29"),
    ]
    fleet.commit(CLUSTER, "listenerconfig", table(groups, RELAYED, ACCEPTED))
    fleet.commit(
        fleet.leeds.mode, "listenerconfig", table([groups[1], groups[0], groups[2]], RELAYED, ACCEPTED)
    )
    assert fleet.london.gateway.rcpt("x@anywhere.test", source="127.0.0.1").startswith("554")
    assert fleet.leeds.gateway.rcpt("x@anywhere.test", source="127.0.0.1").startswith("250")
    assert fleet.london.gateway.rcpt("x@anywhere.test", source="127.0.0.7").startswith("250")
    assert "No sender group" in refusal(fleet.london.gateway, "127.0.0.8")


def test_range_of_addresses_decides_from_its_first_to_its_last(fleet: Fleet) -> None:
    """TRL-02: ranges stand in the exports of other gateways."""
    groups = [group("BLACKLIST", "BLOCKED", "127.20.50.1-20"), group("ALL", "ACCEPTED", "ALL")]
    fleet.commit(PARIS, "listenerconfig", table(groups, {"name": "BLOCKED", "behaviour": "reject"}, ACCEPTED))
    paris = fleet.paris.gateway
    for source in ("127.20.50.1", "127.20.50.7", "127.20.50.20"):
        assert refusal(paris, source).startswith("554")
    for source in ("127.20.50.21", "127.20.51.1", "127.20.49.255"):
        assert paris.greeting(source).startswith("220")


def test_recipient_tricks_do_not_relay(fleet: Fleet) -> None:
    tricks = (
        "u%anywhere.test@a.test",
        "@a.test:u@anywhere.test",
        '"u@anywhere.test"@a.test',
        "anywhere.test!u",
    )
    for trick in tricks:
        code = fleet.london.gateway.rcpt(trick, source=STRANGER)[:3]
        assert code in ("554", "504", "501"), trick


def test_tls_required_refuses_plain_sessions_of_that_group_only(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(fleet.london.mode, "listenerconfig", limited(tls="required"))
    gateway = fleet.london.gateway
    assert gateway.rcpt("x@a.test", source=STRANGER).startswith("530 ")
    assert gateway.rcpt("x@a.test", source=FRIEND).startswith("250")
    assert fleet.leeds.gateway.rcpt("x@a.test", source=STRANGER).startswith("250")
    context = ssl.create_default_context(
        cadata=gateway.certificate.partition("-----END PRIVATE KEY-----\n")[2]
    )
    context.check_hostname = False
    with gateway.session(STRANGER) as client:
        client.starttls(context=context)
        client.sendmail("sender@elsewhere.test", "secret@a.test", note().as_bytes())
    sink.await_mail("secret@a.test")


def test_tls_off_hides_starttls_from_that_group_only(fleet: Fleet) -> None:
    fleet.commit(fleet.london.mode, "listenerconfig", limited(tls="off"))
    with fleet.london.gateway.session(STRANGER) as stranger, fleet.london.gateway.session(FRIEND) as friend:
        assert not stranger.has_extn("starttls")
        assert friend.has_extn("starttls")


def test_recipients_per_hour_are_counted_per_client_of_the_group(fleet: Fleet) -> None:
    fleet.commit(fleet.paris.mode, "listenerconfig", limited(max_recipients_per_hour=3))
    with fleet.paris.gateway.session(STRANGER) as client:
        client.mail("sender@elsewhere.test")
        codes = [client.rcpt(f"r{n}@a.test")[0] for n in range(4)]
    assert codes == [250, 250, 250, 452]
    assert fleet.paris.gateway.rcpt("again@a.test", source=STRANGER).startswith("452")
    assert fleet.paris.gateway.rcpt("again@a.test", source="127.0.0.9").startswith("250")
    for gateway, source in ((fleet.paris.gateway, FRIEND), (fleet.leeds.gateway, STRANGER)):
        with gateway.session(source) as client:
            client.mail("sender@elsewhere.test")
            assert [client.rcpt(f"r{n}@a.test")[0] for n in range(4)] == [250] * 4


def test_recipients_per_message_are_limited_anew_in_each_message(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(CLUSTER, "listenerconfig", limited(max_recipients_per_message=2))
    with fleet.leeds.gateway.session(STRANGER) as client:
        for number in (1, 2):
            client.mail("sender@elsewhere.test")
            assert [client.rcpt(f"{number}{n}@a.test")[0] for n in "abc"] == [250, 250, 452]
            client.data(note().as_bytes())
    assert set(sink.await_mail("2a@a.test").recipients) == {"2a@a.test", "2b@a.test"}


def test_messages_per_connection_end_the_connection(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(fleet.leeds.mode, "listenerconfig", limited(max_messages_per_connection=2))
    client = fleet.leeds.gateway.session(STRANGER)
    for number in (1, 2):
        client.sendmail("sender@elsewhere.test", f"m{number}@a.test", note().as_bytes())
    client.mail("sender@elsewhere.test")
    assert client.rcpt("m3@a.test")[0] == 421
    client.close()
    fleet.leeds.gateway.send("m4@a.test", source=STRANGER)
    sink.await_mail("m4@a.test")


def test_message_size_of_a_group_is_kept_beside_that_of_the_listener(fleet: Fleet, sink: Sink) -> None:
    fleet.commit(fleet.london.mode, "listenerconfig", limited(max_message_size=5000))
    big = note(("y" * 70 + "\n") * 100).as_bytes()
    with (
        fleet.london.gateway.session(STRANGER) as client,
        pytest.raises(smtplib.SMTPDataError) as refused,
    ):
        client.sendmail("sender@elsewhere.test", "big@a.test", big)
    assert refused.value.smtp_code == 552
    with fleet.london.gateway.session(FRIEND) as client:
        client.sendmail("sender@elsewhere.test", "big@a.test", big)
    sink.await_mail("big@a.test")


def test_connections_at_a_time_are_limited_per_client(fleet: Fleet) -> None:
    fleet.commit(fleet.london.mode, "listenerconfig", limited(max_connections=2))
    gateway = fleet.london.gateway
    with gateway.session(STRANGER), gateway.session(STRANGER):
        assert gateway.greeting(STRANGER).startswith("421 ")
        assert gateway.greeting("127.0.0.9").startswith("220 ")
    assert fleet.leeds.gateway.greeting(STRANGER).startswith("220 ")
