"""Where machines deliver to, and how mail is handed in."""

from __future__ import annotations

import smtplib
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.appliances.machine.machines import SMTP_PORT, free_address, until


@dataclass
class Sink:
    """An SMTP server that takes everything; `subjects` of what has come."""

    address: str = field(default_factory=free_address)
    port: int = 2526
    subjects: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._controller = Controller(self, hostname=self.address, port=self.port)

    def start(self) -> Sink:
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.original_content or b""
        with self._lock:
            self.bodies.append(content)
            for line in content.decode("utf-8", "replace").splitlines():
                if line.startswith("Subject: "):
                    self.subjects.append(line.removeprefix("Subject: "))
        return "250 taken"

    @property
    def route(self) -> str:
        """As `smtproutes set` takes it."""
        return f"[{self.address}]:{self.port}"

    def wait_for(self, subject: str) -> None:
        until(lambda: subject in self.subjects, f"{subject!r} among {self.subjects}")


def send(address: str, subject: str, recipient: str = "bob@example.com") -> None:
    """Hands one message in; raises smtplib's errors."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "alice@example.org", recipient, subject
    mail.set_content("Hello.\n")
    with smtplib.SMTP(address, SMTP_PORT, timeout=20) as client:
        client.send_message(mail)
