"""What any gateway does with a client that does not keep to SMTP, and which TLS it speaks (raw sockets)."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliances.features.demonstration import demonstration_certificate
from appliances.features.registry import CATALOGUE
from appliances.features.rendering import render
from clusters.catalogue import Document
from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, listener, listeners, routes
from tests.mail.gateways import PATIENCE, SMTP_PORT, Gateway, Sink, note

FRIEND, STRANGER = "127.0.0.5", "127.0.0.1"
ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\n.\r",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r.\r\n",
    b"\r.\r",
    b"\r.\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\n\0.\r\n",
    b"\r\n.\r\0\n",
]
"""Ends of data that somebody, somewhere, takes for CRLF.CRLF (SEC Consult 2023 and what others added)."""
HIDDEN = (
    b"MAIL FROM:<chief@a.test>\r\nRCPT TO:<victim@a.test>\r\nDATA\r\n"
    b"From: chief@a.test\r\nSubject: hidden\r\n\r\nPay at once.\r\n.\r\n"
)


class Speaker:
    """Says what it is told, byte by byte, and hears the codes of complete replies."""

    def __init__(self, gateway: Gateway, source: str) -> None:
        self._socket = socket.create_connection((gateway.ip, SMTP_PORT), PATIENCE, source_address=(source, 0))
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Speaker:
        return self

    def __exit__(self, *_error: object) -> None:
        self._lines.close()
        self._socket.close()

    def says(self, text: bytes) -> None:
        self._socket.sendall(text)

    def hears(self) -> str:
        """The next reply, its lines joined; empty when the gateway has hung up."""
        reply = ""
        while line := self._lines.readline().decode():
            reply += line
            if line[3:4] != "-":
                break
        return reply

    def ask(self, text: bytes) -> str:
        self.says(text)
        return self.hears()

    def until_the_end(self) -> list[str]:
        return [reply[:3] for reply in iter(self.hears, "")]


@pytest.mark.parametrize("source", [STRANGER, FRIEND])
def test_no_message_hides_in_another(fleet: Fleet, sink: Sink, source: str) -> None:
    """TRN-01: for strangers and for hosts that may relay; what the next host gets has one end too."""
    for number, end in enumerate(ENDS):
        recipient = f"outer{number}@a.test"
        with Speaker(fleet.london.gateway, source) as client:
            assert client.hears().startswith("220")
            assert client.ask(b"EHLO client.test\r\n").startswith("250")
            assert client.ask(b"MAIL FROM:<one@elsewhere.test>\r\n").startswith("250")
            assert client.ask(f"RCPT TO:<{recipient}>\r\n".encode()).startswith("250")
            assert client.ask(b"DATA\r\n").startswith("354")
            client.says(b"Subject: outer\r\n\r\nOne." + end + HIDDEN)
            assert client.hears().startswith("250"), end
            client.says(b"QUIT\r\n")
            assert client.until_the_end() == ["221"], end
        mail = sink.await_mail(recipient)
        assert b"Pay at once." in mail.content, end
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)", mail.content), end
    assert {each for mail in sink.mails for each in mail.recipients} == {
        f"outer{number}@a.test" for number in range(len(ENDS))
    }


def test_who_speaks_before_he_is_answered_hands_over_nothing(fleet: Fleet, sink: Sink) -> None:
    """TRN-02."""
    script = b"MAIL FROM:<a@e.test>\r\nRCPT TO:<early@a.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n"
    for early in (b"EHLO x\r\n" + script, b"HELO x\r\n" + script):
        with Speaker(fleet.london.gateway, STRANGER) as client:
            client.says(early)
            assert not {"354", "421"} & set(heard := client.until_the_end()), heard
            assert "554" in heard
    assert sink.mails == []


def test_pipelining_that_was_offered_is_taken(fleet: Fleet, sink: Sink) -> None:
    """TRN-02."""
    with Speaker(fleet.london.gateway, STRANGER) as client:
        assert client.hears().startswith("220")
        assert "PIPELINING" in client.ask(b"EHLO client.test\r\n")
        client.says(b"MAIL FROM:<a@e.test>\r\nRCPT TO:<early@a.test>\r\nDATA\r\n")
        assert [client.hears()[:3] for _command in range(3)] == ["250", "250", "354"]
        assert client.ask(b"Subject: x\r\n\r\nx\r\n.\r\n").startswith("250")
    sink.await_mail("early@a.test")


def test_sender_without_a_greeting_is_refused(fleet: Fleet) -> None:
    """TRN-02."""
    with Speaker(fleet.london.gateway, STRANGER) as client:
        assert client.hears().startswith("220")
        assert client.ask(b"MAIL FROM:<a@e.test>\r\n").startswith("503 5.5.1")


def weak(purpose: int) -> ssl.SSLContext:
    """TLS 1.1 at most, as OpenSSL still speaks it when it is urged."""
    context = ssl.SSLContext(purpose)
    context.check_hostname = False if purpose == ssl.PROTOCOL_TLS_CLIENT else context.check_hostname
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused_coming_in_and_the_new_is_in_the_log(fleet: Fleet) -> None:
    """TRN-03: whether the sender group prefers TLS or requires it."""
    gateway = fleet.london.gateway
    for tls in ("preferred", "required"):
        fleet.commit(fleet.london.mode, "listenerconfig", for_strangers(tls=tls))
        with gateway.session(STRANGER) as client, pytest.raises(ssl.SSLError):
            client.starttls(context=weak(ssl.PROTOCOL_TLS_CLIENT))
    with gateway.session(STRANGER) as client:
        client.starttls(context=trusting())
        assert client.ehlo()[0] == 250
    assert gateway.await_log("smtpd", "TLS connection established from", "TLSv1.3")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused_going_out_and_the_new_is_in_the_log(
    fleet: Fleet, sink: Sink, make_sink: Callable[..., Sink], tmp_path: Path
) -> None:
    """TRN-03: where TLS is required the mail waits."""
    old = make_sink(tls=with_certificate(weak(ssl.PROTOCOL_TLS_SERVER), tmp_path))
    new = make_sink(tls=with_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tmp_path))
    required = [{"domain": domain, "tls": "required"} for domain in ("a.test", "b.test")]
    fleet.change(
        (CLUSTER, "smtproutes", routes(a__test=old.ip, b__test=new.ip, ALL=sink.ip)),
        (CLUSTER, "destconfig", {"destinations": required}),
    )
    fleet.london.gateway.send(["kept@a.test", "safe@b.test"])
    assert new.await_mail("safe@b.test").encrypted
    assert fleet.london.gateway.await_log("TLS connection established to", new.ip)
    assert fleet.london.gateway.await_log("to=<kept@a.test>", "status=deferred", "Cannot start TLS")
    assert old.mails == []


def test_renegotiation_is_refused(fleet: Fleet) -> None:
    """TRN-03: with OpenSSL's own client, which asks for it by the letter R."""
    gateway = fleet.london.gateway
    command = ["openssl", "s_client", "-tls1_2", "-starttls", "smtp", "-connect", f"{gateway.ip}:{SMTP_PORT}"]
    done = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "Protocol  : TLSv1.2" in done.stdout
    assert "no renegotiation" in done.stderr


