"""The demo's sinks and its trickle of mail, as a program of its own."""

from __future__ import annotations

import asyncio
import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from portal.demo import mail


class Command(BaseCommand):
    help = "Serve the demo's sinks and send a message through each machine in turn; prints what arrives."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pause", type=float, default=3.0, help="seconds between two messages")

    def handle(self, *args: Any, pause: float, **options: Any) -> None:
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        asyncio.run(mail.flow(self.report, pause))

    def report(self, line: str) -> None:
        """One line, at once."""
        self.stdout.write(line)
        self.stdout.flush()
