"""Sinks that receive what the demo's gateways deliver, and a trickle of mail through each of them."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import smtplib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial

from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.demo.plan import CLUSTERS, NET, SINK_PORT, SINKS, SMTP_PORT, DemoCluster, DemoMachine

SENDERS = (f"{NET}.202.1", f"{NET}.202.2", f"{NET}.201.5")
SUBJECTS = (
    "Delivery note",
    "Offer",
    "Minutes of the meeting",
    "Container 4711",
    "Invoice",
    "Lunch on Friday?",
)
GATEWAY = re.compile(r"by ([\w.-]+) \(Postfix\)")

Report = Callable[[str], None]


class Sink:
    """An SMTP server that takes everything and reports a line for each message."""

    def __init__(self, name: str, report: Report) -> None:
        self.name = name
        self._report = report

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        text = (
            (envelope.content or b"").decode("utf-8", "replace")
            if isinstance(envelope.content, bytes)
            else ""
        )
        gateway = GATEWAY.search(text)
        via = gateway.group(1) if gateway else "?"
        for recipient in envelope.rcpt_tos:
            self._report(f"{datetime.now(UTC):%H:%M:%S}  {self.name:<16} got {recipient:<32} via {via}")
        return "250 taken"


def ways() -> Iterator[tuple[DemoCluster, DemoMachine]]:
    """Every machine of the demo with its cluster, round and round."""
    return itertools.cycle([(cluster, machine) for cluster in CLUSTERS for machine in cluster.machines])


def message(sender: str, recipient: str) -> EmailMessage:
    """A small plausible message."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, recipient, random.choice(SUBJECTS)
    mail["Date"], mail["Message-ID"] = format_datetime(datetime.now(UTC)), make_msgid(domain="demo.example")
    mail.set_content("Good day,\n\nplease find the details in our portal.\n\nKind regards\n")
    return mail


def recipients(cluster: DemoCluster) -> list[str]:
    """The domains that the cluster's listener takes mail for."""
    listener = cluster.settings["listenerconfig"]["listeners"][0]
    return [entry["recipient"] for entry in listener["rat"]["entries"]]


def send(cluster: DemoCluster, machine: DemoMachine, report: Report) -> None:
    """One message through one machine; a refusal is reported and forgotten."""
    recipient = f"desk@{random.choice(recipients(cluster))}"
    try:
        with smtplib.SMTP(
            machine.address, SMTP_PORT, timeout=10, source_address=(random.choice(SENDERS), 0)
        ) as client:
            client.send_message(message("partner@elsewhere.example", recipient))
    except (OSError, smtplib.SMTPException) as error:
        report(f"{datetime.now(UTC):%H:%M:%S}  {cluster.hostname(machine)} did not take a message: {error}")


async def flow(report: Report, pause: float) -> None:
    """Serve all sinks and send a message each `pause` seconds, machine after machine, for ever."""
    loop = asyncio.get_running_loop()
    for name, address in SINKS.items():
        sink = Sink(name, report)
        await loop.create_server(partial(SMTP, sink, hostname=sink.name), address, SINK_PORT)
    for cluster, machine in ways():
        await asyncio.to_thread(send, cluster, machine, report)
        await asyncio.sleep(pause)
