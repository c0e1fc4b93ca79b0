"""Real gateways and the hosts around them: Postfix with our milter and policy service, sinks, clients."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import smtplib
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from appliances.features.demonstration import demonstration_certificate
from appliances.features.limiting import PolicyRule
from appliances.features.listening import MILTER_SOCKET, POLICY_SOCKET
from appliances.features.rendering import Rendered, render
from appliances.postfix.generations import Generations
from appliances.postfix.instance import Instance
from appliances.postfix.log import Position
from appliances.postfix.milter import Milter
from appliances.postfix.parts import Place
from appliances.postfix.policy import PolicyService
from appliances.postfix.processes import holders
from clusters.catalogue import Document

SMTP_PORT = 2525
SINK_PORT = 2526
PATIENCE = 30.0
"""Seconds to wait for a message before a test fails."""

Result = TypeVar("Result")

_numbers = itertools.count(1)


def address() -> str:
    """A loopback address that no other test, worker or run uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    number = next(_numbers)
    return f"127.{140 + worker}.{os.getpid() % 200 + 1 + number // 250}.{number % 250 + 1}"


class Loop:
    """An event loop in a thread, on which sinks and the gateways' own services run."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


@dataclass(frozen=True)
class Mail:
    """One message that a sink got; `connection` numbers the sink's connections."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    peer: str
    greeted: str
    connection: int
    encrypted: bool
    at: float


@dataclass
class Sink:
    """A host that receives mail and remembers it. `answer` may refuse a recipient.

    `pause` (seconds) makes it a slow host; `most_at_once` is how many messages it had in hand at a time.
    """

    loop: Loop
    ip: str = field(default_factory=address)
    port: int = SINK_PORT
    answer: Callable[[str], str] = lambda recipient: "250 ok"
    tls: ssl.SSLContext | None = None
    mails: list[Mail] = field(default_factory=list)
    pause: float = 0.0
    in_hand: int = 0
    most_at_once: int = 0
    _arrived: threading.Condition = field(default_factory=threading.Condition)
    _server: asyncio.Server | None = None

    def start(self) -> Sink:
        self._server = self.loop.run(self._open())
        return self

    async def _open(self) -> asyncio.Server:
        connections = itertools.count(1)

        def protocol() -> SMTP:
            handler = _Handler(self, next(connections))
            return SMTP(handler, hostname="sink.test", tls_context=self.tls, loop=self.loop.loop)

        return await self.loop.loop.create_server(protocol, self.ip, self.port)

    def stop(self) -> None:
        self.loop.run(self._close())

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def forget(self) -> None:
        """As new: no mail seen, everybody welcome."""
        self.mails, self.most_at_once, self.pause = [], 0, 0.0
        self.answer = lambda recipient: "250 ok"

    def take(self, mail: Mail) -> None:
        with self._arrived:
            self.mails.append(mail)
            self._arrived.notify_all()

    def await_mails(self, recipient: str, count: int = 1) -> list[Mail]:
        """The first messages for that recipient; fails when they do not come."""

        def found() -> list[Mail]:
            return [mail for mail in self.mails if recipient in mail.recipients]

        with self._arrived:
            assert self._arrived.wait_for(lambda: len(found()) >= count, PATIENCE), (
                f"{len(found())} of {count} for {recipient}; got {[m.recipients for m in self.mails]}"
            )
            return found()

    def await_mail(self, recipient: str) -> Mail:
        return self.await_mails(recipient)[0]


class _Handler:
    def __init__(self, sink: Sink, connection: int) -> None:
        self.sink = sink
        self.connection = connection

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, recipient: str, options: list[str]
    ) -> str:
        reply = self.sink.answer(recipient)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(recipient)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        self.sink.in_hand += 1
        self.sink.most_at_once = max(self.sink.most_at_once, self.sink.in_hand)
        await asyncio.sleep(self.sink.pause)
        self.sink.in_hand -= 1
        self.sink.take(
            Mail(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                content=envelope.content,
                peer=session.peer[0] if session.peer else "",
                greeted=str(session.host_name),
                connection=self.connection,
                encrypted=session.ssl is not None,
                at=asyncio.get_running_loop().time(),
            )
        )
        return "250 taken"