def for_strangers(**changes: Any) -> Document:
    document = listener()
    document["hat"]["policies"][1] |= changes
    return listeners(document)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def with_certificate(context: ssl.SSLContext, folder: Path) -> ssl.SSLContext:
    pem = folder / "sink.pem"
    pem.write_text(demonstration_certificate("sink.test"))
    context.load_cert_chain(pem)
    return context


def offered(gateway: Gateway, source: str) -> set[str]:
    with gateway.session(source) as client:
        return set(client.esmtp_features) & {"etrn", "dsn", "chunking", "starttls"}


@pytest.mark.parametrize("tls", ["preferred", "off"])
def test_strangers_are_told_of_nothing_that_is_for_our_own_hosts(fleet: Fleet, tls: str) -> None:
    """TRN-04: a table for single clients takes the place of the general list, so it says all again."""
    fleet.commit(fleet.london.mode, "listenerconfig", for_strangers(tls=tls))
    gateway = fleet.london.gateway
    assert offered(gateway, STRANGER) == ({"starttls"} if tls == "preferred" else set())
    assert offered(gateway, FRIEND) == {"dsn", "chunking", "starttls"}
    with gateway.session(STRANGER) as client:
        client.mail("a@elsewhere.test")
        code, _text = client.docmd("RCPT TO:<x@a.test> NOTIFY=SUCCESS")
        assert code >= 500


def crowd(gateway: Gateway, source: str, count: int) -> list[socket.socket]:
    """Connections of one client that say nothing, greeted or not."""
    place = (gateway.ip, SMTP_PORT)
    return [socket.create_connection(place, PATIENCE, source_address=(source, 0)) for _each in range(count)]


