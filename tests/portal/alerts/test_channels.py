"""Ways to tell people, against real servers: SMTP, HTTP and HTTPS; and what must never be called."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives.asymmetric import ec

from portal.alerts.channels import outbound, services, webhook
from portal.alerts.channels.base import BadChannel, ChannelError, Message, Passing, Permanent
from portal.alerts.channels.mail import Mail
from portal.alerts.channels.services import SERVICES, Services, plugin_of
from portal.alerts.channels.webhook import Webhook, signature
from tests.portal.installation import free_port

SAID = Message(
    "[critical] rome.example: settings refused", "Postfix refused it", {"event": "opened"}, "gatefold-7"
)
KEY = "a key of twenty signs"


# E-mail


class Sink:
    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.answer = ""

    async def handle_RCPT(  # noqa: N802 - the library calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answer or "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        self.got.append(envelope)
        return "250 OK"


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    found = Sink()
    controller = Controller(found, "127.0.0.1", free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.DEFAULT_FROM_EMAIL = "gatefold@portal.example"
    yield found
    controller.stop()


KEPT = {"recipients": "ops@acme.example, night@acme.example"}


def test_mail_arrives_at_every_recipient(sink: Sink) -> None:
    Mail().send(KEPT, SAID)
    assert sink.got[0].rcpt_tos == ["ops@acme.example", "night@acme.example"]
    content = bytes(sink.got[0].content or b"")
    assert b"Subject: [critical] rome.example: settings refused" in content
    assert b"Auto-Submitted: auto-generated" in content


def test_line_break_in_a_title_makes_no_header(sink: Sink) -> None:
    Mail().send(KEPT, Message("rome\r\nBcc: spy@evil.example", "x", {}))
    assert sink.got[0].rcpt_tos == ["ops@acme.example", "night@acme.example"]
    assert b"\nBcc:" not in bytes(sink.got[0].content or b"")


@pytest.mark.parametrize(("answer", "kind"), [("550 no such user", Permanent), ("451 later", Passing)])
def test_refused_recipient_is_passing_or_permanent_as_the_server_says(
    sink: Sink, answer: str, kind: type[ChannelError]
) -> None:
    sink.answer = answer
    with pytest.raises(kind):
        Mail().send(KEPT, SAID)


def test_mail_server_that_is_away_is_passing_and_none_is_permanent(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    with pytest.raises(Passing):
        Mail().send(KEPT, SAID)
    settings.EMAIL_HOST = ""
    with pytest.raises(Permanent, match="GATEFOLD_EMAIL_URL"):
        Mail().send(KEPT, SAID)


@pytest.mark.parametrize(
    "entered", ["", "nobody", "a@b.example\nx y", ",".join(f"u{n}@a.example" for n in range(21))]
)
def test_bad_recipients_are_refused(entered: str) -> None:
    with pytest.raises(BadChannel):
        Mail().checked({"recipients": entered})


# Webhooks


class Server:
    """A real HTTP server that keeps what it was sent."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.code, self.headers, self.drip = 200, {"X-Nothing": "0"}, 0.0
        around = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                around.got.append((dict(self.headers), body))
                self.send_response(around.code)
                for name, value in around.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    while around.drip:
                        self.wfile.write(b"x")
                        self.wfile.flush()
                        time.sleep(around.drip)
                except OSError:
                    return

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self.drip = 0.0
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.GATEFOLD_WEBHOOK_ALLOW = ["127.0.0.0/8"]


def kept(port: int, host: str = "127.0.0.1", scheme: str = "http") -> dict[str, str]:
    return {"url": f"{scheme}://{host}:{port}/hook?x=1", "signing_key": KEY}


@pytest.mark.usefixtures("allowed")
def test_webhook_is_signed_json(server: Server) -> None:
    Webhook().send(kept(server.port), SAID)
    headers, body = server.got[0]
    assert json.loads(body) == {"title": SAID.title, "text": SAID.body, "event": "opened"}
    moment = int(headers["X-Gatefold-Signature"].partition(",")[0].removeprefix("t="))
    assert headers["X-Gatefold-Signature"] == signature(KEY, moment, body)
    assert headers["X-Gatefold-Delivery"] == "gatefold-7"
    assert headers["Host"] == f"127.0.0.1:{server.port}"


def test_internal_server_is_never_called_without_permission(server: Server) -> None:
    for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"):
        for scheme in ("http", "https"):
            with pytest.raises(ChannelError):
                Webhook().send(kept(server.port, host, scheme), SAID)
    assert server.got == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1%eth0",
        "fd00:ec2::254", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::",
        "64:ff9b:1::a9fe:a9fe", "192.0.0.192", "168.63.129.16", "100.100.100.200", "fec0::1", "fd20:ce::254",
        "::ffff:168.63.129.16", "64:ff9b::192.0.0.192", "2002:a83f:8110::", "3fff::1",
    ],
)  # fmt: skip
def test_internal_address_is_refused(address: str) -> None:
    """TRU-02: also what only a cloud's own machines reach, in each form in which it can be written."""
    with pytest.raises(Permanent, match="internal address"):
        outbound.address_of("hook.example", 443, lambda _host, _port: [address])