class Gateway:
    """A real Postfix with our services, at its own address. `apply` is what the machine's daemon does."""

    def __init__(self, loop: Loop, name: str) -> None:
        self.loop = loop
        self.ip = address()
        self.hostname = f"{name}.example.test"
        # pytest's tmp_path cannot be entered by the user postfix.
        self.home = Path(tempfile.mkdtemp(prefix="gf-", dir="/tmp"))
        self.home.chmod(0o755)
        self.place = Place(self.home)
        self.instance = Instance(self.place)
        self.generations = Generations(self.instance)
        self.certificate = demonstration_certificate(self.hostname)
        self.rule = PolicyRule()
        self.milter = Milter(self.place.spool / MILTER_SOCKET)
        self.policy = PolicyService(self.place.spool / POLICY_SOCKET, self.rule)
        self.rendered: Rendered | None = None

    def start(self) -> Gateway:
        self.instance.prepare()
        self.loop.run(self.milter.start())
        self.loop.run(self.policy.start())
        return self

    def stop(self) -> None:
        self.instance.stop()
        self.loop.run(self.milter.stop())
        self.loop.run(self.policy.stop())
        shutil.rmtree(self.home)

    def apply(self, documents: Mapping[str, Document], *, trial: bool = True) -> Rendered:
        rendered = render(documents, self.certificate)
        self.milter.hook = rendered.milter_rules
        self.rule.rules = rendered.policy_rules
        self.generations.apply(rendered.configuration, shadow=trial)
        self.rendered = rendered
        return rendered

    def session(self, source: str = "127.0.0.1", port: int = SMTP_PORT) -> smtplib.SMTP:
        """A conversation, begun with EHLO; raises smtplib.SMTPConnectError for a refusal."""
        client = smtplib.SMTP(self.ip, port, "client.test", timeout=PATIENCE, source_address=(source, 0))
        client.ehlo()
        return client

    def send(self, recipient: str | list[str], *, source: str = "127.0.0.1", port: int = SMTP_PORT) -> None:
        """A small message; raises smtplib's exceptions for a refusal."""
        with self.session(source, port) as client:
            client.sendmail("sender@elsewhere.test", recipient, note().as_bytes())

    def rcpt(self, recipient: str, *, source: str = "127.0.0.1", port: int = SMTP_PORT) -> str:
        """What the gateway answers for a recipient, as `code text`."""
        with self.session(source, port) as client:
            client.mail("sender@elsewhere.test")
            # Not client.rcpt, which mends what it is given.
            code, text = client.docmd(f"RCPT TO:<{recipient}>")
            return f"{code} {text.decode()}"

    def greeting(self, source: str = "127.0.0.1", port: int = SMTP_PORT) -> str:
        """The first line of a conversation, as `code text`."""
        client = smtplib.SMTP(timeout=PATIENCE, source_address=(source, 0))
        code, text = client.connect(self.ip, port)
        client.close()
        return f"{code} {text.decode()}"

    def await_closed(self, port: int = SMTP_PORT) -> None:
        """Until nobody listens there: an old daemon may still end with the client it had just taken."""
        deadline = time.monotonic() + PATIENCE
        while holders(self.ip, port):
            assert time.monotonic() < deadline, f"port {port} of {self.ip} stays open"
            time.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            self.greeting(port=port)

    def await_log(self, *parts: str) -> bool:
        """Whether a line with all these parts is or comes in the log."""
        found = self.instance.await_line(Position(), lambda line: all(p in line for p in parts), PATIENCE)
        return found is not None


def note(text: str = "Hello.\n") -> EmailMessage:
    """A small message."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "sender@elsewhere.test", "someone@a.test", "Note"
    message.set_content(text)
    return message