def greeting(connection: socket.socket, patience: float = PATIENCE) -> str:
    connection.settimeout(patience)
    return connection.recv(200).decode()


def test_one_client_cannot_occupy_a_listener(fleet: Fleet) -> None:
    """TRN-05: another client is greeted within a second."""
    changes = {"max_connections": 4, "max_connections_per_client": 2}
    fleet.commit(fleet.london.mode, "listenerconfig", listeners(listener(**changes)))
    gateway = fleet.london.gateway
    idle = crowd(gateway, STRANGER, 40)
    try:
        codes = [greeting(each)[:3] for each in idle]
        assert codes.count("220") == 2
        assert codes.count("421") == 38
        (other,) = crowd(gateway, "127.0.0.9", 1)
        idle.append(other)
        assert greeting(other, patience=1).startswith("220 ")
    finally:
        for each in idle:
            each.close()


def test_sender_group_may_have_more_or_fewer_connections_than_the_listener_gives_a_client(
    fleet: Fleet,
) -> None:
    """TRN-05: whatever the order and kind of the patterns; the first group that names a client decides."""
    hat = {
        "sender_groups": [
            {"name": "FEW", "hosts": ["127.0.0.21"], "policy": "ONE"},
            {"name": "MANY", "hosts": ["127.0.0.16/28", "localhost"], "policy": "FOUR"},
            {"name": "ALL", "hosts": ["ALL"], "policy": "USUAL"},
        ],
        "policies": [
            {"name": "ONE", "max_connections": 1},
            {"name": "FOUR", "max_connections": 4},
            {"name": "USUAL"},
        ],
    }
    changes = {"hat": hat, "max_connections": 20, "max_connections_per_client": 2}
    fleet.commit(fleet.london.mode, "listenerconfig", listeners(listener(**changes)))
    for source, most in (("127.0.0.21", 1), ("127.0.0.22", 4), ("127.0.0.1", 4), ("127.0.0.9", 2)):
        open_ones: list[socket.socket] = []
        try:
            # One after another: a limit of a group counts all that have come, greeted or not.
            while (answer := greeting((one := crowd(fleet.london.gateway, source, 1))[0])).startswith("220"):
                open_ones += one
            one[0].close()
            assert (len(open_ones), answer[:3]) == (most, "421"), source
        finally:
            for each in open_ones:
                each.close()


BARE = {"name": "Incoming", "interface": "Data", "port": SMTP_PORT}
"""A listener of which nobody has said more than where it is."""


def said(client: Speaker, *commands: str) -> list[str]:
    return [client.ask(f"{command}\r\n".encode())[:3] for command in commands]


def test_new_listener_takes_what_the_factory_lets_strangers_bring_and_no_more(
    fleet: Fleet, sink: Sink
) -> None:
    """TRN-06: 50 recipients a message, 10 messages a connection, 10 connections."""
    fleet.commit(
        fleet.london.mode,
        "listenerconfig",
        listeners({**BARE, "rat": {"entries": [{"recipient": "a.test"}]}}),
    )
    with Speaker(fleet.london.gateway, STRANGER) as client:
        assert client.hears().startswith("220")
        assert said(client, "EHLO x.test", "MAIL FROM:<a@e.test>") == ["250", "250"]
        assert client.ask(b"RCPT TO:<x@elsewhere.test>\r\n").startswith("554")
        codes = said(client, *(f"RCPT TO:<r{number}@a.test>" for number in range(51)))
        assert codes == ["250"] * 50 + ["452"]
        for number in range(9):
            assert said(client, "RSET", "MAIL FROM:<a@e.test>", f"RCPT TO:<m{number}@a.test>") == ["250"] * 3
        assert said(client, "RSET", "MAIL FROM:<a@e.test>", "RCPT TO:<last@a.test>") == ["250", "250", "421"]
    several = crowd(fleet.london.gateway, "127.0.0.9", 11)
    try:
        assert sorted(greeting(each)[:3] for each in several) == ["220"] * 10 + ["421"]
    finally:
        for each in several:
            each.close()