def test_public_address_is_taken_and_a_half_internal_name_is_not() -> None:
    assert str(outbound.address_of("x", 443, lambda _h, _p: ["93.184.216.34"])) == "93.184.216.34"
    assert str(outbound.address_of("x", 443, lambda _h, _p: ["2606:4700::1111"])) == "2606:4700::1111"
    with pytest.raises(Permanent):
        outbound.address_of("x", 443, lambda _h, _p: ["93.184.216.34", "10.0.0.1"])


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70 + ".example"])
def test_name_that_is_none_is_passing(host: str) -> None:
    with pytest.raises(Passing, match="does not resolve"):
        outbound.address_of(host, 443)


def test_allow_list_opens_just_its_networks(settings: Any) -> None:
    settings.GATEFOLD_WEBHOOK_ALLOW = ["10.1.0.0/16"]
    assert str(outbound.address_of("x", 443, lambda _h, _p: ["10.1.2.3"])) == "10.1.2.3"
    with pytest.raises(Permanent):
        outbound.address_of("x", 443, lambda _h, _p: ["10.2.0.1"])


def test_name_that_resolves_to_something_else_a_moment_later_changes_nothing(
    server: Server, settings: Any
) -> None:
    """DNS rebinding: the address that was judged is the one that is called."""
    settings.GATEFOLD_WEBHOOK_ALLOW = ["127.0.0.1/32"]
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    Webhook(rebinding).send(kept(server.port, "rebind.example"), SAID)
    assert asked == ["rebind.example"]
    assert server.got[0][0]["Host"] == f"rebind.example:{server.port}"
    with pytest.raises(Permanent):
        Webhook(rebinding).send(kept(server.port, "rebind.example"), SAID)
    assert len(server.got) == 1


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("code", "kind"), [(302, Permanent), (404, Permanent), (429, Passing), (500, Passing), (503, Passing)]
)
def test_answer_of_the_receiver_decides_and_redirects_are_not_followed(
    server: Server, code: int, kind: type[ChannelError]
) -> None:
    server.code, server.headers = code, {"Location": f"http://127.0.0.1:{server.port}/other"}
    with pytest.raises(kind):
        Webhook().send(kept(server.port), SAID)
    assert len(server.got) == 1


@pytest.mark.usefixtures("allowed")
def test_receiver_that_drips_for_ever_is_left_in_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "PATIENCE", 0.5)
    server.drip = 0.05
    begun = time.monotonic()
    with suppress(Passing):  # cut off in the middle of the answer, or after its first part
        Webhook().send(kept(server.port), SAID)
    assert time.monotonic() - begun < 10


@pytest.mark.usefixtures("allowed")
def test_nobody_there_is_passing() -> None:
    with pytest.raises(Passing):
        Webhook().send(kept(free_port()), SAID)


def certificate(folder: Path, name: str) -> Path:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.usefixtures("allowed")
def test_certificate_is_that_of_the_name_and_not_of_the_address(tmp_path: Path) -> None:
    path = certificate(tmp_path, "hook.example")
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(path)
    found = Server(ours)
    trusting = ssl.create_default_context(cafile=str(path))
    try:
        hook = Webhook(lambda _host, _port: ["127.0.0.1"], trusting)
        hook.send(kept(found.port, "hook.example", "https"), SAID)
        with pytest.raises(Permanent, match="certificate"):
            hook.send(kept(found.port, "other.example", "https"), SAID)
    finally:
        found.close()
    assert len(found.got) == 1


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example", "ftp://hooks.example/", "file:///etc/passwd", "https://", "https://a b/",
        "https://user:pw@hooks.example/", "https://hooks.example:99999/", "https://x.example/\r\nHost: y",
        "http://hooks.example/", "https://x.example/" + "a" * 2000,
    ],
)  # fmt: skip
def test_bad_address_is_refused_when_it_is_entered(url: str) -> None:
    with pytest.raises(BadChannel):
        Webhook(lambda _host, _port: ["93.184.216.34"]).checked({"url": url})


def test_signing_key_is_made_where_none_is_entered_and_weak_ones_are_refused() -> None:
    made = Webhook().checked({"url": "https://hooks.example/x"})["signing_key"]
    assert len(made) > 30
    with pytest.raises(BadChannel, match="16"):
        Webhook().checked({"url": "https://hooks.example/x", "signing_key": "short"})


# Services


@pytest.mark.parametrize("scheme", list(SERVICES))
def test_service_has_an_address_of_its_own(scheme: str) -> None:
    """No host that a person names stands in any form of its addresses, and it can speak TLS alone."""
    plugin = plugin_of(scheme)
    assert not [form for form in plugin.templates if "{host" in form]
    assert not plugin.protocol
    spoken = plugin.secure_protocol
    assert scheme in ([spoken] if isinstance(spoken, str) else spoken)


@pytest.mark.parametrize(
    "url",
    [
        "", "file:///etc/passwd", "json://127.0.0.1/", "xml://10.0.0.1", "mailto://a:b@c.example", "syslog://",
        "dbus://", "macosx://", "ntfys://10.0.0.1/topic", "http://127.0.0.1/", "slack://", "discord://x/y?verify=no",
        "discord://1/2?template=/etc/passwd", "discord://1/2?avatar_url=http://10.0.0.1/", "schema://plugin",
        "discord://1/2?redirect=yes", "discord://1/2?rto=9999",
    ],
)  # fmt: skip
def test_what_reads_files_or_calls_other_hosts_is_refused(url: str) -> None:
    with pytest.raises(BadChannel):
        Services().checked({"url": url})


DISCORD = "discord://123456789012345678/abcdefghijklmnopqrstuvwxyz"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"


@pytest.mark.parametrize("base", [DISCORD, SLACK])
@pytest.mark.parametrize("lead", ["#x?", "?", "/#?", "/#x?to=a&", "?to=a;", "?#x?", "?to=a#&", "?%74o=a&"])
@pytest.mark.parametrize(
    "option",
    [
        "template=http://127.0.0.1:18081/latest/meta-data", "template=/etc/x.json", "Template=/etc/x.json",
        "%74emplate=/etc/x.json", "+template=/etc/x.json", ":app_id=x", "cto=9999", "rto=9999", "verify=no",
        "redirect=yes", "format=html",
    ],
)  # fmt: skip
def test_option_that_is_not_on_the_list_is_refused_wherever_the_library_reads_it(
    base: str, lead: str, option: str
) -> None:
    """TRU-01: behind a "#", after a ";", escaped, in capitals: options are what the library reads as such."""
    assert plugin_of(base.partition(":")[0]).parse_url(f"{base}{lead}{option}".replace("/#", "/%23"))["qsd"]
    with pytest.raises(BadChannel, match="Leave out"):
        Services().checked({"url": f"{base}{lead}{option}"})


def test_address_that_an_older_release_kept_is_checked_again_before_it_is_called() -> None:
    """TRU-01: what stands in the database is not trusted more than what a person enters now."""
    with pytest.raises(Permanent, match="Enter it again"):
        Services().send({"url": f"{DISCORD}#x?template=http://127.0.0.1:1/"}, SAID)


def test_object_of_the_library_that_reads_a_file_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRU-01: also if an option of that kind were on the list one day."""
    monkeypatch.setattr(services, "OPTIONS", services.OPTIONS | {"template"})
    template = tmp_path / "secret.json"
    template.write_text('{"content": "secret"}')
    with pytest.raises(BadChannel, match="does not know such an address"):
        Services().checked({"url": f"{DISCORD}?template={template}"})


@pytest.mark.parametrize("base", [DISCORD, SLACK])
def test_library_waits_a_bounded_time_with_certificates_checked(base: str) -> None:
    """TRU-01: the object that was built is looked at, not the text."""
    built = services._service(base)
    assert max(built.request_timeout) <= 10
    assert (built.verify_certificate, built.redirects) == (True, False)


def test_service_with_very_many_recipients_is_refused() -> None:
    """TRU-01: each of them is called in turn, and each may take its time."""
    many = "/".join(str(100000 + number) for number in range(21))
    with pytest.raises(BadChannel, match="at most 20"):
        Services().checked({"url": f"tgram://123456789:abcdefg_hijklmnop/{many}"})


@pytest.mark.parametrize("url", [SLACK, f"{SLACK}?to=ops", f"{DISCORD}/?thread=12345"])
def test_options_on_the_list_and_channels_by_name_are_taken(url: str) -> None:
    """TRU-01: what people need goes on working."""
    assert Services().checked({"url": url}) == {"url": url}


def test_service_gets_title_and_text_and_its_refusal_is_passing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real library, with only the service's own address turned to a local server."""
    address = {"url": "discord://1234567890/abcdefghijk"}
    assert Services().checked(address) == address
    assert Services().shown(address) == "Discord"
    monkeypatch.setattr(plugin_of("discord"), "notify_url", f"http://127.0.0.1:{server.port}/api")
    server.code = 204
    Services().send(address, SAID)
    assert SAID.body in server.got[0][1].decode()
    server.code = 500
    with pytest.raises(Passing, match="Discord"):
        Services().send(address, SAID)