def test_new_private_listener_knows_nobody_until_its_relaylist_does(fleet: Fleet, sink: Sink) -> None:
    """TRN-06: the same words make a public listener and a private one, each with the table of its type."""
    private = CATALOGUE.check("listenerconfig", fleet.london.mode, listeners({**BARE, "type": "private"}))
    fleet.commit(fleet.london.mode, "listenerconfig", private)
    assert fleet.london.gateway.greeting(FRIEND).startswith("554 5.7.1 ")
    private["listeners"][0]["hat"]["sender_groups"][0]["hosts"] = [FRIEND]
    fleet.commit(fleet.london.mode, "listenerconfig", private)
    fleet.london.gateway.send("x@anywhere.test", source=FRIEND)
    sink.await_mail("x@anywhere.test")
    assert fleet.london.gateway.greeting(STRANGER).startswith("554 5.7.1 ")


def test_mail_goes_on_while_the_policy_service_is_away(
    fleet: Fleet, sink: Sink, request: pytest.FixtureRequest
) -> None:
    """TRN-07: then only the listener's own limits hold; nobody is told to come again."""
    gateway = fleet.london.gateway
    fleet.commit(fleet.london.mode, "listenerconfig", for_strangers(max_recipients_per_message=1))
    gateway.loop.run(gateway.policy.stop())
    request.addfinalizer(lambda: gateway.loop.run(gateway.policy.start()))
    gateway.send(["one@a.test", "two@a.test"], source=STRANGER)
    sink.await_mail("two@a.test")


def test_postmaster_without_a_domain_goes_where_the_settings_say(fleet: Fleet, sink: Sink) -> None:
    """TRN-08: on machines of any name, past the row of a domain, and by further aliases."""
    hub = {"alias": "@a.test", "targets": ["hub@b.test"]}
    duty = {"alias": "duty@a.test", "targets": ["ann@b.test"]}
    fleet.change(
        (CLUSTER, "aliasconfig", {"postmaster": "it@a.test", "aliases": [hub]}),
        (PARIS, "aliasconfig", {"postmaster": "duty@a.test", "aliases": [duty]}),
    )
    for member, recipient in ((fleet.london, "it@a.test"), (fleet.paris, "ann@b.test")):
        assert member.gateway.rcpt("postmaster").startswith("250")
        with member.gateway.session() as client:
            client.sendmail("sender@elsewhere.test", ["Postmaster"], note().as_bytes())
        sink.await_mail(recipient)
    assert {each for mail in sink.mails for each in mail.recipients} == {"it@a.test", "ann@b.test"}


@pytest.mark.parametrize("asked", [False, True])
def test_disclaimer_leaves_signed_mail_of_strangers_unless_asked(
    fleet: Fleet, sink: Sink, asked: bool
) -> None:
    """TRN-09: mail of hosts that may relay gets it all the same, and so does what nobody has signed."""
    stamped = listener(disclaimer_below="legal", disclaimer_on_signed=asked)
    text = {"resources": [{"name": "legal", "text": "Example Ltd."}]}
    mode = fleet.london.mode
    fleet.change((mode, "listenerconfig", listeners(stamped)), (mode, "textconfig", text))
    for recipient, source, signature in (
        ("plain@a.test", STRANGER, ""),
        ("signed@a.test", STRANGER, "DKIM-Signature"),
        ("sealed@a.test", STRANGER, "arc-message-signature"),
        ("ours@a.test", FRIEND, "DKIM-Signature"),
    ):
        message = note()
        if signature:
            message[signature] = "v=1; a=rsa-sha256; d=e.test; s=s; h=from; bh=x; b=x"
        with fleet.london.gateway.session(source) as client:
            client.sendmail("sender@elsewhere.test", [recipient], message.as_bytes())
        found = b"Example Ltd." in sink.await_mail(recipient).content
        assert found is (asked or not signature or source == FRIEND), recipient


def test_mail_for_own_domains_does_not_wait_for_the_agent_of_all_others(
    fleet: Fleet, sink: Sink, request: pytest.FixtureRequest
) -> None:
    """TRN-10: where that agent can do nothing, what comes in still arrives."""
    member = fleet.london
    made = render(member.effective.documents, member.gateway.certificate)
    made.configuration.set("defer_transports", "smtp")
    request.addfinalizer(lambda: setattr(member, "enforced", ""))
    member.gateway.generations.apply(made.configuration, shadow=False)
    member.gateway.send(["far@anywhere.test", "near@a.test", "near@b.test"], source=FRIEND)
    sink.await_mail("near@a.test")
    sink.await_mail("near@b.test")
    assert member.gateway.await_log("to=<far@anywhere.test>", "status=deferred")
